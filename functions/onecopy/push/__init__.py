"""Telling subscribers of changes: the fan-out and the channels, each one `send`. No route, no table key."""
