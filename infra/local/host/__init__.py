"""What the local stack takes from the machine it runs on: a folder for secrets, a log, a parent process.

Nothing here knows AWS.
"""
