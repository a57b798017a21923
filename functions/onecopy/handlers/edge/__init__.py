"""What the entry points share: the request and its caller, batches, metrics, and the composition of parts."""
