"""What an operator runs from a shell. It speaks to a store through its public API only."""
