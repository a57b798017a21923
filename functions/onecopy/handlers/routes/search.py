"""Search for objects and for folders (NMS). If an answer has no more room, its page is short."""

from typing import Any

from onecopy.domain.folder import Folder
from onecopy.domain.ids import ObjectId
from onecopy.domain.link import Link
from onecopy.domain.selection import CREATIONS, CreatedObjects, Position, Selection, VanishedObjects
from onecopy.handlers.routes import READ, Answer, Request, Route
from onecopy.handlers.routes.shared import listing
from onecopy.store.search import folders as folder_search
from onecopy.store.search import history
from onecopy.store.search import objects as search
from onecopy.wire import outward, selection
from onecopy.wire.selection import Cursors


class _Found:
    """The entries of an answer, as long as there is room."""

    def __init__(self, request: Request, frame: Any) -> None:
        self.entries: list[outward.Json] = []
        self._room = outward.Room(frame, request.media.size)

    def takes(self, entry: outward.Json) -> bool:
        if self._room.takes(entry) or not self.entries:
            self.entries.append(entry)
            return True
        return False


def find_objects(request: Request) -> Answer:
    cursors = request.cursors
    asked = selection.objects(request.json(), cursors)
    if isinstance(asked, VanishedObjects):
        return _vanished(request, asked, cursors)
    found = _Found(request, {"objectList": {"object": []}})

    def take(link: Link) -> bool:
        return found.takes(outward.object_(link, request.urls, checksums=False))

    if isinstance(asked, CreatedObjects):
        position, more = history.created(request.store, request.key, asked, take)
        after = _cursor(position if more else None, asked, cursors)
        after["creationCursor"] = cursors.write(position, CREATIONS)
    else:
        after = _cursor(search.objects(request.store, request.key, asked, take), asked, cursors)
    return Answer(200, {"objectList": {"object": found.entries, **after}})


def _vanished(request: Request, asked: VanishedObjects, cursors: Cursors) -> Answer:
    found = _Found(request, {"objectReferenceList": {"objectReference": []}})

    def take(object_id: ObjectId) -> bool:
        return found.takes(outward.reference(request.urls.object(object_id)))

    position = history.vanished(request.store, request.key, asked, take)
    after = _cursor(position, asked, cursors)
    return Answer(200, {"objectReferenceList": {"objectReference": found.entries, **after}})


def find_folders(request: Request) -> Answer:
    """Each folder comes with some of what is in it, so that a client can begin to walk.

    The folders found share `maxEntries`. A folder that shows less than it has, has a cursor of its own.
    """
    cursors = request.cursors
    asked = selection.matching(request.json(), "folders", cursors)
    page = folder_search.find(request.store, request.key, asked)
    entries = max(1, asked.limit // max(1, len(page.folders)))
    found = _Found(request, {"folderList": {"folder": []}})
    end = None
    for folder, position in page.folders:
        if not found.takes(_with_entries(request, folder, entries)):
            break
        end = position
        if request.is_late:
            break
    more = page.more or len(found.entries) < len(page.folders)
    after = _cursor(end if more else None, asked, cursors)
    return Answer(200, {"folderList": {"folder": found.entries, **after}})


def _with_entries(request: Request, folder: Folder, most: int) -> outward.Json:
    raw = outward.folder(folder, request.urls)
    listing.add_page(request, raw, folder, listing.Page((listing.SUBFOLDERS, listing.OBJECTS), most), None)
    return raw


def _cursor(
    position: Position | None, asked: Selection | CreatedObjects | VanishedObjects, cursors: Cursors
) -> dict[str, str]:
    return {"cursor": cursors.write(position, asked.purpose)} if position else {}


ROUTES = [
    Route("POST", "/objects/operations/search", READ, find_objects),
    Route("POST", "/folders/operations/search", READ, find_folders),
]
