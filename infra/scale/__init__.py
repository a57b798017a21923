"""The store at a carrier's size: what it costs in a month, what breaks first, and what helps.

`make scale` prints it, and `infra/docs/scale.md` holds it. Everything is calculated, and no stack is started.
What each operation asks of AWS comes from `measured.json`, which the test of the costs compares with a new
measurement. Settings come from the template. The rest is in three tables that name a source for each row:
`limits`, `prices` and `profile`.
"""
