"""Who may call the API, from where, and what may be cached or logged."""
