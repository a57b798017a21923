"""A phone's backup file, read message by message.

Nothing here knows a store or a network.
"""
