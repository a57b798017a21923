"""Finds folders by id or path, lists, creates, renames and deletes them. `copies` copies and moves them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from onecopy.domain.box import MAX_DEPTH, Box, BoxKey
from onecopy.domain.errors import (
    InvalidInput,
    NameTaken,
    NotAllowed,
    RenameForbidden,
    SystemFolder,
    Unknown,
    UnknownPath,
)
from onecopy.domain.folder import Attributes, Folder
from onecopy.domain.ids import (
    RCS_MESSAGE_STORE,
    ROOT,
    SYSTEM_FOLDERS,
    FolderId,
    ObjectId,
    is_id,
)
from onecopy.domain.match import ANY, Match
from onecopy.store.box import jobs
from onecopy.store.box.commits import commit
from onecopy.store.commit import rows, table
from onecopy.store.commit.draft import Draft
from onecopy.store.commit.kinds import FolderRow, NameRow
from onecopy.store.commit.transact import Stale, Store, View, Wanted, ask

Names = tuple[str, ...]
"""The names along a path, from below the root."""

Place = FolderId | Names
"""Where to store something: a folder's id, or a path whose missing folders are created."""


def wanted(folder_id: FolderId) -> Wanted:
    if not is_id(folder_id):
        raise Unknown("folderId")
    return FolderRow, table.folder_item(folder_id)


def find(store: Store, key: BoxKey, folder_id: FolderId, match: Match = ANY) -> Folder:
    def answer(view: View) -> Folder:
        folder = _existing(view, folder_id)
        match.check(folder.last_mod_seq)
        return folder

    return ask(store, key, [wanted(folder_id)], answer)


def path(store: Store, key: BoxKey, folder: Folder) -> str:
    """The path from the root down; `/` for the root. No call if all folders above are system folders."""
    return paths(store, key, [folder])[folder.folder_id]


def paths(store: Store, key: BoxKey, folders: Collection[Folder]) -> dict[FolderId, str]:
    """The paths of many folders, as of one moment. Folders above several of them are read once."""

    def answer(view: View) -> dict[FolderId, str]:
        return {
            folder.folder_id: _path(
                folder, [_existing(view, i).name for i in view.box.chain(folder.ancestors)]
            )
            for folder in folders
        }

    above = {folder_id for folder in folders for folder_id in folder.ancestors}
    if above <= SYSTEM_FOLDERS.keys():
        return {f.folder_id: _path(f, [SYSTEM_FOLDERS[i] for i in f.ancestors]) for f in folders}
    return ask(store, key, [wanted(i) for i in sorted(above)], answer)


def _path(folder: Folder, above: Sequence[str]) -> str:
    return "/".join([*above, folder.name]) or "/"


def find_box(store: Store, key: BoxKey) -> Box:
    return ask(store, key, [], lambda view: view.box)


_READ_AT_ONCE = 99
"""Rows in one TransactGetItems, beside the box row."""


@dataclass(frozen=True)
class Entry:
    """A subfolder or an object, and its place in the order of what the folder holds."""

    place: str
    subfolder: FolderId | None = None
    object_id: ObjectId | None = None


def children(
    store: Store, key: BoxKey, folder: Folder, cursor: str, limit: int, subfolders: bool, objects: bool
) -> tuple[list[Entry], bool]:
    """A page of subfolders, then objects by date and id; and whether more follow.

    `cursor` is the place after which the page begins.
    """
    first, last = table.places(folder.folder_id, subfolders, objects)
    if cursor and not first <= cursor <= last:
        raise InvalidInput("fromCursor")
    condition = FolderRow.place.between(f"{cursor}\x00" if cursor else first, last)
    found, after = table.page(FolderRow, str(key), condition, limit + 1, "by-folder")
    return [_entry(row) for row in found[:limit]], len(found) > limit or after is not None


def _entry(row: FolderRow) -> Entry:
    kind, _, name = row.item.partition("#")
    return Entry(row.place, FolderId(name)) if kind == "F" else Entry(row.place, object_id=ObjectId(name))


def visible(box: Box) -> Iterator[Folder]:
    """Every folder that is not hidden. It reads them all."""
    for row in table.every(FolderRow, str(box.key), FolderRow.item.startswith("F#")):
        folder = rows.folder(row)
        if not box.hides(folder.folder_id, folder.ancestors):
            yield folder


