"""The `onecopy` command: what an operator runs from a shell.

An import uses the public API alone (`importing`); check, restore and wipe work on the table (`rows`).
"""
