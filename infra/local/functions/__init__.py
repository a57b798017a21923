"""Lambda's part: the template's functions, each with its own environment, rights and processes.

They are invoked by `gateway` (requests) and `sources` (everything else).
"""
