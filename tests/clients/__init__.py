"""The outside world, played for tests: clients of the API, receivers of pushes, browsers, backup files.

They know only the API, and nothing behind it. There are no tests here, and no imports from a room of tests.
"""
