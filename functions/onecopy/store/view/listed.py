"""The objects of a first listing, page by page.

By descending id: the first page is what a user looks at. Whoever wants no older ones than a date reads them
by descending date instead, so that a page costs what it returns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from onecopy.domain.box import BoxKey
from onecopy.domain.link import Link
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import ByDate, LinkRow
from onecopy.store.view.selected import MOST_BYTES, Selected

MOST_READ = 2_000
"""Links that are read for one page, at most, if few of them are in view."""

_AT_ONCE = 100
"""Links that are read at once, if they are not all told or have to be looked up by themselves."""


@dataclass(frozen=True)
class Links:
    """`after`: where the next page goes on; empty if there is none."""

    links: Sequence[Link]
    after: str


def objects(key: BoxKey, selected: Selected, after: str, limit: int) -> Links:
    if selected.interest.is_everything:
        return _by_id(key, after, limit)
    found: list[Link] = []
    read = size = 0
    while True:
        since = selected.interest.since(selected.store.now())
        page = _by_date(key, after, since, limit) if since else _by_id(key, after, _AT_ONCE)
        good = selected.links(page.links)
        room = limit - len(found)
        found += good[:room]
        if len(good) > room:
            return Links(found, _place(good[room - 1], by_date=bool(since)))
        after, read, size = page.after, read + len(page.links), size + sum(map(_size, page.links))
        full = len(found) == limit or size > MOST_BYTES
        if not after or full or read >= MOST_READ or selected.store.is_late:
            return Links(found, after)


def _by_id(key: BoxKey, after: str, limit: int) -> Links:
    items = LinkRow.item.between(*table.link_items_before(after))
    page, more = table.page(LinkRow, str(key), items, limit + bool(after), forward=False)
    links = [link for link in map(rows.link, page) if link.object_id != after]
    return Links(links, links[-1].object_id if more else "")


def _by_date(key: BoxKey, after: str, since: datetime, limit: int) -> Links:
    """Index rows hold keys only, so the links themselves are read by a second call."""
    first, last = table.time_text(since), table.dated_at(after) if after else "~"
    if last < first:  # days have gone by since the page before
        return Links([], "")
    most = min(limit, _AT_ONCE)
    between = LinkRow.dated.between(first, last)
    page, more = table.page(
        LinkRow, str(key), between, most + bool(after), ByDate.Meta.index_name, forward=False
    )
    places = [row.dated for row in page if row.dated != last]
    items = {row.item: number for number, row in enumerate(page) if row.dated != last}
    found = sorted(table.get_many(LinkRow, str(key), items), key=lambda row: items[row.item])
    return Links([rows.link(row) for row in found], table.dated_cursor(places[-1]) if more else "")


def _place(link: Link, by_date: bool) -> str:
    dated = table.link_dated(link.date, link.object_id)
    return table.dated_cursor(dated) if by_date else link.object_id


def _size(link: Link) -> int:
    return sum(len(value) for _, values in link.attributes for value in values)
