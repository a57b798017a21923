"""The table and the bucket themselves, as the operator's commands read and write them.

No HTTP in here.
"""
