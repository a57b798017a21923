"""Finds the objects that meet criteria, page by page.

By date: `by-date` has every object of a box in this order, `by-folder` those of one folder. If the criteria
are dates, a page reads what it returns. With others it reads on until it is full, or its budget is spent:
then the page is short, perhaps empty, and the search goes on from its cursor.

By an attribute: no index has this order. Each page is one pass over all objects in the range of dates. It
keeps their ranks, which are short, and then reads those that come next once more. If a pass exceeds the
budget, the search is refused: what was not read could come first.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cmp_to_key, partial
from typing import Any

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.criteria import of_link
from onecopy.domain.errors import InvalidInput, NotAllowed
from onecopy.domain.folder import Folder
from onecopy.domain.ids import ROOT, FolderId, ObjectId, compact
from onecopy.domain.link import Link
from onecopy.domain.selection import Position, Rank, Selection, Sort, compare, rank
from onecopy.store.box import folders
from onecopy.store.box.log import read_box
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import LinkRow
from onecopy.store.commit.transact import Store, ask

MOST_READ = 20_000
"""Rows that one page reads."""

LONGEST = timedelta(seconds=8)
"""How long one page reads on."""

AT_ONCE = 100
"""Links in one BatchGetItem."""

_MOST_ENTRIES = 1000
"""Entries of an index in one call."""

Take = Callable[[Link], bool]
"""Is called for each object found, in order. It answers whether there was room for it; if not, the page ends
before it. There has to be room for the first.
"""

Entry = tuple[str, str]
"""An entry of an index: its `dated`, and the link's `item`."""