def tree(store: Store, box: Box, top: FolderId) -> set[FolderId]:
    """A folder and all below it that is not hidden."""
    found = set[FolderId]()
    for one in visible(box):
        store.check_time()
        if top in (one.folder_id, *box.chain(one.ancestors)):
            found.add(one.folder_id)
    return found


def names(store: Store, key: BoxKey, folder_ids: Iterable[FolderId]) -> dict[FolderId, str]:
    """The names of the folders that exist."""
    items = map(table.folder_item, folder_ids)
    found = table.get_many(FolderRow, str(key), items, only=["item", "name"])
    return {FolderId(row.item[2:]): row.name for row in found}


def find_many(store: Store, key: BoxKey, folder_ids: Sequence[FolderId]) -> dict[FolderId, Folder]:
    """The folders that exist and are not hidden."""
    found: dict[FolderId, Folder] = {}
    for start in range(0, len(folder_ids), _READ_AT_ONCE):
        store.check_time()
        batch = folder_ids[start : start + _READ_AT_ONCE]
        view = ask(store, key, [wanted(i) for i in batch], lambda view: view)
        found |= {i: folder for i in batch if (folder := view.folder(i))}
    return found


def find_path(store: Store, key: BoxKey, names: Names) -> FolderId:
    """Walks the names, one look-up each. Raises UnknownPath if one does not exist."""
    found = Paths(store, key).resolve(names)
    if found.missing:
        raise UnknownPath("path", f"/{'/'.join(names)}"[:255])
    return find(store, key, found.folder_id).folder_id


@dataclass(frozen=True)
class Resolved:
    """The last existing folder on a path, and the names of the missing ones below it."""

    folder_id: FolderId
    missing: Names


Step = tuple[FolderId, str]
"""A folder, and the name of one directly below it."""

_SYSTEM_STEPS: Mapping[Step, FolderId] = {
    (ROOT, name): folder_id for folder_id, name in SYSTEM_FOLDERS.items() if name
}
"""These are never renamed or moved."""


@dataclass
class Paths:
    """Walks paths for one request. A commit that uses what was found checks it again."""

    store: Store
    key: BoxKey
    _known: dict[Step, FolderId | None] = field(default_factory=lambda: dict(_SYSTEM_STEPS))

    def look_up(self, every: Iterable[Names]) -> None:
        """Walks many paths at once: for each level of folders, one call for every 100 names in it."""
        on_the_way = set(every)
        while steps := {step for names in on_the_way if (step := self._next(names))}:
            self.store.check_time()
            items = {table.name_item(*step): step for step in steps}
            self._known |= dict.fromkeys(steps)
            for row in table.get_many(NameRow, str(self.key), items):
                self._known[items[row.item]] = FolderId(row.folder_id)

    def resolve(self, names: Names) -> Resolved:
        self.look_up([names])
        return self._walked(names)

    def leads_to(self, names: Names, folder_id: FolderId) -> bool:
        return self.resolve(names) == Resolved(folder_id, ())

    def wanted(self, place: Place) -> list[Wanted]:
        """The rows that a commit reads to be sure of the place."""
        if isinstance(place, str):
            return [wanted(place)]
        found = self.resolve(place)
        first_missing = (
            [(NameRow, table.name_item(found.folder_id, found.missing[0]))] if found.missing else []
        )
        return [wanted(found.folder_id), *first_missing]

    def learn(self, made: Iterable[Folder]) -> None:
        """Remembers the folders that a commit of this request has made."""
        self._known |= {(folder.parent, folder.name): folder.folder_id for folder in made if folder.parent}

    def forget(self) -> None:
        self._known = dict(_SYSTEM_STEPS)

    def _walked(self, names: Names) -> Resolved:
        """Walks as far as the steps are known."""
        folder_id = ROOT
        for depth, name in enumerate(names):
            below = self._known.get((folder_id, name))
            if not below:
                return Resolved(folder_id, names[depth:])
            folder_id = below
        return Resolved(folder_id, ())

    def _next(self, names: Names) -> Step | None:
        """The first step that has not been looked up. None if there is no such step."""
        found = self._walked(names)
        step = (found.folder_id, found.missing[0]) if found.missing else None
        return None if step in self._known else step

    def folder(
        self, view: View, draft: Draft, place: Place, network: bool, made: dict[Names, Folder]
    ) -> Folder:
        """The folder to store in. Creates the missing part of its path; `made`: what this draft created."""
        if isinstance(place, str):
            folder = view.folder(place)
            if not folder:
                raise InvalidInput("parentFolder")
            check_target(view.box, folder, network)
            return folder
        if place in made:
            return made[place]
        found = self.resolve(place)
        parent = view.folder(found.folder_id)
        taken = found.missing and view.get(NameRow, table.name_item(found.folder_id, found.missing[0]))
        if not parent or taken:
            self.forget()
            raise Stale
        check_target(view.box, parent, network)
        if len(place) > MAX_DEPTH:
            raise InvalidInput("parentFolderPath")
        depth = len(place) - len(found.missing)
        for end in range(depth + 1, len(place) + 1):
            if place[:end] not in made:
                made[place[:end]] = draft.create_folder(parent, place[end - 1])
            parent = made[place[:end]]
        return parent


