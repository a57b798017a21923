"""The specification: one room for each subject. All of them share `clients` and `stack`.

A room of tests imports only those two and itself. CONTRIBUTING.md says which test goes where.
"""
