"""Delivers one object to many boxes: its content is stored once, and each box gets a link of its own.

Each box has a transaction of its own, and several boxes are written at the same time. With an
Idempotency-Key, each of these transactions also notes its outcome in the box. A repeat finds there what a try
that died had done, and goes on with the others. When all are done, the delivery's own row keeps all outcomes.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from onecopy.domain.box import BoxKey
from onecopy.domain.content import ContentKey, share
from onecopy.domain.errors import Busy, NMSError, StillRunning
from onecopy.store.box import objects, shares
from onecopy.store.box.contents import INLINE
from onecopy.store.box.objects import Item, Result
from onecopy.store.box.uploads import new_key
from onecopy.store.commit.once import Once, Repeated
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.throttling import is_throttled
from onecopy.store.commit.transact import Store

AT_ONCE = 8
"""Boxes that are written at the same time; the table's client has a few more connections."""

_TRIES = 3
_log = logging.getLogger(__name__)


def deliver(
    store: Store, boxes: Sequence[BoxKey], item: Item, put: Callable[[ContentKey], None]
) -> list[Result]:
    """Creates the item in each box and returns an answer for each, in order. `put` stores its bytes.

    No box is named twice. A box that was not begun in time has the answer Busy: nothing was done for it, and
    a repeat with the same Idempotency-Key goes on with it.
    """
    once = store.once
    if once and once.is_whole:
        return once.take(len(boxes))
    resumed = bool(once and not once.is_new)
    if once and not once.claim():
        raise Repeated
    content_key = _held(store, item, put) if item.parts else None
    work = _Work(store, item, content_key, resumed)
    results = list(_several_at_once(work.in_box, boxes))
    if content_key:
        shares.release(store, content_key, any(isinstance(result, Outcome) for result in results))
    if once:
        once.end(results, store.now())
    return results


def _held(store: Store, item: Item, put: Callable[[ContentKey], None]) -> ContentKey:
    """Where the content lies. What an earlier try has stored is used again if a box links it: then it is
    whole, and while it is held it stays. Otherwise it is stored now.
    """
    once, parts = store.once, len(item.parts)
    if once and once.content:
        stored = ContentKey(once.content)
        if shares.hold(store, stored, parts) and shares.are_linked(stored):
            return stored
    content_key = new_key(store, INLINE)
    shares.hold(store, content_key, parts)
    if once and not once.claim(content_key):
        raise Repeated
    put(content_key)
    return content_key


def _several_at_once(work: Callable[[int, BoxKey], Result], boxes: Sequence[BoxKey]) -> Iterable[Result]:
    if min(AT_ONCE, len(boxes)) == 1:
        return map(work, range(len(boxes)), boxes)
    with ThreadPoolExecutor(min(AT_ONCE, len(boxes))) as threads:
        return threads.map(work, range(len(boxes)), boxes)


@dataclass(frozen=True)
class _Work:
    """`resumed`: an earlier try may have delivered to some of the boxes."""

    store: Store
    item: Item
    content_key: ContentKey | None
    resumed: bool

    def in_box(self, number: int, key: BoxKey) -> Result:
        """An error concerns only this box."""
        try:
            self.store.check_time()
            stored = self.content_key and share(self.content_key, number)
            return self._created(key, replace(self.item, content_key=stored))
        except NMSError as error:
            return error
        except Exception as error:
            _log.error("not delivered: %s", type(error).__name__)
            return Busy() if is_throttled(error) else NMSError()

    def _created(self, key: BoxKey, item: Item) -> Result:
        looked_up = self.resumed
        for _ in range(_TRIES):
            attempt = self._attempt(key, looked_up)
            try:
                [result] = objects.create(replace(self.store, once=attempt), key, [item], True, None)
            except Repeated:
                looked_up = True
            else:
                return result
        raise StillRunning("Idempotency-Key")

    def _attempt(self, key: BoxKey, looked_up: bool) -> Once | None:
        """The note of this delivery in one box; as an earlier try has left it, if that is looked up."""
        once = self.store.once
        return once.in_box(self.store, key, looked_up) if once else None
