"""Read, decide, write: the loop that every change of a box goes through.

One TransactGetItems reads the box row and what the decision needs, all as of one moment. The decision
drafts rows. One TransactWriteItems commits them if nobody else has committed to the box since.

A read larger than one TransactGetItems is split, and every part includes the box row. Each commit changes
that row, so parts that show the same box row are of the same moment.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self, TypeVar

from pynamodb.connection import Connection
from pynamodb.exceptions import CancellationReason, DoesNotExist, TransactGetError, TransactWriteError
from pynamodb.transactions import TransactGet, TransactWrite

from onecopy.domain.box import NO_QUOTA, Box, BoxKey, Chain, Quota
from onecopy.domain.content import ContentKey
from onecopy.domain.errors import Busy, NotAllowed
from onecopy.domain.folder import Folder
from onecopy.domain.ids import FolderId, ModSeq, ObjectId
from onecopy.domain.link import Link
from onecopy.store.commit import rows, table, throttling
from onecopy.store.commit.draft import Draft
from onecopy.store.commit.kinds import BoxRow, FolderRow, LinkRow, Row
from onecopy.store.commit.once import Once

T = TypeVar("T")
RowT = TypeVar("RowT", bound=Row)
Wanted = tuple[type[Row], str]
"""A kind of row and its `item`, in the box's partition."""

Key = tuple[type[Row], str, str]
"""A kind of row, its partition and its `item`."""

_FIRST_WAIT, _LONGEST_WAIT, _TRIES = 0.01, 0.4, 30
_MOST_READ = 100
"""Rows in one TransactGetItems, the box row included."""

_CANCELED = "TransactionCanceledException"
_REFUSED = "ConditionalCheckFailed"
_TOO_MUCH = {"ValidationException", "ValidationError"}
_CONTENTION = throttling.CODES | {
    "InternalServerError",
    "TransactionConflict",
    "TransactionInProgressException",
}


class Stale(Exception):
    """`decide` raises it if something looked up before the read has changed. It is then looked up again."""


class NeedsMore(Exception):
    """The decision needs rows that were not read. They are then read together with the others."""

    def __init__(self, wanted: Sequence["Wanted"]) -> None:
        super().__init__()
        self.wanted = tuple(wanted)


class Disturbs(Exception):
    """The write would change what an unfinished copy still has to read. That job has to finish first."""

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self.job_id = job_id


@dataclass(frozen=True)
class Store:
    """The table, and the effects it needs. `random(n)` gives n bytes, `jitter()` a number from 0 to 1.

    `deadline`: when the request's time ends; no step begins later. `once`: its Idempotency-Key, if any.
    `trace` gives X-Ray's header of the current work, empty if it is not traced; None if nothing ever is.
    `retains`: the provider has a retention, so each box needs a time of its next look for what has expired.
    `of_owner`: the caller has only the rights of a box's owner, and none while the box is closed.
    `quota`: how much a request may put into a box.
    """

    connection: Connection
    history: timedelta
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    jitter: Callable[[], float]
    sleep: Callable[[float], None]
    deadline: datetime | None = None
    of_owner: bool = False
    once: Once | None = None
    trace: Callable[[], str] | None = None
    quota: Quota = NO_QUOTA
    retains: bool = False

    def check_time(self) -> None:
        """Raises Busy once the request's time is over."""
        if self.is_late:
            raise Busy()

    def draft(self, box: Box, counted: Mapping[ContentKey, int] | None = None) -> Draft:
        trace = self.trace() if self.trace else None
        history, known = self.history, {} if counted is None else counted
        return Draft(box, self.now(), history, known, trace, self.quota, self.retains)

    def within(self, time: timedelta, of_owner: bool) -> Self:
        """The store for one request, which has this much time."""
        return replace(self, deadline=self.now() + time, of_owner=of_owner)

    @property
    def is_late(self) -> bool:
        return self.deadline is not None and self.now() >= self.deadline

    def check_open(self, box: Box) -> Box:
        if box.closed and self.of_owner:
            raise NotAllowed("box closed")
        return box


