"""What a folder is shown with on request: its entries, page by page, and the counted attributes."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from onecopy.domain.errors import InvalidInput
from onecopy.domain.folder import COUNTED, Attributes, Folder
from onecopy.handlers.edge.request import Request
from onecopy.handlers.routes.shared.items import below
from onecopy.store.box import counts, folders
from onecopy.store.box.folders import Entry
from onecopy.wire import outward

SUBFOLDERS, OBJECTS = "subFolders", "objects"
_FILTERS = {"Subfolders": (SUBFOLDERS,), "Objects": (OBJECTS,), "All": (SUBFOLDERS, OBJECTS)}


@dataclass(frozen=True)
class Page:
    """A page of a folder: the kinds of entries it lists, how many at most, and the place it begins after."""

    kinds: Sequence[str]
    limit: int
    cursor: str = ""


def page_asked_for(request: Request) -> Page | None:
    """The page asked for; None without listFilter, when the other paging parameters mean nothing (NMS)."""
    name = request.query.get("listFilter")
    if name is None:
        return None
    if name not in _FILTERS:
        raise InvalidInput("listFilter")
    return Page(_FILTERS[name], request.max_entries(), _cursor(request.query.get("fromCursor")))


def add_page(request: Request, raw: outward.Json, folder: Folder, page: Page, path: str | None) -> None:
    """Adds the page to the folder's JSON, with fewer entries than asked for if the answer has no room.

    The references have paths if the folder's `path` is given.
    """
    wanted = (SUBFOLDERS in page.kinds, OBJECTS in page.kinds)
    entries, more = folders.children(request.store, request.key, folder, page.cursor, page.limit, *wanted)
    references = _references(request, entries, path)
    room = outward.Room(raw, request.media.size)
    shown = next((n for n, one in enumerate(references) if not room.takes(one)), len(entries))
    pairs = list(zip(entries, references, strict=True))[:shown]
    if SUBFOLDERS in page.kinds:
        raw[SUBFOLDERS] = {"folderReference": [one for entry, one in pairs if entry.subfolder]}
    if OBJECTS in page.kinds:
        raw[OBJECTS] = {"objectReference": [one for entry, one in pairs if entry.object_id]}
    if more or shown < len(entries):
        raw["cursor"] = base64.urlsafe_b64encode(pairs[-1][0].place.encode()).decode()


def _references(request: Request, entries: Sequence[Entry], path: str | None) -> list[outward.Json]:
    subfolders = [entry.subfolder for entry in entries if entry.subfolder] if path else []
    names = folders.names(request.store, request.key, subfolders)
    found = []
    for entry in entries:
        if entry.subfolder:
            name, url = names.get(entry.subfolder), request.urls.folder(entry.subfolder)
        elif entry.object_id:
            name, url = entry.object_id, request.urls.object(entry.object_id)
        found.append(outward.reference(url, below(path, name) if name else None))
    return found


def _cursor(text: str | None) -> str:
    if text is None:
        return ""
    try:
        cursor = base64.urlsafe_b64decode(text.encode()).decode()
    except ValueError as error:
        raise InvalidInput("fromCursor") from error
    if not cursor:
        raise InvalidInput("fromCursor")
    return cursor


def attributes(request: Request, folder: Folder, asked: str) -> Attributes:
    """The attributes that `asked` names, separated by commas. Counts are made only if they are asked for."""
    wanted = {name.strip().casefold() for name in asked.split(",")}
    found = [*folder.attributes, ("Name", (folder.name,))]
    for prefix, count in (("", counts.count), ("Subtree", counts.count_below)):
        names = [f"{prefix}{name}" for name in COUNTED]
        if wanted.isdisjoint(name.casefold() for name in names):
            continue
        known = count(request.store, request.key, folder)
        values = (known.messages, known.unread, known.size)
        found += [(name, (str(value),)) for name, value in zip(names, values, strict=True)]
    return tuple((name, values) for name, values in found if name.casefold() in wanted)
