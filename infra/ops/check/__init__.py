"""`onecopy check`: whether what the store holds agrees with itself."""
