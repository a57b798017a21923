"""Notifies subscribers of changes: the fan-out, and channels with one `send` each. No route, no table key."""
