"""Copies and moves objects and folders: links are made or moved, and content stays where it is.

A copied object is a new link with the source's flags, date, attributes and correlation values. The same
transaction raises its content's count. A copied folder begins as an empty folder, made in one transaction.
A job then fills it, parents first, each item whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from onecopy.domain.box import MAX_DEPTH, Box, BoxKey
from onecopy.domain.errors import (
    InvalidInput,
    NameTaken,
    NMSError,
    NotAllowed,
    PreconditionFailed,
    SystemFolder,
)
from onecopy.domain.folder import Folder
from onecopy.domain.ids import FolderId, ObjectId, is_id
from onecopy.domain.link import Link
from onecopy.domain.match import ANY, Match
from onecopy.store.box import counts, folders, jobs
from onecopy.store.box.commits import commit
from onecopy.store.commit import table
from onecopy.store.commit.batches import in_batches
from onecopy.store.commit.draft import MAX_BYTES, MAX_ROWS, Draft
from onecopy.store.commit.kinds import FolderRow, LinkRow, NameRow, sent_size
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.transact import Store, View, Wanted, ask


def check_target(store: Store, key: BoxKey, target: FolderId, network: bool) -> None:
    """Raises the error for which the whole request is refused, if the target is wrong."""
    if not is_id(target):
        raise InvalidInput("targetRef")
    ask(store, key, [folders.wanted(target)], lambda view: _target(view, target, network))


def copy_objects(
    store: Store, key: BoxKey, sources: Sequence[ObjectId], target: FolderId, network: bool
) -> list[Outcome | NMSError]:
    """Makes a new link for each source, in order. A source named twice is copied twice."""

    def take(view: View, draft: Draft, link: Link) -> Link:
        return draft.copy_link(link, target)

    return _Objects(store, key, sources, target, network, take, moves=False).run()


def move_objects(
    store: Store,
    key: BoxKey,
    sources: Sequence[ObjectId],
    target: FolderId,
    network: bool,
    match: Match = ANY,
) -> list[Outcome | NMSError]:
    """Objects keep their ids. One in a conversation's folder cannot leave it (the whole folder may move)."""

    def take(view: View, draft: Draft, link: Link) -> Link:
        match.check(link.last_mod_seq)
        parent = view.folder(link.parent)
        if not parent or view.box.is_network(parent.folder_id, parent.ancestors):
            raise NotAllowed("object of a conversation")
        if link.parent == target:
            return link
        return draft.move_link(view.link_to_change(link.object_id) or link, target)

    return _Objects(store, key, sources, target, network, take, moves=True).run()


@dataclass(frozen=True)
class _Objects:
    """The objects of one request."""

    store: Store
    key: BoxKey
    sources: Sequence[ObjectId]
    target: FolderId
    network: bool
    take: Callable[[View, Draft, Link], Link]
    moves: bool

    def run(self) -> list[Outcome | NMSError]:
        return in_batches(self.store, len(self.sources), self._commit)

    def _commit(self, done: int) -> list[Outcome | NMSError]:
        batch = self._batch(done)
        wanted: list[Wanted] = [folders.wanted(self.target)]
        wanted += [(LinkRow, table.link_item(source)) for source in batch if is_id(source)]
        return commit(self.store, self.key, lambda: wanted, partial(self._decide, batch), many=True)

    def _batch(self, done: int) -> Sequence[ObjectId]:
        """The next sources whose links, changes and contents fit one transaction."""
        rows, seen, size = 1, set[ObjectId](), 0
        for source in self.sources[done:]:
            rows += 2 if self.moves or source in seen else 3
            if rows > MAX_ROWS:
                break
            seen.add(source)
            size += 1
        return self.sources[done : done + size]

    def _decide(self, batch: Sequence[ObjectId], view: View, draft: Draft) -> list[Outcome | NMSError]:
        folder = _target(view, self.target, self.network)
        links = view.links([source for source in batch if is_id(source)], with_parents=self.moves)
        answers: list[Link | NMSError] = []
        moved: dict[ObjectId, Link] = {}
        for source in batch:
            link = moved.get(source) or links.get(source)
            if link and answers and draft.bytes + 2 * sent_size(link.attributes) > MAX_BYTES:
                break
            answers.append(self._one(view, draft, link))
            if self.moves and isinstance(answer := answers[-1], Link):
                moved[source] = answer
        return [a if isinstance(a, NMSError) else _outcome(a, folder) for a in answers]

    def _one(self, view: View, draft: Draft, link: Link | None) -> Link | NMSError:
        try:
            return self.take(view, draft, link) if link else InvalidInput("objectReference")
        except PreconditionFailed:
            raise
        except NMSError as error:
            return error


def _outcome(link: Link, folder: Folder) -> Outcome:
    return Outcome(link.object_id, link.last_mod_seq, link.parent, folder=folder, content=link.content)


def copy_folders(
    store: Store, key: BoxKey, sources: Sequence[FolderId], target: FolderId, network: bool
) -> list[Outcome | NMSError]:
    """Makes an empty folder for each source, with its name and attributes, and starts a job that fills it.

    With a quota, the links that the copy will make are counted, and their room is taken at once: a copy that
    is begun always comes to its end.
    """
    counted: dict[FolderId, int] = {}

    def links(source: Folder) -> int:
        if source.folder_id not in counted:
            counted[source.folder_id] = counts.links_below(store, key, source)
        return counted[source.folder_id]

    def take(view: View, draft: Draft, source: FolderId, parent: Folder) -> tuple[Folder, Folder]:
        folder = _source(store, view, source, parent)
        _check_name(view, parent, folder.name)
        if store.quota.links:
            draft.room.reserve(links(folder))
        return folder, draft.create_folder(parent, folder.name, folder.attributes)

    return _Folders(store, key, sources, target, network, take, jobs.start_copy).run()


