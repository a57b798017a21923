"""The reference client, in a folder that a mobile developer may copy.

It imports httpx and the standard library, and nothing from this project.
"""
