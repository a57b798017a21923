"""The template as AWS takes it: the reader of it, the rules that hold it (`lint`), the bundle (`bundle`).

Nothing here starts a stack.
"""
