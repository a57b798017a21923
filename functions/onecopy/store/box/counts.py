"""Counts what a folder holds, alone or with all below it. Counts are made on request and kept nowhere.

A count reads every link. It raises Busy when the request's time is over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from onecopy.domain.box import BoxKey
from onecopy.domain.folder import Folder
from onecopy.domain.ids import FolderId
from onecopy.domain.link import has_flag
from onecopy.store.box import folders
from onecopy.store.box.folders import find_box
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import LinkRow
from onecopy.store.commit.transact import Store

_FEW = 20
"""The most folders to read one by one. For more, one pass over the box's links takes fewer calls."""

_COUNTED = ["item", "parent", "flags", "parts"]


@dataclass(frozen=True)
class Counts:
    """`size` in bytes. Every copy counts in full, though its content is stored once."""

    messages: int
    unread: int
    size: int


def count(store: Store, key: BoxKey, folder: Folder) -> Counts:
    """Counts what lies in the folder itself."""
    return _counted(store, _one_by_one(key, [folder.folder_id]))


def count_below(store: Store, key: BoxKey, folder: Folder) -> Counts:
    """Counts what lies in the folder and in all folders below it that are not hidden."""
    tree = folders.tree(store, find_box(store, key), folder.folder_id)
    return _counted(store, _one_by_one(key, tree) if len(tree) <= _FEW else _in_one_pass(store, key, tree))


def links_below(store: Store, key: BoxKey, folder: Folder) -> int:
    """How many links a copy of the folder may have to make: those in it and below it, and all those that
    unfinished copies have still to make, whether below it or elsewhere.
    """
    box = find_box(store, key)
    tree = folders.tree(store, box, folder.folder_id)
    pending = sum(job.links for job in box.copying)
    if len(tree) > _FEW:
        return pending + sum(1 for _ in _in_one_pass(store, key, tree))
    return pending + sum(_links_in(store, key, folder_id) for folder_id in tree)


def _links_in(store: Store, key: BoxKey, folder_id: FolderId) -> int:
    store.check_time()
    place = LinkRow.place.between(*table.places(folder_id, subfolders=False))
    return LinkRow.count(str(key), place, index_name="by-folder", consistent_read=True)


def _counted(store: Store, links: Iterable[LinkRow]) -> Counts:
    messages = unread = size = 0
    for row in links:
        store.check_time()
        messages += 1
        unread += not has_flag(tuple(row.flags), "\\Seen")
        size += sum(part.size for part in rows.parts(row.parts or ()))
    return Counts(messages, unread, size)


def _one_by_one(key: BoxKey, folder_ids: Iterable[FolderId]) -> Iterator[LinkRow]:
    for folder_id in folder_ids:
        place = LinkRow.place.between(*table.places(folder_id, subfolders=False))
        items = [row.item for row in table.every(LinkRow, str(key), place, "by-folder")]
        yield from table.get_many(LinkRow, str(key), items, _COUNTED)


def _in_one_pass(store: Store, key: BoxKey, folder_ids: set[FolderId]) -> Iterator[LinkRow]:
    for row in table.every(LinkRow, str(key), LinkRow.item.startswith("O#"), only=_COUNTED):
        store.check_time()
        if row.parent in folder_ids:
            yield row
