"""The store's terms and their rules. Standard library only: no clock, no id generation, no I/O."""
