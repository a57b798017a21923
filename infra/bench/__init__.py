"""What is measured: calls to AWS, capacity units, bytes, start-up time. `make bench` prints it.

The real handlers run in this process here, so that each of their calls is counted. Nothing here is part of
a stack.
"""
