"""The table and the bucket, as the operator's commands read and write them.

Nothing here uses the store's API.
"""
