"""Folders (NMS): made, shown with what is in them, renamed, deleted, found by path."""

import base64

from onecopy.domain.errors import InvalidInput, NMSError, UnknownPath
from onecopy.domain.folder import Attributes, Folder, check_name, split_path
from onecopy.domain.ids import ROOT, FolderId
from onecopy.handlers.routes import MODIFY, READ, Answer, Request, Route
from onecopy.handlers.routes.background import carry_on
from onecopy.store import folders
from onecopy.wire import inward, outward

_LISTED = {None: (True, True), "Subfolders": (True, False), "Objects": (False, True), "All": (True, True)}


def create_folder(request: Request) -> Answer:
    given = inward.folder_body(request.json())
    if (given.parent_folder is None) == (given.parent_folder_path is None):
        raise InvalidInput("parentFolder")
    parent: folders.Place
    if given.parent_folder is not None:
        parent = request.urls.folder_id(given.parent_folder, "parentFolder")
    else:
        parent = inward.parent_path(given.parent_folder_path or "")
    name = None if given.name is None else check_name(given.name)
    folder = folders.create(
        request.store, request.key, parent, name, given.given_attributes(), request.caller.is_network
    )
    url = request.urls.folder(folder.folder_id)
    path = folders.path(request.store, request.key, folder)
    etag = {"etag": f'"{folder.last_mod_seq}"'}
    return Answer(201, {"reference": outward.reference(url, path)}, {"location": url, **etag})


def get_folder(request: Request, folder_id: str) -> Answer:
    listed = _LISTED.get(request.query.get("listFilter"))
    if listed is None:
        raise InvalidInput("listFilter")
    limit = request.max_entries()
    cursor = _cursor(request.query.get("fromCursor"))
    folder = folders.find(request.store, request.key, FolderId(folder_id))
    listing = folders.children(request.store, request.key, folder, cursor, limit, *listed)
    path = folders.path(request.store, request.key, folder)
    paths = request.query.get("path", "").lower() == "yes"
    raw = outward.folder(folder, request.urls, path)
    if names := request.query.get("attrFilter"):
        raw["attributes"] = outward.attributes(_attributes(request, folder, names))
    known = folders.find_many(request.store, request.key, listing.subfolders) if paths else {}
    raw["subFolders"] = {
        "folderReference": [
            outward.reference(request.urls.folder(i), _below(path, known[i].name) if i in known else None)
            for i in listing.subfolders
        ]
    }
    raw["objects"] = {
        "objectReference": [
            outward.reference(request.urls.object(i), _below(path, i) if paths else None)
            for i in listing.objects
        ]
    }
    if listing.cursor:
        raw["cursor"] = base64.urlsafe_b64encode(listing.cursor.encode()).decode()
    return Answer(200, {"folder": raw}, {"etag": f'"{folder.last_mod_seq}"'})


def _below(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"


def _attributes(request: Request, folder: Folder, names: str) -> Attributes:
    """Those asked for; what has to be counted is counted only then."""
    wanted = {name.strip().casefold() for name in names.split(",")}
    found = [*folder.attributes, ("Name", (folder.name,))]
    if wanted & {"msgcount", "unreadmsgcount", "size"}:
        counts = folders.count(request.store, request.key, folder)
        found += [
            ("MsgCount", (str(counts.messages),)),
            ("UnreadMsgCount", (str(counts.unread),)),
            ("Size", (str(counts.size),)),
        ]
    return tuple((name, values) for name, values in found if name.casefold() in wanted)


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


def delete_folder(request: Request, folder_id: str) -> Answer:
    job_id = folders.delete(request.store, request.key, FolderId(folder_id))
    carry_on(request, [job_id])
    return Answer(204)


def get_name(request: Request, folder_id: str) -> Answer:
    folder = folders.find(request.store, request.key, FolderId(folder_id))
    return Answer(200, {"name": folder.name}, {"etag": f'"{folder.last_mod_seq}"'})


def put_name(request: Request, folder_id: str) -> Answer:
    name = check_name(inward.name_body(request.json()))
    folder = folders.rename(request.store, request.key, FolderId(folder_id), name)
    return Answer(200, {"name": folder.name}, {"etag": f'"{folder.last_mod_seq}"'})


def path_to_id(request: Request) -> Answer:
    path = request.query.get("path", "/")
    folder_id = _at(request, path)
    return Answer(200, {"reference": outward.reference(request.urls.folder(folder_id), path or "/")})


def paths_to_ids(request: Request) -> Answer:
    items: list[tuple[int, outward.Json] | NMSError] = []
    for path in inward.path_list(request.json()):
        try:
            items.append((200, outward.reference(request.urls.folder(_at(request, path)), path or "/")))
        except NMSError as error:
            items.append(error)
    return Answer(200, outward.bulk_response(items))


def search(request: Request) -> Answer:
    """For the root only: how a client finds where to begin."""
    inward.root_search(request.json())
    root = folders.find(request.store, request.key, ROOT)
    return Answer(200, {"folderList": {"folder": [outward.folder(root, request.urls, "/")]}})


def _at(request: Request, path: str) -> FolderId:
    try:
        names = split_path(path, "path")
    except InvalidInput as error:
        raise UnknownPath("path", path[:255]) from error
    return folders.find_path(request.store, request.key, names)


ROUTES = [
    Route("POST", "/folders", MODIFY, create_folder, stores=True),
    Route("GET", "/folders/operations/pathToId", READ, path_to_id),
    Route("POST", "/folders/operations/pathToId", READ, paths_to_ids),
    Route("POST", "/folders/operations/search", READ, search),
    Route("GET", "/folders/<folder_id>", READ, get_folder),
    Route("DELETE", "/folders/<folder_id>", MODIFY, delete_folder),
    Route("GET", "/folders/<folder_id>/folderName", READ, get_name),
    Route("PUT", "/folders/<folder_id>/folderName", MODIFY, put_name),
]
