"""Copy and move, the heart of the mission: links are made or moved, content stays where it is.

A copied object is a new link with the source's flags, date, attributes and correlation values, and its
content's count raised in the same transaction. A copied folder begins as an empty folder in one
transaction; a job fills it from there, parents first, each item whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from onecopy.domain.box import MAX_DEPTH, Box, BoxKey
from onecopy.domain.errors import InvalidInput, NameTaken, NMSError, NotAllowed, SystemFolder
from onecopy.domain.folder import Folder
from onecopy.domain.ids import FolderId, ObjectId, is_id
from onecopy.domain.link import Link
from onecopy.store import folders, jobs, rows, table
from onecopy.store.draft import MAX_BYTES, MAX_ROWS, Draft
from onecopy.store.table import FolderRow, LinkRow, NameRow
from onecopy.store.transact import Store, View, Wanted, ask, commit


@dataclass(frozen=True)
class FolderCopied:
    """`job_id` names what goes on below it in the background."""

    folder: Folder
    job_id: str | None = None


def check_target(store: Store, key: BoxKey, target: FolderId, network: bool) -> None:
    """Raises what the whole request is refused for."""
    if not is_id(target):
        raise InvalidInput("targetRef")
    ask(store, key, [folders.wanted(target)], lambda view: _target(view, target, network))


def copy_objects(
    store: Store, key: BoxKey, sources: Sequence[ObjectId], target: FolderId, network: bool
) -> list[Link | NMSError]:
    """A new link for each source, in order; a source named twice is copied twice."""

    def take(view: View, draft: Draft, link: Link) -> Link:
        return draft.copy_link(link, target)

    return _Batches(store, key, sources, target, network, take, moves=False).run()


def move_objects(
    store: Store, key: BoxKey, sources: Sequence[ObjectId], target: FolderId, network: bool
) -> list[Link | NMSError]:
    """Ids are kept. An object in a conversation's folder stays there (the folder as a whole may move)."""

    def take(view: View, draft: Draft, link: Link) -> Link:
        parent = view.folder(link.parent)
        if not parent or view.box.is_network(parent.folder_id, parent.ancestors):
            raise NotAllowed("object of a conversation")
        return link if link.parent == target else draft.move_link(link, target)

    return _Batches(store, key, sources, target, network, take, moves=True).run()


class _Batches:
    """The sources of one request, as many in one transaction as its rows and bytes allow."""

    def __init__(
        self,
        store: Store,
        key: BoxKey,
        sources: Sequence[ObjectId],
        target: FolderId,
        network: bool,
        take: Callable[[View, Draft, Link], Link],
        moves: bool,
    ) -> None:
        self._store, self._key = store, key
        self._sources = sources
        self._target = target
        self._network = network
        self._take = take
        self._moves = moves
        self._results: list[Link | NMSError] = []

    def run(self) -> list[Link | NMSError]:
        while len(self._results) < len(self._sources):
            try:
                self._results += commit(self._store, self._key, self._wanted, self._decide)
            except NMSError as error:
                if not self._results:
                    raise
                rest = len(self._sources) - len(self._results)
                self._results += [error] * rest
        return self._results

    def _batch(self) -> Sequence[ObjectId]:
        """The next sources whose links, changes and contents fit one transaction."""
        rows, seen, size = 1, set[ObjectId](), 0
        for source in self._sources[len(self._results) :]:
            rows += 2 if self._moves or source in seen else 3
            if rows > MAX_ROWS:
                break
            seen.add(source)
            size += 1
        return self._sources[len(self._results) : len(self._results) + size]

    def _wanted(self) -> list[Wanted]:
        known = [source for source in self._batch() if is_id(source)]
        return [folders.wanted(self._target), *((LinkRow, table.link_item(source)) for source in known)]

    def _decide(self, view: View, draft: Draft) -> list[Link | NMSError]:
        _target(view, self._target, self._network)
        batch = self._batch()
        links = view.links([source for source in batch if is_id(source)], with_parents=self._moves)
        answers: list[Link | NMSError] = []
        moved: dict[ObjectId, Link] = {}
        for source in batch:
            link = moved.get(source) or links.get(source)
            if link and answers and draft.bytes + 2 * table.sent_size(link.attributes) > MAX_BYTES:
                break
            answers.append(self._one(view, draft, link))
            if self._moves and isinstance(answer := answers[-1], Link):
                moved[source] = answer
        return answers

    def _one(self, view: View, draft: Draft, link: Link | None) -> Link | NMSError:
        try:
            return self._take(view, draft, link) if link else InvalidInput("objectReference")
        except NMSError as error:
            return error


