"""Deploys a throw-away stack into a real account, runs the black-box tests on it, and removes it.

Nothing here is ever part of a stack that stays.
"""
