"""The doorbell: a box has moved on, so each of its live subscriptions is rung once."""

from datetime import timedelta

from onecopy.domain.box import BoxKey
from onecopy.store import log, subscriptions, table
from onecopy.store.due import DELIVER
from onecopy.store.queues import Queues
from onecopy.store.table import SubscriptionRow
from onecopy.store.transact import Store

LOST = timedelta(minutes=1)
"""A ring unanswered for so long is rung again by the sweep."""


def changed(store: Store, queues: Queues, key: BoxKey) -> None:
    """Noted first, then rung, so that a crash in between leaves a note for the sweep."""
    now = store.now()
    waiting = [row for row in subscriptions.live(key, now) if row.state == "active"]
    if not waiting:
        return
    box = log.read_box(store, key)
    if box.closed:
        return
    for row in waiting:
        if row.cursor < box.seq:
            _note(row, table.time_text(now + LOST))
            queues.deliver(str(key), row.item, str(box.seq))


def _note(row: SubscriptionRow, due: str) -> None:
    if not row.due:
        subscriptions.note(row, [SubscriptionRow.work.set(DELIVER), SubscriptionRow.due.set(due)])
