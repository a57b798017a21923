"""Subscriptions, what is on its way to each subscriber, and which hosts are slow."""
