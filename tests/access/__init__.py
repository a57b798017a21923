"""Who may call the API, from where, and what of it is cached or logged."""
