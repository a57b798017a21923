"""The world outside, as tests play it: clients of the API, receivers of pushes, browsers, backup files.

They know the API and nothing of what lies behind it. No test in here, and no import of a room of tests.
"""
