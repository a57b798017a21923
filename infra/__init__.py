"""What runs around the product: its template, the stack on one machine, reference clients, operators' tools.

`tests/docs/test_rooms.py` says which of these rooms may import which. Nothing in here runs at AWS.
"""
