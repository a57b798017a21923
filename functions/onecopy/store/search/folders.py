"""Finds the folders that meet criteria, page by page.

No index orders folders. Each page is one pass over all folders of the box, as a search by an attribute is one
over objects (`search`). The search for the root, with which every client begins, reads the root alone.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cmp_to_key, partial

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.criteria import of_folder
from onecopy.domain.errors import NotAllowed
from onecopy.domain.folder import Folder
from onecopy.domain.ids import ROOT, compact
from onecopy.domain.selection import Position, Rank, Selection, compare, rank
from onecopy.store.box import folders
from onecopy.store.commit.transact import Store
from onecopy.store.search.objects import Budget, check_validity, start


@dataclass(frozen=True)
class Page:
    """Each folder with the position after it; and whether more follow."""

    folders: list[tuple[Folder, Position]]
    more: bool


def find(store: Store, key: BoxKey, selection: Selection) -> Page:
    """Raises NotAllowed."""
    box, _ = start(store, key, selection)
    check_validity(selection.after, box)
    ids = selection.after.ids if selection.after else box.ids
    order, after = selection.order, selection.after
    known: dict[Rank, Folder] = {}
    for folder in _candidates(store, box, selection):
        place = rank(order, of_folder(folder), folder.folder_id)
        is_left = after is None or compare(order, place, after.place) > 0
        if is_left and folder.folder_id <= compact(ids) and _is_in_scope(box, selection, folder):
            known[place] = folder
    best = heapq.nsmallest(selection.limit + 1, known, key=cmp_to_key(partial(compare, order)))
    page = best[: selection.limit]
    found = [(known[place], Position(box.validity, ids, place)) for place in page]
    return Page(found, len(best) > len(page))


def _candidates(store: Store, box: Box, selection: Selection) -> Iterable[Folder]:
    """All folders that may meet the criteria and do. Raises NotAllowed if there are too many to sort."""
    budget = Budget(store)
    is_root = selection.criteria.are_of_the_root
    for folder in [folders.find(store, box.key, ROOT)] if is_root else folders.visible(box):
        store.check_time()
        budget.spend(1)
        if budget.is_spent:
            raise NotAllowed("too many folders to sort")
        if selection.criteria.matches(of_folder(folder)):
            yield folder


def _is_in_scope(box: Box, selection: Selection, folder: Folder) -> bool:
    """The scope's own folder counts; without `recursive`, it and those directly in it."""
    top = selection.scope
    if top is None or folder.folder_id == top:
        return True
    return top in box.chain(folder.ancestors) if selection.recursive else folder.parent == top