def move_folders(
    store: Store,
    key: BoxKey,
    sources: Sequence[FolderId],
    target: FolderId,
    network: bool,
    match: Match = ANY,
) -> list[Outcome | NMSError]:
    """Moves each folder with all below it, in one change. Moving it to its own parent changes nothing."""

    def take(view: View, draft: Draft, source: FolderId, parent: Folder) -> tuple[Folder, Folder]:
        folder = _source(store, view, source, parent)
        match.check(folder.last_mod_seq)
        if folder.parent == target:
            return folder, folder
        _check_name(view, parent, folder.name)
        return folder, draft.move_folder(view.folder_to_change(source) or folder, parent)

    def start(view: View, draft: Draft, pairs: Sequence[tuple[Folder, Folder]]) -> str | None:
        moved = [after for before, after in pairs if before.inner and before is not after]
        return jobs.start_settle(draft, moved) if moved else None

    return _Folders(store, key, sources, target, network, take, start).run()


Pair = tuple[Folder, Folder]
"""A folder as it was, and its copy or the folder as moved."""


@dataclass(frozen=True)
class _Folders:
    """The folders of one request; those of one transaction share a job."""

    store: Store
    key: BoxKey
    sources: Sequence[FolderId]
    target: FolderId
    network: bool
    take: Callable[[View, Draft, FolderId, Folder], Pair]
    start: Callable[[View, Draft, Sequence[Pair]], str | None]

    _AT_ONCE = 23
    """Each takes up to four rows: itself, its name before and after, its change."""

    def run(self) -> list[Outcome | NMSError]:
        return in_batches(self.store, len(self.sources), self._commit)

    def _commit(self, done: int) -> list[Outcome | NMSError]:
        batch = self.sources[done : done + self._AT_ONCE]
        known = [folders.wanted(source) for source in dict.fromkeys(batch) if is_id(source)]
        wanted = [folders.wanted(self.target), *known]
        return commit(self.store, self.key, lambda: wanted, partial(self._decide, batch), many=True)

    def _decide(self, batch: Sequence[FolderId], view: View, draft: Draft) -> list[Outcome | NMSError]:
        parent = _target(view, self.target, self.network)
        self._read_names(view, batch)
        answers: list[Pair | NMSError] = []
        for source in batch:
            if answers and draft.bytes > MAX_BYTES // 2:
                break
            answers.append(self._one(view, draft, source, parent))
        pairs = [answer for answer in answers if not isinstance(answer, NMSError)]
        job_id = self.start(view, draft, pairs) if pairs else None
        return [a if isinstance(a, NMSError) else _moved(a[1], job_id) for a in answers]

    def _read_names(self, view: View, batch: Sequence[FolderId]) -> None:
        found = [view.folder(source) for source in batch if is_id(source)]
        names = [(NameRow, table.name_item(self.target, folder.name)) for folder in found if folder]
        view.need(names)

    def _one(self, view: View, draft: Draft, source: FolderId, parent: Folder) -> Pair | NMSError:
        """A refused target fails the request. An error of one source fails only that item."""
        try:
            return self.take(view, draft, source, parent)
        except (SystemFolder, PreconditionFailed):
            raise
        except NMSError as error:
            return error


def _moved(folder: Folder, job_id: str | None) -> Outcome:
    return Outcome(folder.folder_id, folder.last_mod_seq, folder.parent, job_id, folder)


def _target(view: View, target: FolderId, network: bool) -> Folder:
    folder = view.folder(target)
    if not folder:
        raise InvalidInput("targetRef")
    folders.check_target(view.box, folder, network)
    return folder


def _source(store: Store, view: View, source: FolderId, parent: Folder) -> Folder:
    """The source folder. Raises an NMSError if it may not be copied or moved into `parent`."""
    folder = view.folder(source) if is_id(source) else None
    if not folder:
        raise InvalidInput("folderReference")
    if folder.is_system:
        raise NotAllowed("system folder")
    above = (*view.box.chain(parent.ancestors), parent.folder_id)
    if folder.folder_id in above:
        raise InvalidInput("targetRef")
    if len(above) > len(view.box.chain(folder.ancestors)):
        _check_depth(store, view.box, folder, MAX_DEPTH - len(above))
    return folder


def _check_name(view: View, parent: Folder, name: str) -> None:
    if view.get(NameRow, table.name_item(parent.folder_id, name)):
        raise NameTaken("name")


def _check_depth(store: Store, box: Box, folder: Folder, most: int) -> None:
    """Raises InvalidInput if more than `most` levels lie below. Called only if the tree gets deeper."""
    level = [folder.folder_id] if folder.inner else []
    for _ in range(most + 1):
        level = [below for folder_id in level for below in _subfolders(store, box, folder_id)]
        if not level:
            return
    raise InvalidInput("targetRef")


def _subfolders(store: Store, box: Box, folder_id: FolderId) -> list[FolderId]:
    store.check_time()
    first, last = table.places(folder_id, objects=False)
    rows = table.every(FolderRow, str(box.key), FolderRow.place.between(first, last), "by-folder")
    return [FolderId(row.item[2:]) for row in rows]


OnFolders = Callable[[Store, BoxKey, Sequence[FolderId], FolderId, bool], list[Outcome | NMSError]]
OnObjects = Callable[[Store, BoxKey, Sequence[ObjectId], FolderId, bool], list[Outcome | NMSError]]
