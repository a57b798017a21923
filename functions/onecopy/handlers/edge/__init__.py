"""What the entry points stand on: the request and its caller, a batch, measures, the parts put together."""
