"""What a client learns from `/changes`, and whether its mirror ends equal to the box."""
