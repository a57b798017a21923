"""The import: stores a backup's messages in a box, through the store's public API.

It may be run again at any time, even after it was killed: it skips what the box has. Memory holds a few
requests' worth of messages. The caller (`cli`) prints progress and result.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import chain

from infra.ops.importing.connection import Connection, Unusable
from infra.ops.importing.form import Item
from infra.ops.importing.ledger import Ledger
from infra.ops.importing.lock import ImportLock
from infra.ops.importing.writer import LONGEST_REQUEST, Outcome, Writer
from infra.ops.phone.backup import Backup, Broken
from infra.ops.phone.elements import Unreadable
from infra.ops.phone.message import Message, correlation_tag, nms_object

MAX_ITEMS = 72
MAX_REQUEST = 2_500_000
"""Well below what a store takes in one form, so a store with a smaller limit takes it, too."""

IN_FLIGHT = 2


class Importer:
    """One run. `outcome` is correct at any moment, even after an exception."""

    def __init__(
        self, connection: Connection, box_id: str, lock: ImportLock, progress: Callable[[Outcome], None]
    ) -> None:
        self._box_id = box_id
        self._lock = lock
        self._progress = progress
        self._ledger = Ledger(connection)
        self._writer = Writer(connection, self._ledger)
        self._workers = ThreadPoolExecutor(IN_FLIGHT)
        self._flying: dict[Future[Outcome], list[str]] = {}
        self.outcome = Outcome()

    def run(self, backup: Backup) -> None:
        """Store all that can be read, even of a file that breaks off; `outcome.broken` then says where."""
        try:
            self._ledger.catch_up()
            self._ledger.wait_for(self._lock.under_way, LONGEST_REQUEST)
            for batch in batches(self._new_items(backup)):
                self._launch(batch)
            self._land(0)
            self._writer.settle(self.outcome)
            self._note()
        finally:
            self._workers.shutdown(cancel_futures=True)
            if self._flying:
                self._flying = {future: tags for future, tags in self._flying.items() if _in_doubt(future)}
                self._note()
            self._ledger.close()

    def _new_items(self, backup: Backup) -> Iterator[Item]:
        try:
            for message in backup.messages():
                self.outcome.read += 1
                if isinstance(message, Unreadable):
                    self.outcome.fail(self.outcome.read, str(message))
                elif item := self._new_item(message):
                    yield item
                self._progress(self.outcome)
        except Broken as broken:
            self.outcome.broken = str(broken)

    def _new_item(self, message: Message) -> Item | None:
        fingerprint = message.fingerprint()
        tag = correlation_tag(fingerprint, self._ledger.occurrence(fingerprint))
        if self._ledger.holds(tag):
            self.outcome.already += 1
            return None
        return Item(message, tag, nms_object(message, tag, self._box_id))

    def _launch(self, batch: Sequence[Item]) -> None:
        self._land(IN_FLIGHT - 1)
        tags = [item.tag for item in batch]
        self._note(tags)
        if batch[0].size > MAX_REQUEST:
            self._flying[self._workers.submit(self._writer.upload, batch[0])] = tags
        else:
            self._flying[self._workers.submit(self._writer.create, batch)] = tags

    def _note(self, launched: Sequence[str] = ()) -> None:
        """Note what is under way for the next run, in case this one is killed."""
        uploads = (upload.tag for upload in self.outcome.uploads)
        self._lock.note([*chain.from_iterable(self._flying.values()), *uploads, *launched])

    def _land(self, allowed: int) -> None:
        """Wait until at most `allowed` requests are under way."""
        while len(self._flying) > allowed:
            landed, _ = wait(self._flying, return_when=FIRST_COMPLETED)
            for future in landed:
                self.outcome.add(future.result())
                del self._flying[future]
            self._progress(self.outcome)


def _in_doubt(future: Future[Outcome]) -> bool:
    """Whether the store may still be working on a request that is over for this process."""
    if future.cancelled():
        return False
    error = future.exception()
    if isinstance(error, Unusable):
        return error.under_way
    return error is not None or bool(future.result().uploads)


def batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    """As many items as fit into one request; an item that is too large for any comes alone."""
    batch: list[Item] = []
    size = 0
    for item in items:
        if batch and (len(batch) == MAX_ITEMS or size + item.size > MAX_REQUEST):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch
