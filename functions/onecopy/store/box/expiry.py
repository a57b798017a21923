"""Looks through a box for objects that have come of age by the provider's retention, and lets them expire.

A look reads `by-date`, oldest first, from where the last look ended. Objects leave in transactions of about
30, each with its event. A look may be cut at any point, and two may run at once: each transaction reads again
what it removes, and no look overwrites what another one has noted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from onecopy.domain.box import Box, BoxKey, Looked
from onecopy.domain.errors import Busy
from onecopy.domain.ids import SYSTEM_FOLDERS, FolderId, ObjectId
from onecopy.domain.link import Link
from onecopy.domain.retention import Path, Retention
from onecopy.store.box.commits import commit
from onecopy.store.commit import rows, table
from onecopy.store.commit.draft import MAX_BYTES, MAX_ROWS, Draft
from onecopy.store.commit.kinds import BoxRow, FolderRow, LinkRow
from onecopy.store.commit.transact import Store, View, Wanted

EVERY = timedelta(days=1)
"""How often a box is looked through for what has come of age since the last look."""

WHOLE = timedelta(days=7)
"""How often a look is at everything that is old: at what was moved, too, or copied with an old date."""

AGAIN = timedelta(hours=1)
"""A look that was rung for and has not ended by then is rung for again."""

BUSY = timedelta(seconds=30)
"""How long a look waits for a large copy whose source holds what has expired."""

_PAGE = 32
_ROWS_EACH = 3
"""Link, change, content."""


@dataclass(frozen=True)
class Progress:
    """`expired`: how many objects have left the box. `wait`: how long to wait before going on."""

    finished: bool
    expired: int = 0
    wait: timedelta = timedelta(0)


def look(store: Store, key: BoxKey, retention: Retention, time: timedelta) -> Progress:
    """Begins the box's next look, or goes on with one, and begins no step after `time`."""
    row = table.get(BoxRow, str(key), table.BOX)
    box = rows.box(row) if row else None
    begun = _begun(box, retention, store.now()) if box else None
    if not box or not begun:
        return Progress(True)
    looking = _Look(store, key, retention, begun)
    wait = looking.run(store.now() + time)
    looked = looking.now
    noted = _note(store, key, box.looked, looked, store.now() + AGAIN if looked.left else looked.at + EVERY)
    return Progress(not looked.left or not noted, looking.expired, wait)


def _begun(box: Box, retention: Retention, now: datetime) -> Looked | None:
    """The look to go on with, or a new one. None if the last one has just been finished."""
    last, policy = box.looked, retention.fingerprint
    if not last or last.policy != policy or (not last.left and now >= last.whole):
        everything = table.dates(None, now - retention.ages[0])
        return Looked(now, now + WHOLE, policy, (everything,))
    if last.left:
        return last
    if now < last.at + EVERY / 2:
        return None
    come_of_age = tuple(table.dates(last.at - age, now - age) for age in retention.ages)
    return Looked(now, last.whole, policy, come_of_age)


def _note(store: Store, key: BoxKey, read: Looked | None, looked: Looked, due: datetime) -> bool:
    """Whether nobody else has noted another look since the box was read."""

    def decide(view: View, draft: Draft) -> bool:
        if view.box.looked != read:
            return False
        draft.look(looked, due)
        return True

    return commit(store, key, list, decide)


@dataclass
class _Taken:
    """What one transaction has looked at. `later`: when those expire to which no range of dates leads."""

    looked_at: int = 0
    expired: int = 0
    later: list[datetime] = field(default_factory=list)


class _Look:
    """`now`: how far it has come."""

    def __init__(self, store: Store, key: BoxKey, retention: Retention, begun: Looked) -> None:
        self._store, self._key, self._retention = store, key, retention
        self.now = begun
        self.expired = 0

    def run(self, until: datetime) -> timedelta:
        """How long to wait before going on: an unfinished copy may still have to read what is old."""
        while self.now.left and self._store.now() < until:
            try:
                self._step()
            except Busy:
                return BUSY
        return timedelta(0)

    def _step(self) -> None:
        """Takes a page of the first range that is left."""
        (first, last), *others = self.now.left
        condition = LinkRow.dated.between(first, last)
        found, more = table.page(LinkRow, str(self._key), condition, _PAGE, "by-date")
        taken = self._take(found) if found else 0
        if taken < len(found) or more:
            others = [(f"{found[taken - 1].dated}\x00", last), *others]
        self.now = self.now._replace(left=tuple(others))

    def _take(self, found: Sequence[LinkRow]) -> int:
        """How many of the objects, from the first on, have been looked at."""
        wanted: list[Wanted] = [(LinkRow, row.item) for row in found]
        object_ids = [ObjectId(row.item.removeprefix("O#")) for row in found]

        def decide(view: View, draft: Draft) -> _Taken:
            return self._decide(view, draft, object_ids)

        taken = commit(self._store, self._key, lambda: wanted, decide)
        self.expired += taken.expired
        self.now = self.now._replace(whole=min([self.now.whole, *taken.later]))
        return taken.looked_at

    def _decide(self, view: View, draft: Draft, object_ids: Sequence[ObjectId]) -> _Taken:
        links, taken = view.links(object_ids, with_parents=True), _Taken()
        paths = _paths(view, {link.parent for link in links.values()}, self._retention.depth)
        for object_id in object_ids:
            if draft.rows + _ROWS_EACH > MAX_ROWS or draft.bytes > MAX_BYTES // 2:
                break
            link = links.get(object_id)
            if link and link.parent in paths:
                self._one(view, draft, link, paths[link.parent], taken)
            taken.looked_at += 1
        return taken

    def _one(self, view: View, draft: Draft, link: Link, path: Path, taken: _Taken) -> None:
        expiry = self._retention.expiry(link, path)
        if expiry and expiry <= draft.now and view.link_to_change(link.object_id):
            draft.delete_link(link, expired=True)
            taken.expired += 1
        elif expiry and link.stored:
            taken.later.append(expiry)


def _paths(view: View, folder_ids: Iterable[FolderId], depth: int) -> dict[FolderId, Path]:
    """The first `depth` names on the path of each folder that is not hidden."""
    folders = [folder for folder_id in folder_ids if (folder := view.folder(folder_id))]
    chains = {
        folder.folder_id: (*view.box.chain(folder.ancestors), folder.folder_id)[1 : 1 + depth]
        for folder in folders
    }
    others = {i for chain in chains.values() for i in chain if i not in SYSTEM_FOLDERS}
    view.need([(FolderRow, table.folder_item(i)) for i in sorted(others)])
    names = {**SYSTEM_FOLDERS, **{i: folder.name for i in others if (folder := view.folder(i))}}
    return {
        i: tuple(names[each] for each in chain) for i, chain in chains.items() if names.keys() >= set(chain)
    }
