"""Searches (NMS): what they find, in which order, where they look and what they read; what came and went."""
