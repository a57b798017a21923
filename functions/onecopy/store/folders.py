"""Folders: found by id or path, listed, made, renamed, deleted. Copies and moves are in `copies`."""

from collections.abc import Mapping, Sequence
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
from onecopy.domain.link import has_flag
from onecopy.store import jobs, table
from onecopy.store.draft import Draft
from onecopy.store.table import FolderRow, NameRow
from onecopy.store.transact import Stale, Store, View, Wanted, ask, read_links
from onecopy.store.undisturbed import commit

Names = tuple[str, ...]
"""The names along a path, from below the root."""

Place = FolderId | Names
"""Where something is to be stored: a folder by its id, or a path that is made where it is missing."""


def wanted(folder_id: FolderId) -> Wanted:
    if not is_id(folder_id):
        raise Unknown("folderId")
    return FolderRow, table.folder_item(folder_id)


def find(store: Store, key: BoxKey, folder_id: FolderId) -> Folder:
    def answer(view: View) -> Folder:
        return _existing(view, folder_id)

    return ask(store, key, [wanted(folder_id)], answer)


def path(store: Store, key: BoxKey, folder: Folder) -> str:
    """The names from the root down; `/` for the root. No call where all above are system folders."""

    def answer(view: View) -> str:
        return _path(folder, [_existing(view, i).name for i in view.box.chain(folder.ancestors)])

    if all(folder_id in SYSTEM_FOLDERS for folder_id in folder.ancestors):
        return _path(folder, [SYSTEM_FOLDERS[folder_id] for folder_id in folder.ancestors])
    return ask(store, key, [wanted(i) for i in folder.ancestors], answer)


def _path(folder: Folder, above: Sequence[str]) -> str:
    return "/".join([*above, folder.name]) or "/"


def find_box(store: Store, key: BoxKey) -> Box:
    return ask(store, key, [], lambda view: view.box)


_READ_AT_ONCE = 99
"""Rows in one TransactGetItems, beside the box row."""


@dataclass(frozen=True)
class Listing:
    """One page of what is in a folder; `cursor` is None at its end."""

    subfolders: Sequence[FolderId]
    objects: Sequence[ObjectId]
    cursor: str | None


def children(
    store: Store, key: BoxKey, folder: Folder, cursor: str, limit: int, subfolders: bool, objects: bool
) -> Listing:
    """Subfolders, then objects by date and id. `cursor` is the place after which the page begins."""
    first, last = table.places(folder.folder_id, subfolders, objects)
    if cursor and not first <= cursor <= last:
        raise InvalidInput("fromCursor")
    condition = FolderRow.place.between(f"{cursor}\x00" if cursor else first, last)
    found, more = table.page(FolderRow, str(key), condition, limit, "by-folder")
    ids = [row.item.split("#", 1) for row in found]
    return Listing(
        [FolderId(i) for kind, i in ids if kind == "F"],
        [ObjectId(i) for kind, i in ids if kind == "O"],
        found[-1].place if more else None,
    )


def find_many(store: Store, key: BoxKey, folder_ids: Sequence[FolderId]) -> dict[FolderId, Folder]:
    """Those that are there."""
    found: dict[FolderId, Folder] = {}
    for start in range(0, len(folder_ids), _READ_AT_ONCE):
        batch = folder_ids[start : start + _READ_AT_ONCE]
        view = ask(store, key, [wanted(i) for i in batch], lambda view: view)
        found |= {i: folder for i in batch if (folder := view.folder(i))}
    return found


@dataclass(frozen=True)
class Counts:
    """`size` in bytes; copies count each, though their content is stored once."""

    messages: int
    unread: int
    size: int


def count(store: Store, key: BoxKey, folder: Folder) -> Counts:
    """Reads every link in the folder: for whoever asks for it by name."""
    messages = unread = size = 0
    first, last = table.places(folder.folder_id, subfolders=False)
    place = FolderRow.place.between(first, last)
    items = [row.item for row in table.every(FolderRow, str(key), place, "by-folder")]
    for start in range(0, len(items), _READ_AT_ONCE):
        batch = [ObjectId(item[2:]) for item in items[start : start + _READ_AT_ONCE]]
        links = read_links(store, key, batch)
        messages += len(links)
        unread += sum(not has_flag(link.flags, "\\Seen") for link in links.values())
        size += sum(link.content.size for link in links.values() if link.content)
    return Counts(messages, unread, size)


