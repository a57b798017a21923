"""Closes and reopens a box: an operator ends its owner's right at once, and gives it back."""

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from onecopy.domain.box import BoxKey
from onecopy.store.box import log
from onecopy.store.commit import table
from onecopy.store.commit.conditional import held
from onecopy.store.commit.kinds import BoxRow
from onecopy.store.commit.transact import Store
from onecopy.store.subscribers import subscriptions


def close(store: Store, key: BoxKey) -> bool:
    """Closes the box and returns whether it was open. Creates a missing box, closed before its first use."""
    log.read_box(store, key)
    now = table.time_text(store.now())
    return _note(key, BoxRow.closed.set(now), BoxRow.item.exists() & BoxRow.closed.does_not_exist())


def reopen(store: Store, key: BoxKey) -> bool:
    """Reopens the box and returns whether it was closed.
    Its subscribers become due in any case: an earlier try may have died before it made them due.
    """
    opened = _note(key, BoxRow.closed.remove(), BoxRow.closed.exists())
    subscriptions.wake(key, store.now())
    return opened


def _note(key: BoxKey, action: Action, condition: Condition) -> bool:
    return held(lambda: BoxRow(box=str(key), item=table.BOX).update([action], condition))
