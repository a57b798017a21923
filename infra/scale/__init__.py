"""The store at a carrier's size: what it costs in a month, what breaks first, and what helps.

`make scale` prints it; `infra/docs/scale.md` is its page. All is calculated: what each operation asks of AWS
comes from `measured.json`, which the test of the costs holds true; settings come from the template; the
rest is in three tables with a source for each row: `limits`, `prices`, `profile`. No stack is started.
"""
