"""`onecopy check`: whether what the store holds is consistent."""
