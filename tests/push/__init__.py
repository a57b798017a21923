"""Subscriptions, and how changes are pushed to whoever subscribed."""
