"""What a client learns from `/changes`, and whether its mirror ends up equal to the box."""
