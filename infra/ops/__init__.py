"""The `onecopy` command, which an operator runs from a shell.

An import uses only the public API (`importing`); check, restore and wipe work on the table (`rows`).
"""
