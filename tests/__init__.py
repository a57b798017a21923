"""The specification: one room for each subject; `clients` and `stack` are what they share.

A room of tests imports those two and itself. CONTRIBUTING.md says which test goes where.
"""
