"""Reads a phone's backup file, message by message.

Nothing here knows of a store or a network.
"""
