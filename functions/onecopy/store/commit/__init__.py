"""How a change is committed: the table's layout, the draft of a write, and the loop of every write."""
