"""A throw-away stack in a real account, tried by the black-box tests and removed.

Nothing here is ever part of a stack that stays.
"""
