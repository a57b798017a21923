"""Lambda's part: the template's functions, each with its own environment, rights and processes.

What invokes them is in `gateway` (requests) and `sources` (everything else).
"""
