"""A box as plain dictionaries, which the store is compared with. It has no log, no jobs and no pages."""

from collections import Counter
from dataclasses import dataclass, field, replace

ROOT, DEFAULT, STORE = "a1", "a2", "a3"
SYSTEM = (ROOT, DEFAULT, STORE)


@dataclass(frozen=True)
class Thing:
    """An object. `content` is its contentId, or None if it has no content."""

    folder: str
    tag: str
    date: str
    flags: frozenset[str]
    content: str | None

    @property
    def linkage(self) -> tuple[str, str, frozenset[str], str | None]:
        """What a copy has in common with its source."""
        return self.tag, self.date, self.flags, self.content


@dataclass
class Model:
    """`folders` maps an id to parent and name. `gone` holds deleted ids, which never come back."""

    folders: dict[str, tuple[str | None, str]] = field(
        default_factory=lambda: {
            ROOT: (None, ""),
            DEFAULT: (ROOT, "Default"),
            STORE: (ROOT, "RCSMessageStore"),
        }
    )
    objects: dict[str, Thing] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    # Queries

    def above(self, folder: str) -> list[str]:
        """The folder itself and those above it."""
        parent = self.folders[folder][0]
        return [folder, *(self.above(parent) if parent else [])]

    def below(self, folder: str) -> set[str]:
        return {other for other in self.folders if folder in self.above(other)}

    def subfolders(self, folder: str) -> dict[str, str]:
        """Ids by name."""
        return {name: other for other, (parent, name) in self.folders.items() if parent == folder}

    def listed(self, folder: str) -> list[str]:
        """The ids of its objects in a listing's order: by date, then by id."""
        inside = [i for i, thing in self.objects.items() if thing.folder == folder]
        return sorted(inside, key=lambda i: (self.objects[i].date, i))

    def is_network(self, folder: str) -> bool:
        return DEFAULT in self.above(folder)

    def links(self) -> Counter[str]:
        """How many objects point to each content."""
        return Counter(thing.content for thing in self.objects.values() if thing.content)

    # The status that the store must answer

    def target(self, folder: str, network: bool = False) -> int:
        """200 if a client may store in it."""
        return 403 if folder == ROOT or (self.is_network(folder) and not network) else 200

    def creation(self, parent: str, name: str) -> int:
        if self.target(parent) != 200:
            return 403
        return 409 if name in self.subfolders(parent) else 201

    def renaming(self, folder: str, name: str) -> int:
        parent, old = self.folders[folder]
        if folder in SYSTEM or parent is None:
            return 403
        return 409 if name != old and name in self.subfolders(parent) else 200

    def transfer(self, folder: str, target: str, move: bool) -> int:
        """The code of a folder's item, if the target itself is not refused."""
        parent, name = self.folders[folder]
        if folder in SYSTEM:
            return 403
        if folder in self.above(target):
            return 400
        if move and parent == target:
            return 200
        return 409 if name in self.subfolders(target) else 200

    def moving(self, thing: str) -> int:
        return 403 if self.is_network(self.objects[thing].folder) else 200

    # Changes

    def delete_folder(self, folder: str) -> None:
        doomed = self.below(folder)
        for thing in [i for i, thing in self.objects.items() if thing.folder in doomed]:
            self.delete(thing)
        for other in doomed:
            del self.folders[other]
        self.gone |= doomed

    def delete(self, thing: str) -> None:
        del self.objects[thing]
        self.gone.add(thing)

    def move(self, thing: str, folder: str) -> None:
        self.objects[thing] = replace(self.objects[thing], folder=folder)

    def flag(self, thing: str, flags: frozenset[str]) -> None:
        self.objects[thing] = replace(self.objects[thing], flags=flags)

    def copy(self, thing: str, folder: str, copy: str) -> None:
        self.objects[copy] = replace(self.objects[thing], folder=folder)
