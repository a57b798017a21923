"""Searches (NMS): what they find, in which order, where they look, what they read, what came and what went."""
