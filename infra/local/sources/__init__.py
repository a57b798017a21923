"""What invokes a function besides a request: the stream, queues and schedules. And expiry of rows."""
