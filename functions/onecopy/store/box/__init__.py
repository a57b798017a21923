"""What a box holds, and what is done to it: folders, objects, content, the log, background jobs."""
