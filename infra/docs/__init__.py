"""The documentation, and the command that writes its tables from the code.

No page is written by hand where the code already says it.
"""
