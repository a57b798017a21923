"""`onecopy import`: stores messages in a box, only through the store's public API."""
