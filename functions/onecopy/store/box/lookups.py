"""Looks up many paths at once, read-only. Code that stores something at a path uses `folders.Paths`."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from onecopy.domain.box import BoxKey
from onecopy.domain.errors import Busy, NMSError, Unknown, UnknownPath
from onecopy.domain.ids import FolderId, ObjectId
from onecopy.store.box.folders import Names, Paths, find_many
from onecopy.store.commit.transact import Store, read_links

Asked = TypeVar("Asked")
Found = TypeVar("Found")

_AT_ONCE = 99
"""Paths that are followed together: their rows and the box row fit one TransactGetItems."""


def folders_at(store: Store, key: BoxKey, every: Sequence[Names]) -> list[FolderId | NMSError]:
    """An answer for each path: its folder's id, UnknownPath if it leads nowhere, Busy if time ran out."""
    paths = Paths(store, key)

    def follow(some: Sequence[Names]) -> list[FolderId | NMSError]:
        paths.look_up(some)
        ends = [paths.resolve(names) for names in some]
        there = find_many(store, key, list({end.folder_id: None for end in ends if not end.missing}))
        return [
            end.folder_id if not end.missing and end.folder_id in there else _unknown(names)
            for names, end in zip(some, ends, strict=True)
        ]

    return _in_turns(store, every, follow)


def _unknown(names: Names) -> UnknownPath:
    return UnknownPath("path", f"/{'/'.join(names)}"[:255])


def objects_at(
    store: Store, key: BoxKey, every: Sequence[tuple[Names, ObjectId]]
) -> list[ObjectId | NMSError]:
    """An answer for each: the object's id, Unknown if it is not in the folder at that path, Busy as above."""
    paths = Paths(store, key)

    def follow(some: Sequence[tuple[Names, ObjectId]]) -> list[ObjectId | NMSError]:
        links = read_links(store, key, [object_id for _, object_id in some])
        paths.look_up(names for names, object_id in some if object_id in links)
        return [
            object_id
            if object_id in links and paths.leads_to(names, links[object_id].parent)
            else Unknown("path")
            for names, object_id in some
        ]

    return _in_turns(store, every, follow)


def _in_turns(
    store: Store, every: Sequence[Asked], follow: Callable[[Sequence[Asked]], list[Found | NMSError]]
) -> list[Found | NMSError]:
    """Follows some at a time, in order. A client that repeats those that were Busy comes to an end."""
    answers: list[Found | NMSError] = []
    while len(answers) < len(every):
        try:
            store.check_time()
            answers += follow(every[len(answers) : len(answers) + _AT_ONCE])
        except Busy as busy:
            answers += [busy] * (len(every) - len(answers))
    return answers
