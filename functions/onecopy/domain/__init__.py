"""The words of the store and their rules. Standard library only: no clock, no ids, no I/O."""
