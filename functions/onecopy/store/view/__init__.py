"""What of a box is in someone's view: changes of the log and objects of a listing, by `domain.interest`.

No token and no page is made here, and nothing is written.
"""
