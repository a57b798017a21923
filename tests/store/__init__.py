"""The store's own rules: its words, its transactions, its background work, and DynamoDB answering badly."""