class View:
    """What one read saw, all as of one moment."""

    def __init__(self, box: Box, asked: Iterable[str], found: dict[str, Row]) -> None:
        self.box = box
        self._asked = frozenset(asked)
        self._found = found

    def get(self, kind: type[RowT], item: str) -> RowT | None:
        """The row, or None if it does not exist. Raises NeedsMore if it was not asked for."""
        if item not in self._asked:
            raise NeedsMore([(kind, item)])
        row = self._found.get(item)
        return row if isinstance(row, kind) else None

    def need(self, wanted: Sequence[Wanted]) -> None:
        """Raises one NeedsMore for all of these that were not asked for."""
        if missing := [each for each in wanted if each[1] not in self._asked]:
            raise NeedsMore(missing)

    def folder(self, folder_id: FolderId) -> Folder | None:
        """The folder. None if it does not exist, or is hidden because one above it is being deleted."""
        row = self.get(FolderRow, table.folder_item(folder_id))
        folder = rows.folder(row) if row else None
        if folder and self.box.hides(folder.folder_id, folder.ancestors):
            return None
        return folder

    def link(self, object_id: ObjectId) -> Link | None:
        """The link. None if it does not exist, or its folder is hidden."""
        row = self.get(LinkRow, table.link_item(object_id))
        link = rows.link(row) if row else None
        if link and self.box.doomed and not self.folder(link.parent):
            return None
        return link

    def links(self, object_ids: Iterable[ObjectId], with_parents: bool = False) -> dict[ObjectId, Link]:
        """The links that exist and are not hidden. If their folders matter, asks for all of them at once."""
        found = {i: row for i in object_ids if (row := self.get(LinkRow, table.link_item(i)))}
        if with_parents or self.box.doomed or self.box.copying:
            parents = {table.folder_item(FolderId(row.parent)) for row in found.values()}
            if missing := parents - self._asked:
                raise NeedsMore([(FolderRow, item) for item in sorted(missing)])
        return {i: link for i in found if (link := self.link(i))}

    def link_to_change(self, object_id: ObjectId) -> Link | None:
        """The link, to be changed or deleted. Raises Disturbs if a copy still has to read it as it is."""
        link = self.link(object_id)
        if link and self.box.copying and (parent := self.folder(link.parent)):
            self._check_undisturbed((*self.box.chain(parent.ancestors), parent.folder_id))
        return link

    def folder_to_change(self, folder_id: FolderId) -> Folder | None:
        """The folder, to be renamed, moved or deleted. Raises Disturbs if a copy still has to read it.

        A copy's own root never disturbs it: the copy's first write has read that folder.
        """
        folder = self.folder(folder_id)
        if folder:
            self._check_undisturbed(self.box.chain(folder.ancestors))
        return folder

    def _check_undisturbed(self, chain: Chain) -> None:
        if copy := self.box.copy_of(chain):
            raise Disturbs(copy.job_id)


def read(store: Store, key: BoxKey, wanted: Sequence[Wanted]) -> View:
    """The box row and the rows wanted, all as of one moment. Creates the box if it does not exist."""
    unique = list(dict.fromkeys(each for each in wanted if each[1] != table.BOX))
    for wait in _waits(store):
        try:
            found = _read_in_parts(store, key, unique)
        except TransactGetError as error:
            _raise_unless_contention(error)
            found = None
        if found is None:
            store.check_time()
            store.sleep(wait)
            continue
        box_row = found.get(table.BOX)
        if isinstance(box_row, BoxRow):
            box = store.check_open(rows.box(box_row))
            return View(box, [table.BOX, *(item for _, item in unique)], found)
        create_box(store, key)
    raise Busy()


def _read_in_parts(store: Store, key: BoxKey, wanted: Sequence[Wanted]) -> dict[str, Row] | None:
    """Reads one part, or several if it exceeds 100 rows or 4 MB. None if they are of different moments."""
    step = _MOST_READ - 1
    parts = [wanted[start : start + step] for start in range(0, len(wanted), step)] or [wanted]
    found: dict[str, Row] = {}
    moments = set()
    while parts:
        part = parts.pop()
        try:
            part_found = _read_at_once(store, key, part)
        except TransactGetError as error:
            if len(part) < 2 or not _codes(error) & _TOO_MUCH:
                raise
            half = len(part) // 2
            parts += [part[:half], part[half:]]
            continue
        box_row = part_found.get(table.BOX)
        moments.add((box_row.seq, box_row.ids, box_row.validity) if isinstance(box_row, BoxRow) else None)
        found |= part_found
    return found if len(moments) == 1 else None


def _read_at_once(store: Store, key: BoxKey, wanted: Sequence[Wanted]) -> dict[str, Row]:
    every: list[Key] = [(BoxRow, str(key), table.BOX), *((kind, str(key), item) for kind, item in wanted)]
    return {row.item: row for row in _get_at_once(store, every) if row}


def _get_at_once(store: Store, keys: Sequence[Key]) -> list[Row | None]:
    transaction = TransactGet(connection=store.connection)
    futures = [transaction.get(*key) for key in keys]
    with transaction:
        pass
    found: list[Row | None] = []
    for future in futures:
        try:
            found.append(future.get())
        except DoesNotExist:
            found.append(None)
    return found


def read_rows(store: Store, keys: Sequence[Key]) -> list[Row | None]:
    """Rows of any partitions, by TransactGetItems. If a commit's box row shows, so do its rows here."""
    found: list[Row | None] = []
    for start in range(0, len(keys), _MOST_READ):
        found += _insist(store, keys[start : start + _MOST_READ])
    return found


