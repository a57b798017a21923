"""How a change is committed: the layout of the table, a write in the making, the loop of every write."""
