"""The stacks that tests run on, and ways to look behind the API or to act as a part of AWS.

There are no tests here. Of the rooms of tests, only `clients` is imported.
"""
