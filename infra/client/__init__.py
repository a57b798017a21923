"""The reference client, alone: a mobile developer may copy this folder.

It imports httpx and the standard library, and nothing of this project.
"""
