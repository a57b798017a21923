"""Gives a time of their next look for expired objects to boxes that have none yet, and takes it away again.

A box in use gets it with its next commit, at no cost. Boxes that nobody writes to are found by reading the
table once, a few seconds in each tick of the sweep.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pynamodb.expressions.update import Action

from onecopy.domain.retention import Retention, as_json
from onecopy.store.commit import table
from onecopy.store.commit.conditional import held, unless_busy
from onecopy.store.commit.kinds import BoxRow, RetentionRow
from onecopy.store.commit.transact import Store

DEPLOYED = timedelta(minutes=15)
"""By then every function knows the new retention, and each new box gets its time with its first commit."""


def enrol(store: Store, retention: Retention, until: datetime) -> None:
    """Goes on with the search for boxes, which begins when a retention is first seen. May run twice."""
    row, rules = table.get(RetentionRow, table.RETENTION, table.RETENTION), as_json(retention)
    if row is None:
        now = table.time_text(store.now())
        RetentionRow(box=table.RETENTION, item=table.RETENTION, rules=rules, since=now).save()
        return
    if row.rules != rules:
        _note(row, RetentionRow.rules.set(rules))
    if row.done or store.now() < table.parse_time(row.since) + DEPLOYED:
        return
    after = row.after
    while store.now() < until:
        boxes, after = table.boxes(after)
        for box in boxes:
            if not box.due:
                _enrol(box, store.now())
        if not after:
            _note(row, RetentionRow.done.set(True), RetentionRow.after.remove())
            return
    _note(row, RetentionRow.after.set(after))


def _note(row: RetentionRow, *actions: Action) -> None:
    held(lambda: row.update(list(actions), RetentionRow.item.exists()))


def _enrol(box: BoxRow, now: datetime) -> None:
    """If a commit is writing the row, that commit enrols the box."""
    row = BoxRow(box=box.box, item=table.BOX)
    actions: list[Action] = [
        BoxRow.work.set(table.work(table.DUE, row.box)),
        BoxRow.due.set(table.time_text(now)),
    ]
    unless_busy(lambda: row.update(actions, BoxRow.item.exists() & BoxRow.due.does_not_exist()))


def release(boxes: Sequence[str]) -> None:
    """Takes the time away from boxes of a store without a retention. A busy one is left to the next tick."""
    RetentionRow(box=table.RETENTION, item=table.RETENTION).delete()
    for box in boxes:
        _release(BoxRow(box=box, item=table.BOX))


def _release(row: BoxRow) -> None:
    actions: list[Action] = [BoxRow.work.remove(), BoxRow.due.remove(), BoxRow.looked.remove()]
    unless_busy(lambda: row.update(actions, BoxRow.item.exists()))


def in_force() -> Sequence[Mapping[str, Any]]:
    """The rules that the sweep goes by, as the provider wrote them; none before its first tick with them."""
    row = table.get(RetentionRow, table.RETENTION, table.RETENTION)
    return row.rules if row else ()
