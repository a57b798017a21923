"""Measures calls to AWS, capacity units, bytes and start-up time. `make bench` prints them.

The real handlers run in this process, where each of their calls is counted. Nothing here is part of a stack.
"""
