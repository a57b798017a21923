"""The doorbell: a box has moved on, so each of its subscriptions that has not heard of it is rung once.

Nothing is noted: should the ring be lost, every subscription has a time at which the sweep looks at it.
"""

from onecopy.domain.box import BoxKey
from onecopy.store import log, subscriptions
from onecopy.store.queues import Queues
from onecopy.store.transact import Store


def changed(store: Store, queues: Queues, key: BoxKey) -> None:
    """Those that fail have their own time; those not verified yet are told once they are."""
    listening = [row for row in subscriptions.live(key, store.now()) if row.state == "active"]
    box = log.box_there(key) if listening else None
    if not box or box.closed:
        return
    for row in listening:
        if row.cursor != box.seq or row.validity != box.validity:
            queues.deliver(str(key), row.item, f"{box.validity}.{box.seq}")
