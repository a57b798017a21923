"""What the local stack needs of the machine it runs on: a folder for secrets, a log, a parent process.

Nothing here knows AWS.
"""
