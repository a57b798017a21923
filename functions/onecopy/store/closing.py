"""Closing a box and opening it: an operator ends its owner's right at once, and gives it back."""

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from onecopy.domain.box import BoxKey
from onecopy.store.box import log
from onecopy.store.commit import table
from onecopy.store.commit.held import held
from onecopy.store.commit.table import BoxRow
from onecopy.store.commit.transact import Store
from onecopy.store.subscribers import subscriptions


def close(store: Store, key: BoxKey) -> bool:
    """Whether it was open. A box that is not there yet is made, to be closed before its first use."""
    log.read_box(store, key)
    now = table.time_text(store.now())
    return _note(key, BoxRow.closed.set(now), BoxRow.item.exists() & BoxRow.closed.does_not_exist())


def reopen(store: Store, key: BoxKey) -> bool:
    """Whether it was closed. Its subscribers are due even so: a first try may have died before it said so."""
    opened = _note(key, BoxRow.closed.remove(), BoxRow.closed.exists())
    subscriptions.wake(key, store.now())
    return opened


def _note(key: BoxKey, action: Action, condition: Condition) -> bool:
    return held(lambda: BoxRow(box=str(key), item=table.BOX).update([action], condition))
