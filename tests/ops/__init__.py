"""The operator's commands: import, check, restore, wipe, doctor."""
