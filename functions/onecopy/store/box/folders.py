"""Folders: found by id or path, listed, made, renamed, deleted. Copies and moves are in `copies`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
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
from onecopy.store.box.undisturbed import commit
from onecopy.store.commit import table
from onecopy.store.commit.draft import Draft
from onecopy.store.commit.table import FolderRow, NameRow
from onecopy.store.commit.transact import Stale, Store, View, Wanted, ask

Names = tuple[str, ...]
"""The names along a path, from below the root."""

Place = FolderId | Names
"""Where something is to be stored: a folder by its id, or a path that is made where it is missing."""


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
    """The names from the root down; `/` for the root. No call where all above are system folders."""
    return paths(store, key, [folder])[folder.folder_id]


def paths(store: Store, key: BoxKey, folders: Collection[Folder]) -> dict[FolderId, str]:
    """The paths of many folders, of one moment; what they have in common is read once."""

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
    """Subfolders, then objects by date and id, and whether there are more behind them.

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


def names(store: Store, key: BoxKey, folder_ids: Iterable[FolderId]) -> dict[FolderId, str]:
    """Of those that are there."""
    items = map(table.folder_item, folder_ids)
    found = table.get_many(FolderRow, str(key), items, only=["item", "name"])
    return {FolderId(row.item[2:]): row.name for row in found}


def find_many(store: Store, key: BoxKey, folder_ids: Sequence[FolderId]) -> dict[FolderId, Folder]:
    """Those that are there."""
    found: dict[FolderId, Folder] = {}
    for start in range(0, len(folder_ids), _READ_AT_ONCE):
        store.check_time()
        batch = folder_ids[start : start + _READ_AT_ONCE]
        view = ask(store, key, [wanted(i) for i in batch], lambda view: view)
        found |= {i: folder for i in batch if (folder := view.folder(i))}
    return found


def find_path(store: Store, key: BoxKey, names: Names) -> FolderId:
    """Walks the names, one look-up each. UnknownPath if one is not there."""
    found = Paths(store, key).resolve(names)
    if found.missing:
        raise UnknownPath("path", f"/{'/'.join(names)}"[:255])
    return find(store, key, found.folder_id).folder_id


@dataclass(frozen=True)
class Resolved:
    """The last folder on a path that is there, and the names below it that are not."""

    folder_id: FolderId
    missing: Names


Step = tuple[FolderId, str]
"""From a folder to the one below it that has this name."""

_SYSTEM_STEPS: Mapping[Step, FolderId] = {
    (ROOT, name): folder_id for folder_id, name in SYSTEM_FOLDERS.items() if name
}
"""These are never renamed or moved."""


@dataclass
class Paths:
    """Paths walked for one request. What was found is checked again where it is used, by the commit."""

    store: Store
    key: BoxKey
    _known: dict[Step, FolderId | None] = field(default_factory=lambda: dict(_SYSTEM_STEPS))

    def look_up(self, every: Iterable[Names]) -> None:
        """Walks many paths at once: a call for each level of folders, and for each hundred names in it."""
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
        """What a commit reads to be sure of the place."""
        if isinstance(place, str):
            return [wanted(place)]
        found = self.resolve(place)
        first_missing = (
            [(NameRow, table.name_item(found.folder_id, found.missing[0]))] if found.missing else []
        )
        return [wanted(found.folder_id), *first_missing]

    def learn(self, made: Iterable[Folder]) -> None:
        """What a commit of this request has made."""
        self._known |= {(folder.parent, folder.name): folder.folder_id for folder in made if folder.parent}

    def forget(self) -> None:
        self._known = dict(_SYSTEM_STEPS)

    def _walked(self, names: Names) -> Resolved:
        """As far as the steps are known."""
        folder_id = ROOT
        for depth, name in enumerate(names):
            below = self._known.get((folder_id, name))
            if not below:
                return Resolved(folder_id, names[depth:])
            folder_id = below
        return Resolved(folder_id, ())

    def _next(self, names: Names) -> Step | None:
        """The first step of the way that has not been looked up."""
        found = self._walked(names)
        step = (found.folder_id, found.missing[0]) if found.missing else None
        return None if step in self._known else step

    def folder(
        self, view: View, draft: Draft, place: Place, network: bool, made: dict[Names, Folder]
    ) -> Folder:
        """The folder to store in, its path made as far as it is missing (`made`: by this draft already)."""
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
    """Clients store below /RCSMessageStore; the network may store below /Default besides (POL1031)."""
    if folder.folder_id == ROOT:
        raise SystemFolder("/")
    if box.is_network(folder.folder_id, folder.ancestors) and not network:
        raise SystemFolder("/Default")


def create(
    store: Store, key: BoxKey, parent: Place, name: str | None, attributes: Attributes, network: bool
) -> Folder:
    """In a parent that is there. Without a name the folder is called by its id."""
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
    """The name it has already changes nothing."""

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
    """Out of sight at once, with all below; answers the id of the job that follows it down."""

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
"""Where an object goes that names no parent."""
