"""The store's own rules: its domain, its transactions, its background work, and errors from DynamoDB."""
