"""`make demo`: a story told on a stack of its own, on a real backup, with the figures it measures.

It uses the store as a user does: through its API, the reference client and the operator's commands.
"""
