"""Finds objects and folders by criteria, and what came and went. Read-only; indexes serve where they can."""
