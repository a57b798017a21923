"""Subscriptions, and how changes are pushed to subscribers."""
