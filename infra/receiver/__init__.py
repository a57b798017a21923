"""The reference receiver of push notifications, alone: the writer of a server may copy this folder.

It imports nothing of this project.
"""
