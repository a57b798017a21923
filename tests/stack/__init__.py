"""The stacks that tests run on, and ways to look behind the API or to act as a part of AWS.

No test in here, and no import of a room of tests but `clients`.
"""
