"""`make demo`: a story played on a stack of its own with a real backup, and the figures that it measures.

It uses the store as a user does: through its API, the reference client and the operator's commands.
"""