def _insist(store: Store, keys: Sequence[Key]) -> list[Row | None]:
    for wait in _waits(store):
        try:
            return _get_at_once(store, keys)
        except TransactGetError as error:
            if len(keys) > 1 and _codes(error) & _TOO_MUCH:
                half = len(keys) // 2
                return _insist(store, keys[:half]) + _insist(store, keys[half:])
            _raise_unless_contention(error)
        store.sleep(wait)
    raise Busy()


def commit(
    store: Store,
    key: BoxKey,
    wanted: Callable[[], Sequence[Wanted]],
    decide: Callable[[View, Draft], T],
) -> T:
    """Commits what `decide` drafts and returns its answer. An empty draft is not written at all.

    `decide` may run many times and must have no effect but the draft. Raises what `decide` raises, or Busy.
    """
    more: tuple[Wanted, ...] = ()
    counted: dict[ContentKey, int] = {}
    for wait in _waits(store):
        view = read(store, key, (*wanted(), *more))
        draft = store.draft(view.box, counted)
        try:
            answer = decide(view, draft)
        except NeedsMore as need:
            more += need.wanted
            continue
        except Stale:
            continue
        if draft.is_empty or write(store, draft, counted):
            return answer
        store.sleep(wait)
    raise Busy()


def ask(store: Store, key: BoxKey, wanted: Sequence[Wanted], answer: Callable[[View], T]) -> T:
    """What `answer` returns, as of one moment. Reads whatever more it needs."""
    return commit(store, key, lambda: wanted, lambda view, _: answer(view))


def read_links(store: Store, key: BoxKey, object_ids: Sequence[ObjectId]) -> dict[ObjectId, Link]:
    """The links that exist and are not hidden, by id."""
    wanted = [(LinkRow, table.link_item(object_id)) for object_id in object_ids]
    return ask(store, key, wanted, lambda view: view.links(object_ids))


def write(store: Store, draft: Draft, counted: dict[ContentKey, int]) -> bool:
    """Whether the draft was committed. False if another writer came first, or content to be linked is gone.

    If a content's count makes a try fail, `counted` learns the count, and the next try uses it.

    A throttled write is sent again with the same token. An earlier answer may have been lost, and the token
    keeps the write from being committed twice.
    """
    token = store.random(16).hex()
    for wait in _waits(store):
        try:
            with TransactWrite(connection=store.connection, client_request_token=token) as transaction:
                draft.write(transaction)
        except TransactWriteError as error:
            if _learn(draft, error, counted):
                if draft.lacks_content:
                    return False
                token = store.random(16).hex()
                continue
            _raise_unless_contention(error)
            if error.cause_response_code == _CANCELED:
                return False
            store.sleep(wait)
        else:
            return True
    raise Busy()


def _learn(draft: Draft, error: TransactWriteError, counted: dict[ContentKey, int]) -> bool:
    """Whether a content's count made the write fail. The counts are the transaction's last rows."""
    contents = draft.contents
    reasons = error.cancellation_reasons[-len(contents) :] if contents else []
    found = False
    for content_key, reason in zip(contents, reasons, strict=False):
        if reason and reason.code == _REFUSED:
            links = (reason.raw_item or {}).get("links", {}).get("N", "0")
            counted[content_key] = int(links)
            found = True
    return found


def create_box(store: Store, key: BoxKey) -> None:
    """Creates the box. Does no harm if it exists already."""
    new = Box(key, ModSeq(), 0, store.random(6).hex())
    draft = store.draft(new)
    draft.create_box()
    write(store, draft, {})


def _waits(store: Store) -> Iterator[float]:
    """Seconds to wait: full jitter, doubling up to a ceiling, five or so in all. Ends when time is over."""
    longest = _FIRST_WAIT
    for _ in range(_TRIES):
        if store.is_late:
            return
        yield store.jitter() * longest
        longest = min(_LONGEST_WAIT, longest * 2)


def _raise_unless_contention(error: TransactWriteError | TransactGetError) -> None:
    reasons = [reason for reason in error.cancellation_reasons if reason]
    if any(_is_contention(reason) for reason in reasons):
        return
    if not reasons and error.cause_response_code in _CONTENTION:
        return
    raise error


def _codes(error: TransactGetError) -> set[str | None]:
    return {error.cause_response_code, *(reason.code for reason in error.cancellation_reasons if reason)}


def _is_contention(reason: CancellationReason) -> bool:
    """Whether another transaction is at work on a row, or the box row has changed since it was read."""
    if reason.code in _CONTENTION:
        return True
    item = (reason.raw_item or {}).get("item", {}).get("S")
    return reason.code == _REFUSED and item == table.BOX
