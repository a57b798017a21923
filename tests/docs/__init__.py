"""What the documentation says is true: commands, links, tables, figures, the demo, the rooms."""