def copy_folder(
    store: Store, key: BoxKey, source: FolderId, target: FolderId, network: bool
) -> FolderCopied | NMSError:
    """An empty folder of the same name and attributes, and the job that fills it."""
    job_id = store.random(9).hex()

    def decide(view: View, draft: Draft) -> FolderCopied:
        folder, parent = _checked(store, view, source, target, network)
        _check_name(view, parent, folder.name)
        copy = draft.create_folder(parent, folder.name, folder.attributes)
        jobs.start_copy(draft, job_id, folder, copy)
        return FolderCopied(copy, job_id)

    return _item(lambda: commit(store, key, lambda: _wanted(source, target), decide))


def move_folder(
    store: Store, key: BoxKey, source: FolderId, target: FolderId, network: bool
) -> FolderCopied | NMSError:
    """The folder with all below it, in one change. Into the folder where it is: nothing changes."""
    job_id = store.random(9).hex()

    def decide(view: View, draft: Draft) -> FolderCopied:
        folder, parent = _checked(store, view, source, target, network)
        if folder.parent == target:
            return FolderCopied(folder)
        _check_name(view, parent, folder.name)
        moved = draft.move_folder(folder, parent)
        jobs.start_settle(draft, job_id, moved)
        return FolderCopied(moved, job_id)

    return _item(lambda: commit(store, key, lambda: _wanted(source, target), decide))


def _item(work: Callable[[], FolderCopied]) -> FolderCopied | NMSError:
    """A refused target fails the request; whatever is wrong with a source fails that item only."""
    try:
        return work()
    except SystemFolder:
        raise
    except NMSError as error:
        return error


def _wanted(source: FolderId, target: FolderId) -> list[Wanted]:
    known = [folders.wanted(source)] if is_id(source) else []
    return [folders.wanted(target), *known]


def _target(view: View, target: FolderId, network: bool) -> Folder:
    folder = view.folder(target)
    if not folder:
        raise InvalidInput("targetRef")
    folders.check_target(view.box, folder, network)
    return folder


def _checked(
    store: Store, view: View, source: FolderId, target: FolderId, network: bool
) -> tuple[Folder, Folder]:
    parent = _target(view, target, network)
    folder = view.folder(source) if is_id(source) else None
    if not folder:
        raise InvalidInput("folderReference")
    if folder.is_system:
        raise NotAllowed("system folder")
    above = (*view.box.chain(parent.ancestors), parent.folder_id)
    if folder.folder_id in above:
        raise InvalidInput("targetRef")
    depth = len(view.box.chain(folder.ancestors))
    if len(above) > depth and len(above) + _height(store, view.box, folder) > MAX_DEPTH:
        raise InvalidInput("targetRef")
    return folder, parent


def _height(store: Store, box: Box, folder: Folder) -> int:
    """How many folders lie below one another under this one. Deeper in the tree only, so rarely asked."""
    height = 0
    for row in table.every(FolderRow, str(box.key), FolderRow.item.startswith("F#")):
        chain = box.chain(rows.folder(row).ancestors)
        if folder.folder_id in chain:
            height = max(height, len(chain) - chain.index(folder.folder_id))
    return height


def _check_name(view: View, parent: Folder, name: str) -> None:
    if view.get(NameRow, table.name_item(parent.folder_id, name)):
        raise NameTaken("name")


OnFolder = Callable[[Store, BoxKey, FolderId, FolderId, bool], FolderCopied | NMSError]
OnObjects = Callable[[Store, BoxKey, Sequence[ObjectId], FolderId, bool], list[Link | NMSError]]
