"""Requests as such: many objects in one, and what HTTP leaves to a client whatever the resource."""
