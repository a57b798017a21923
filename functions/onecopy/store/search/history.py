"""Searches by what happened: which objects were created, and which have vanished.

The log tells both, by the numbers of the changes. Created objects are found in two phases, and a creation
cursor says where it is:

    ("all", since, until, id)   created after change `since` and up to `until`: the links by id, from `id` on
    ("log", since)              created after change `since`: the log tells of each creation

The first phase serves a search from the beginning, and one from so long ago that the log no longer reaches
back. Each link knows the number of its creation, so no object comes in both.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.change import Change, ChangedObject, DeletedObject
from onecopy.domain.criteria import of_link
from onecopy.domain.errors import InvalidInput
from onecopy.domain.ids import FolderId, ObjectId
from onecopy.domain.link import Link
from onecopy.domain.selection import CreatedObjects, Position, VanishedObjects
from onecopy.store.box import log
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import ChangeRow, LinkRow
from onecopy.store.commit.table import LOG_PARTITION
from onecopy.store.commit.transact import Store
from onecopy.store.search.objects import AT_ONCE, Budget, Take, check_validity, links, scope

_ALL, _LOG = "all", "log"


def created(store: Store, key: BoxKey, search: CreatedObjects, take: Take) -> tuple[Position, bool]:
    """Passes each object found to `take`. Returns the creation cursor, and whether it leads to more now."""
    box, within = scope(store, key, search.selection)
    check_validity(search.selection.after, box)
    begin = search.selection.after or search.since
    if begin and (begin.validity != box.validity or begin.place[1] > box.seq):
        raise InvalidInput("creationCursor")
    now = store.now()
    page = _Created(store, box, search, within, take, now, Budget(store))
    place = begin.place if begin else page.beginning(0)
    place, more = page.go_on(place)
    return Position(box.validity, box.ids, place), more


@dataclass
class _Created:
    """One page of created objects."""

    store: Store
    box: Box
    search: CreatedObjects
    within: frozenset[FolderId] | None
    take: Take
    now: datetime
    budget: Budget
    taken: int = 0
    grown: int = 0

    def beginning(self, since: int) -> tuple[Any, ...]:
        """The first phase for what was created after `since`, as far as queries show it by now."""
        return _ALL, since, self.box.shown_whole(self.now), ""

    def go_on(self, place: tuple[Any, ...]) -> tuple[tuple[Any, ...], bool]:
        """Takes a page's worth. Returns how far it came, and whether there is more."""
        while True:
            phase, since, *_ = place
            place, is_done = self._by_id(*place[1:]) if phase == _ALL else self._by_log(since)
            if not is_done:
                return place, True
            if phase == _LOG and place[0] == _LOG:
                return place, False

    def _by_id(self, since: int, until: int, after: str) -> tuple[tuple[Any, ...], bool]:
        while True:
            first, last = table.link_items_before("")
            every = LinkRow.item.between(f"{table.link_item(ObjectId(after))}\x00" if after else first, last)
            page, more = table.page(LinkRow, str(self.box.key), every, self._size())
            self.budget.spend(len(page))
            for link in map(rows.link, page):
                if since < link.created <= until and not self._taken(link):
                    return (_ALL, since, until, after), False
                after = link.object_id
            if more is None:
                return (_LOG, until), True
            if self._is_full or self.budget.is_spent:
                return (_ALL, since, until, after), False

    def _by_log(self, since: int) -> tuple[tuple[Any, ...], bool]:
        while since < self.box.seq:
            if self._is_full or self.budget.is_spent:
                return (_LOG, since), False
            page = log.tail(self.box.key, since, self._size())
            if not page:
                is_gone = log.is_gone(self.box, since, self.now)
                return (self.beginning(since), True) if is_gone else ((_LOG, since), False)
            self.budget.spend(len(page))
            known = links(self.box.key, [table.link_item(i) for one in page if (i := _creation(one))])
            for change in page:
                link = known.get(table.link_item(_creation(change) or ObjectId("")))
                if link and not self._taken(link):
                    return (_LOG, since), False
                since = change.seq
        return (_LOG, since), True

    def _size(self) -> int:
        """How many rows to read: as many as the page has room for, and more each time."""
        self.grown = min(2 * self.grown, AT_ONCE) if self.grown else min(self.search.selection.limit, AT_ONCE)
        return self.budget.at_most(self.grown)

    @property
    def _is_full(self) -> bool:
        return self.taken == self.search.selection.limit

    def _taken(self, link: Link) -> bool:
        """Whether the page has room for the link, if it is one that the search is for."""
        if self.within is not None and link.parent not in self.within:
            return True
        if not self.search.selection.criteria.matches(of_link(link)):
            return True
        if self._is_full or not self.take(link):
            return False
        self.taken += 1
        return True


def _creation(change: Change) -> ObjectId | None:
    """The object that the change created."""
    match change.event:
        case ChangedObject(object_id=object_id, metadata=metadata) if metadata:
            return object_id
    return None


def vanished(
    store: Store, key: BoxKey, search: VanishedObjects, take: Callable[[ObjectId], bool]
) -> Position | None:
    """Passes the id of each object that vanished in the last 30 days to `take`, the last one first."""
    box, now = log.read_box(store, key), store.now()
    check_validity(search.after, box)
    place: int = search.after.place[0] if search.after else box.seq + 1
    budget, taken = Budget(store), 0
    for page in _backwards(box, place - 1, min(search.limit, AT_ONCE), now):
        if taken == search.limit or budget.is_spent:
            return Position(box.validity, box.ids, (place,))
        for change in page:
            if change.at < now - log.SHORTEST_HISTORY:
                return None
            if isinstance(change.event, DeletedObject):
                if taken == search.limit or not take(change.event.object_id):
                    return Position(box.validity, box.ids, (place,))
                taken += 1
            place = change.seq
        budget.spend(len(page))
    return None


def _backwards(box: Box, seq: int, size: int, now: datetime) -> Iterator[list[Change]]:
    """The changes from this number down to the oldest that the log still has, one query at a time."""
    while seq > 0:
        first = max(1, seq - seq % LOG_PARTITION)
        condition = ChangeRow.item.between(table.log_item(first), table.log_item(seq))
        page, more = table.page(ChangeRow, table.log_partition(box.key, seq), condition, size, forward=False)
        if not page and seq <= box.shown_whole(now):
            return
        yield list(map(rows.change, page))
        seq, size = table.seq_of(page[-1]) - 1 if more else first - 1, min(2 * size, AT_ONCE)
