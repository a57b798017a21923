"""`onecopy import`: messages into a box, through the store's public API alone."""
