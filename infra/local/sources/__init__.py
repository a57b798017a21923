"""What invokes functions other than requests: the stream, queues and schedules. Also the expiry of rows."""
