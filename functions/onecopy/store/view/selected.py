"""What of a box is told to someone who does not want, or may not have, everything: see `domain.interest`.

The log does not say all that decides: a change of flags holds no attributes, and no change holds the folders
above. They are looked up, for many changes at once. Where a folder is, is read as of now and not as of the
change. That makes no difference as long as no folder has been moved across a border since; and such a move
makes everyone list anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from onecopy.domain.box import BoxKey, Chain
from onecopy.domain.change import Change, ChangedObject, Metadata
from onecopy.domain.ids import ROOT, SYSTEM_FOLDERS, FolderId, ObjectId
from onecopy.domain.interest import Interest
from onecopy.domain.link import Link, date_of
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import BoxRow, FolderRow, LinkRow
from onecopy.store.commit.transact import Store, read_rows

_AT_ONCE = 99
"""Folders, beside the box row, in one TransactGetItems; also the changes that are decided together."""

MOST_BYTES = 4_000_000
"""Bytes of attributes, roughly, after which a page of changes ends: no answer could hold more."""


@dataclass(frozen=True)
class Told:
    """`changes`: those to tell. `position`: the last change that was considered.

    `crossed`: a folder was moved across the border of an excluded one, so a new listing has to begin.
    """

    changes: Sequence[Change]
    position: int
    crossed: bool = False


@dataclass
class Selected:
    """An interest, applied to one box in one request. Folders are looked up once."""

    store: Store
    key: BoxKey
    interest: Interest
    _chains: dict[FolderId, Chain | None] = field(default_factory=dict)

    def told(self, found: Sequence[Change], most: int, seen: int = 0) -> Told:
        """Of the changes found in the log, in order, the first `most` to tell.

        `seen`: crossings up to this change are known already.
        """
        if any(self.interest.is_crossed_by(one.event) for one in found if one.seq > seen):
            return Told([], found[-1].seq, crossed=True)
        chosen: list[Change] = []
        position, size = found[0].seq - 1, 0
        for start in range(0, len(found), _AT_ONCE):
            if start and (self.store.is_late or size > MOST_BYTES):
                break
            batch = found[start : start + _AT_ONCE]
            facts = self._look_up(batch)
            for change in batch:
                if len(chosen) == most:
                    return Told(chosen, position)
                if shown := self._shown(change, facts):
                    chosen.append(shown)
                    size += _size(shown)
                position = change.seq
        return Told(chosen, position)

    def links(self, found: Sequence[Link]) -> list[Link]:
        """Those in view, in order."""
        now = self.store.now()
        good = [link for link in found if self.interest.allows(link.attributes, link.flags, link.date, now)]
        self._read_chains(link.parent for link in good)
        return [link for link in good if self._is_in_view(link.parent)]

    def _look_up(self, batch: Sequence[Change]) -> Mapping[ObjectId, Link]:
        """Reads the folders that the changes name, and the objects whose attributes or dates are missing."""
        events = [one.event for one in batch if isinstance(one.event, ChangedObject)]
        self._read_chains(folder for event in events for folder in (event.parent, event.left) if folder)
        wanted = [event.object_id for event in events if self._needs_link(event)]
        items = map(table.link_item, wanted)
        links = map(rows.link, table.get_many(LinkRow, str(self.key), items)) if wanted else ()
        return {link.object_id: link for link in links}

    def _needs_link(self, event: ChangedObject) -> bool:
        if not self._is_in_view(event.parent) and not self._was_in_view(event):
            return False
        if event.metadata:
            return self.interest.has_dates and _date(event.metadata) is None
        return self.interest.has_facts or not self._was_in_view(event)

    def _shown(self, change: Change, links: Mapping[ObjectId, Link]) -> Change | None:
        """The change as it is told, or None. What a link is needed for and is gone has been deleted since,
        and its deletion is told.
        """
        event = change.event
        if not isinstance(event, ChangedObject):
            return change
        is_in, was_in = self._is_in_view(event.parent), self._was_in_view(event)
        link = links.get(event.object_id)
        if not (is_in or was_in) or (self._needs_link(event) and not link):
            return None
        metadata = event.metadata or (Metadata(link.attributes, link.content) if link else None)
        if metadata and self.interest.has_facts:
            date = link.date if link else _date(metadata)
            if not self.interest.allows(metadata.attributes, event.flags, date, self.store.now()):
                return None
        return replace(change, event=replace(event, metadata=metadata)) if not was_in else change

    def _is_in_view(self, folder: FolderId) -> bool:
        """False also for a folder that is gone: what was in it has been moved since, or deleted."""
        if not self.interest.excluded:
            return True
        chain = self._chains.get(folder)
        return chain is not None and not self.interest.excludes(chain)

    def _was_in_view(self, event: ChangedObject) -> bool:
        """Whether the object was, before a move. If nobody knows, the answer leads to more being told."""
        if event.left is None or not self.interest.excluded:
            return self._is_in_view(event.parent)
        if self._chains.get(event.left) is None:
            return not self._is_in_view(event.parent)
        return self._is_in_view(event.left)

    def _read_chains(self, folders: Iterable[FolderId]) -> None:
        """Reads where these folders are. By TransactGetItems: if a change shows, so does the move in it."""
        if not self.interest.excluded:
            return
        self._chains |= _KNOWN
        missing = [folder for folder in dict.fromkeys(folders) if folder not in self._chains]
        for start in range(0, len(missing), _AT_ONCE):
            batch = missing[start : start + _AT_ONCE]
            self._chains |= dict.fromkeys(batch) | self._chains_now(batch)

    def _chains_now(self, batch: Sequence[FolderId]) -> dict[FolderId, Chain]:
        keys = [(FolderRow, str(self.key), table.folder_item(folder)) for folder in batch]
        box_row, *found = read_rows(self.store, [(BoxRow, str(self.key), table.BOX), *keys])
        if not isinstance(box_row, BoxRow):
            return {}
        box = rows.box(box_row)
        folders = [rows.folder(row) for row in found if isinstance(row, FolderRow)]
        return {
            one.folder_id: (*box.chain(one.ancestors), one.folder_id)
            for one in folders
            if not box.hides(one.folder_id, one.ancestors)
        }


_KNOWN: Mapping[FolderId, Chain] = {
    folder: (ROOT,) if folder == ROOT else (ROOT, folder) for folder in SYSTEM_FOLDERS
}
"""The system folders' chains, which never change."""

_NO_DATE = datetime.max.replace(tzinfo=UTC)


def _date(known: Metadata) -> datetime | None:
    """The date, if the attributes hold a valid one."""
    date = date_of(known.attributes, _NO_DATE)
    return None if date is _NO_DATE else date


def _size(change: Change) -> int:
    if isinstance(change.event, ChangedObject) and change.event.metadata:
        return sum(len(value) for _, values in change.event.metadata.attributes for value in values)
    return 0