def check_target(box: Box, folder: Folder, network: bool) -> None:
    """Clients may store below /RCSMessageStore, the network also below /Default. Else POL1031."""
    if folder.folder_id == ROOT:
        raise SystemFolder("/")
    if box.is_network(folder.folder_id, folder.ancestors) and not network:
        raise SystemFolder("/Default")


def create(
    store: Store, key: BoxKey, parent: Place, name: str | None, attributes: Attributes, network: bool
) -> Folder:
    """Creates a folder in an existing parent. Without a name, its name is its id."""
    paths = Paths(store, key)

    def needed() -> list[Wanted]:
        if not isinstance(parent, str) and paths.resolve(parent).missing:
            raise InvalidInput("parentFolderPath")
        parent_id = parent if isinstance(parent, str) else paths.resolve(parent).folder_id
        taken = [(NameRow, table.name_item(parent_id, name))] if name else []
        return [*paths.wanted(parent), *taken]

    def decide(view: View, draft: Draft) -> Folder:
        folder = paths.folder(view, draft, parent, network, {})
        if len(draft.below(folder)) > MAX_DEPTH:
            raise InvalidInput("parentFolder")
        if name and view.get(NameRow, table.name_item(folder.folder_id, name)):
            raise NameTaken("name")
        folder_id = FolderId(draft.new_id())
        return draft.create_folder(folder, name or folder_id, attributes, folder_id)

    return commit(store, key, needed, decide)


def rename(store: Store, key: BoxKey, folder_id: FolderId, name: str, match: Match = ANY) -> Folder:
    """Renames the folder. Giving it the name it already has changes nothing."""

    def decide(view: View, draft: Draft) -> Folder:
        folder = _to_change(view, folder_id, match)
        if folder.parent is None or folder.is_system:
            raise RenameForbidden
        if folder.name == name:
            return folder
        if view.get(NameRow, table.name_item(folder.parent, name)):
            raise NameTaken("name")
        return draft.rename_folder(folder, name)

    return commit(store, key, lambda: [wanted(folder_id)], decide)


def delete(store: Store, key: BoxKey, folder_id: FolderId, match: Match = ANY) -> str:
    """Deletes the folder and hides all below it at once. Returns the id of the job that deletes the rest."""

    def decide(view: View, draft: Draft) -> str:
        folder = _to_change(view, folder_id, match)
        if folder.is_system:
            raise NotAllowed("system folder")
        draft.delete_folder(folder)
        return jobs.start_delete(view, draft, folder)

    return commit(store, key, lambda: [wanted(folder_id)], decide)


def _to_change(view: View, folder_id: FolderId, match: Match) -> Folder:
    folder = view.folder_to_change(folder_id)
    if not folder:
        raise Unknown("folderId")
    match.check(folder.last_mod_seq)
    return folder


def _existing(view: View, folder_id: FolderId) -> Folder:
    folder = view.folder(folder_id)
    if not folder:
        raise Unknown("folderId")
    return folder


DEFAULT_PLACE: Place = RCS_MESSAGE_STORE
"""Where to store an object that names no parent."""
