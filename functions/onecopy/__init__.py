"""Onecopy: an OMA message store that keeps one copy of every message and as many links to it as you like."""
