"""The doorbell: when a box changes, each subscription that has not received the change is rung for once.

Rings are not recorded. If one is lost, every subscription has a time at which the sweep looks at it. One that
fails or waits has its own time and is not rung for earlier, so its rings do not pile up in the queue. It
misses no change: its turn first writes that the time has come, and then looks at the box.
"""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from onecopy.domain.box import BoxKey
from onecopy.push.address import host_of
from onecopy.store.commit.kinds import SubscriptionRow
from onecopy.store.commit.transact import Store
from onecopy.store.queues import Queues, Ring
from onecopy.store.subscribers import in_flight, subscriptions

_log = logging.getLogger(__name__)

_AT_ONCE = 10
"""Boxes whose subscriptions are read in parallel; the table's client has as many connections."""


@dataclass(frozen=True)
class Moved:
    """The state of a box as one stream record has it."""

    key: BoxKey
    seq: int
    validity: str
    trace: str = ""


def ring(key: BoxKey, row: SubscriptionRow, once: str, trace: str = "") -> Ring:
    return Ring(str(key), row.item, host_of(row.notify_url), once, trace)


def changed(store: Store, queues: Queues, moved: Iterable[Moved]) -> set[BoxKey]:
    """Rings, and returns the boxes that were not rung for, or not for all of their subscriptions.

    A box may have several records, in any order. A subscription is left alone if its cursor equals the number
    in each of them; later changes have records of their own.
    """
    boxes: dict[BoxKey, list[Moved]] = {}
    for one in moved:
        boxes.setdefault(one.key, []).append(one)
    failed: set[BoxKey] = set()

    def rings(key: BoxKey) -> list[Ring]:
        try:
            return _rings(store, boxes[key])
        except Exception as error:
            _log.warning("subscriptions not read: %s", type(error).__name__)
            failed.add(key)
            return []

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        wanted = [one for found in threads.map(rings, boxes) for one in found]
    return failed | {BoxKey.parse(lost.box) for lost in queues.deliver(wanted)}


def _rings(store: Store, moved: list[Moved]) -> list[Ring]:
    now, last = store.now(), moved[-1]
    return [
        ring(last.key, row, f"{last.validity}.{last.seq}", last.trace)
        for row in subscriptions.live(last.key, now)
        if row.state == "active"
        and not in_flight.is_put_off(row, now)
        and any((row.cursor, row.validity) != (one.seq, one.validity) for one in moved)
    ]
