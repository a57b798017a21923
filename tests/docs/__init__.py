"""What the documentation says is true: its commands, links, tables and figures, the demo, and the rooms."""
