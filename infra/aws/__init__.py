"""The template as AWS takes it: its reader, the rules for it (`lint`), and the functions' bundle (`bundle`).

Nothing here starts a stack.
"""