class Budget:
    """What one page may read, and for how long."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._until = store.now() + LONGEST
        self._left = MOST_READ

    def spend(self, count: int) -> None:
        self._left -= count

    def at_most(self, count: int) -> int:
        """As many rows, or as many as are left. At least one, so that a page comes on."""
        return max(1, min(count, self._left))

    @property
    def is_spent(self) -> bool:
        return self._left <= 0 or self._store.is_late or self._store.now() >= self._until


def objects(store: Store, key: BoxKey, selection: Selection, take: Take) -> Position | None:
    """Passes each object found to `take`. Returns where the next page begins, None if nothing is left.

    What gets its id after the first page was asked for is not found, not even by the pages that follow.
    """
    box, within = scope(store, key, selection)
    check_validity(selection.after, box)
    ids = selection.after.ids if selection.after else box.ids
    found = _Found(store, box, selection, within, compact(ids), take)
    is_by_date = len(selection.order) == 1 and selection.order[0].attribute is None
    sort = selection.order[0]
    place: tuple[Any, ...] | None = found.by_date(sort) if is_by_date else found.by_attribute()
    return None if place is None else Position(box.validity, ids, place)


def check_validity(after: Position | None, box: Box) -> None:
    """Raises InvalidInput if the box has been reset since the cursor was given out."""
    if after and after.validity != box.validity:
        raise InvalidInput("fromCursor")


def scope(store: Store, key: BoxKey, selection: Selection) -> tuple[Box, frozenset[FolderId] | None]:
    """The box, and the folders to look in: all those in the scope that are not hidden, None for all."""
    box, top = start(store, key, selection)
    if top and not (selection.recursive and top.inner):
        return box, frozenset([top.folder_id])
    top_id = top.folder_id if top else ROOT
    if top_id == ROOT and not box.doomed:
        return box, None
    return box, frozenset(folders.tree(store, box, top_id))


def start(store: Store, key: BoxKey, selection: Selection) -> tuple[Box, Folder | None]:
    """The box, and the folder that is the scope, if there is one. Raises InvalidInput if it is unknown."""
    top = selection.scope
    if top is None:
        return read_box(store, key), None
    box, folder = ask(store, key, [folders.wanted(top)], lambda view: (view.box, view.folder(top)))
    if not folder:
        raise InvalidInput("searchScope")
    return box, folder


def links(key: BoxKey, items: Sequence[str]) -> dict[str, Link]:
    """The links that exist, by `item`."""
    return {row.item: rows.link(row) for row in table.get_many(LinkRow, str(key), items)}


@dataclass
class _Found:
    """One page. `newest`: the last id that the search may find."""

    store: Store
    box: Box
    selection: Selection
    within: frozenset[FolderId] | None
    newest: str
    take: Take
    budget: Budget = field(init=False)
    taken: int = 0

    def __post_init__(self) -> None:
        self.budget = Budget(self.store)

    def by_date(self, sort: Sort) -> tuple[Any, ...] | None:
        place: str = self.selection.after.place[0] if self.selection.after else ""
        for batch, is_last in self._batches(place, sort.ascending):
            known = links(self.box.key, [item for _, item in batch])
            for dated, item in batch:
                link = known.get(item)
                if link and self._meets(link):
                    if self.taken == self.selection.limit or not self.take(link):
                        return (place,)
                    self.taken += 1
                place = dated
            if not is_last and (self.taken == self.selection.limit or self.budget.is_spent):
                return (place,)
        return None

    def by_attribute(self) -> Rank | None:
        order, after = self.selection.order, self.selection.after
        ranks = [rank(order, of_link(link), link.object_id) for link in self._every() if self._meets(link)]
        left = [one for one in ranks if after is None or compare(order, one, after.place) > 0]
        limit = self.selection.limit
        best = heapq.nsmallest(limit + 1, left, key=cmp_to_key(partial(compare, order)))
        place: Rank = after.place if after else ()
        for start in range(0, min(limit, len(best)), AT_ONCE):
            batch = best[start : min(start + AT_ONCE, limit)]
            known = {link.object_id: link for link in links(self.box.key, _items(batch)).values()}
            for one in batch:
                link = known.get(one[-1])  # type: ignore[call-overload]
                if link and self._meets(link) and not self.take(link):
                    return place
                place = one
        return place if len(best) > limit else None

    def _meets(self, link: Link) -> bool:
        if self.within is not None and link.parent not in self.within:
            return False
        return link.object_id <= self.newest and self.selection.criteria.matches(of_link(link))

    @property
    def _folder(self) -> FolderId | None:
        """The only folder to look in, if there is only one."""
        return next(iter(self.within)) if self.within is not None and len(self.within) == 1 else None

    def _every(self) -> Iterator[Link]:
        """All links in the range of dates, and perhaps others, in any order. Raises NotAllowed."""
        batches = (
            (known.values(), is_last)
            for batch, is_last in self._batches("", ascending=True, whole=True)
            for known in [links(self.box.key, [item for _, item in batch])]
        )
        dates = self.selection.criteria.dates
        is_whole_box = self._folder is None and dates.start is None and dates.end is None
        for found, is_last in self._rows() if is_whole_box else batches:
            yield from found
            if not is_last and self.budget.is_spent:
                self.store.check_time()
                raise NotAllowed("too many objects to sort")

    def _rows(self) -> Iterator[tuple[list[Link], bool]]:
        """All links of the box: one Query for each 1 MB costs a tenth of looking them up by an index."""
        after = None
        while True:
            every = LinkRow.item.between(*table.link_items_before(""))
            page, after = table.page(
                LinkRow, str(self.box.key), every, self.budget.at_most(_MOST_ENTRIES), after=after
            )
            self.budget.spend(len(page))
            yield list(map(rows.link, page)), after is None
            if after is None:
                return

    def _batches(
        self, place: str, ascending: bool, whole: bool = False
    ) -> Iterator[tuple[list[Entry], bool]]:
        """The entries of the index in the range of dates, after a place, and whether these are the last.

        `whole`: all of them will be read. Otherwise no more than the page will take, as far as that is known.
        """
        is_by_index = self.selection.criteria.is_by_date and (self.within is None or self._folder is not None)
        size = _MOST_ENTRIES if whole else AT_ONCE
        while True:
            if is_by_index and not whole:
                size = min(self.selection.limit - self.taken, _MOST_ENTRIES)
            entries, more = self._entries(place, ascending, self.budget.at_most(size))
            for start in range(0, len(entries), AT_ONCE):
                batch = entries[start : start + AT_ONCE]
                self.budget.spend(len(batch))
                yield batch, not more and start + AT_ONCE >= len(entries)
            if not more:
                return
            place, size = entries[-1][0], min(2 * size, _MOST_ENTRIES)

    def _entries(self, place: str, ascending: bool, size: int) -> tuple[list[Entry], bool]:
        dates = self.selection.criteria.dates
        first, last = table.dated_between(dates.start, dates.end)
        if ascending:
            first = f"{place}\x00" if place else first
        else:
            last = place or last
        if dates.is_empty or first > last:
            return [], False
        box, most = str(self.box.key), size + 2
        if self._folder is None:
            dated = LinkRow.dated.between(first, last)
            page, after = table.page(LinkRow, box, dated, most, "by-date", forward=ascending)
            entries = [(row.dated, row.item) for row in page if row.dated != place]
        else:
            bounds = (table.place_of_dated(self._folder, one) for one in (first, last))
            page, after = table.page(
                LinkRow, box, LinkRow.place.between(*bounds), most, "by-folder", forward=ascending
            )
            named = ((table.dated_of_place(row.place), row.item) for row in page)
            entries = [one for one in named if one[0] != place]
        return entries[:size], bool(entries) and (len(entries) > size or after is not None)


def _items(ranks: Sequence[Rank]) -> list[str]:
    return [table.link_item(ObjectId(one[-1])) for one in ranks]
