"""The Lambda functions, one file for each trigger. A handler parses, asks, answers."""
