"""The reference receiver of push notifications, in a folder that a server's developer may copy.

It imports nothing from this project.
"""