def find_path(store: Store, key: BoxKey, names: Names) -> FolderId:
    """Walks the names, one look-up each. UnknownPath if one is not there."""
    found = Paths(store, key).resolve(names)
    if found.missing:
        raise UnknownPath("path", "/" + "/".join(names))
    folder = find(store, key, found.folder_id)
    return folder.folder_id


@dataclass(frozen=True)
class Resolved:
    """The last folder on a path that is there, and the names below it that are not."""

    folder_id: FolderId
    missing: Names


_SYSTEM_PATHS: Mapping[Names, FolderId] = {
    (name,): folder_id for folder_id, name in SYSTEM_FOLDERS.items() if name
}
"""These are never renamed or moved."""


@dataclass
class Paths:
    """Paths walked for one request. What was found is checked again where it is used, by the commit."""

    store: Store
    key: BoxKey
    _found: dict[Names, Resolved] = field(default_factory=dict)

    def resolve(self, names: Names) -> Resolved:
        if names not in self._found:
            self._found[names] = self._walk(names)
        return self._found[names]

    def wanted(self, place: Place) -> list[Wanted]:
        """What a commit reads to be sure of the place."""
        if isinstance(place, str):
            return [wanted(place)]
        found = self.resolve(place)
        first_missing = (
            [(NameRow, table.name_item(found.folder_id, found.missing[0]))] if found.missing else []
        )
        return [wanted(found.folder_id), *first_missing]

    def learn(self, made: Mapping[Names, Folder]) -> None:
        """What a commit of this request has made."""
        if made:
            self._found = {names: found for names, found in self._found.items() if not found.missing}
        self._found |= {names: Resolved(folder.folder_id, ()) for names, folder in made.items()}

    def forget(self) -> None:
        self._found.clear()

    def _walk(self, names: Names) -> Resolved:
        """From the parent, which is looked up once for all paths below it."""
        if not names:
            return Resolved(ROOT, ())
        if names in _SYSTEM_PATHS:
            return Resolved(_SYSTEM_PATHS[names], ())
        above = self.resolve(names[:-1])
        if above.missing:
            return Resolved(above.folder_id, (*above.missing, names[-1]))
        row = table.get(NameRow, str(self.key), table.name_item(above.folder_id, names[-1]))
        return Resolved(FolderId(row.folder_id), ()) if row else Resolved(above.folder_id, names[-1:])

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


def rename(store: Store, key: BoxKey, folder_id: FolderId, name: str) -> Folder:
    """The name it has already changes nothing."""

    def decide(view: View, draft: Draft) -> Folder:
        folder = _to_change(view, folder_id)
        if folder.parent is None or folder.is_system:
            raise RenameForbidden
        if folder.name == name:
            return folder
        if view.get(NameRow, table.name_item(folder.parent, name)):
            raise NameTaken("name")
        return draft.rename_folder(folder, name)

    return commit(store, key, lambda: [wanted(folder_id)], decide)


def delete(store: Store, key: BoxKey, folder_id: FolderId) -> str:
    """Out of sight at once, with all below; answers the id of the job that follows it down."""

    def decide(view: View, draft: Draft) -> str:
        folder = _to_change(view, folder_id)
        if folder.is_system:
            raise NotAllowed("system folder")
        draft.delete_folder(folder)
        return jobs.start_delete(view, draft, folder)

    return commit(store, key, lambda: [wanted(folder_id)], decide)


def _to_change(view: View, folder_id: FolderId) -> Folder:
    folder = view.folder_to_change(folder_id)
    if not folder:
        raise Unknown("folderId")
    return folder


def _existing(view: View, folder_id: FolderId) -> Folder:
    folder = view.folder(folder_id)
    if not folder:
        raise Unknown("folderId")
    return folder


DEFAULT_PLACE: Place = RCS_MESSAGE_STORE
"""Where an object goes that names no parent."""
