"""Folders (NMS): create, show with their entries, rename, delete, find by path."""

from functools import partial
from typing import Any

from onecopy.domain.errors import InvalidInput, NMSError, UnknownPath
from onecopy.domain.folder import Folder, check_name, split_path
from onecopy.domain.ids import FolderId, ModSeq
from onecopy.handlers.edge.idempotency_key import once
from onecopy.handlers.edge.request import etag
from onecopy.handlers.routes import MODIFY, READ, Answer, Request, Route
from onecopy.handlers.routes.shared import listing
from onecopy.handlers.routes.shared.begun_jobs import carry_on
from onecopy.handlers.routes.shared.items import each, paths_of
from onecopy.store.box import folders, lookups
from onecopy.store.commit.once import Codec
from onecopy.wire import inward, outward


def create_folder(request: Request) -> Answer:
    raw = request.json()
    given = inward.folder_body(raw)
    if (given.parent_folder is None) == (given.parent_folder_path is None):
        raise InvalidInput("parentFolder")
    parent: folders.Place
    if given.parent_folder is not None:
        parent = request.urls.folder_id(given.parent_folder, "parentFolder")
    else:
        parent = inward.parent_path(given.parent_folder_path or "")
    name = None if given.name is None else check_name(given.name)

    def work(request: Request) -> Answer:
        attributes, network = given.given_attributes(), request.caller.is_network
        folder = folders.create(request.store, request.key, parent, name, attributes, network)
        url = request.urls.folder(folder.folder_id)
        path = paths_of(request, [folder]).get(folder.folder_id)
        headers = {"location": url, **etag(folder.last_mod_seq)}
        return Answer(201, {"reference": outward.reference(url, path)}, headers)

    return once(request, raw, work, codec=_FOLDER)


def _encoded(folder: Folder) -> list[Any]:
    return [folder.folder_id, folder.parent, folder.name, list(folder.ancestors), folder.last_mod_seq]


def _decoded(raw: list[Any]) -> Folder:
    folder_id, parent, name, ancestors, last_mod_seq = raw
    return Folder(folder_id, parent, name, tuple(ancestors), ModSeq(last_mod_seq))


_FOLDER = Codec(_encoded, _decoded)


def get_folder(request: Request, folder_id: str) -> Answer:
    page = listing.page_asked_for(request)
    folder = folders.find(request.store, request.key, FolderId(folder_id), request.match)
    with_path = request.query.get("path", "").lower() == "yes"
    path = folders.path(request.store, request.key, folder) if with_path else None
    raw = outward.folder(folder, request.urls, path)
    if asked := request.query.get("attrFilter"):
        raw["attributes"] = outward.attributes(listing.attributes(request, folder, asked))
    if page:
        listing.add_page(request, raw, folder, page, path)
    return Answer(200, {"folder": raw}, etag(folder.last_mod_seq))


def delete_folder(request: Request, folder_id: str) -> Answer:
    job_id = folders.delete(request.store, request.key, FolderId(folder_id), request.match)
    carry_on(request, [job_id])
    return Answer(204)


def get_name(request: Request, folder_id: str) -> Answer:
    folder = folders.find(request.store, request.key, FolderId(folder_id), request.match)
    return Answer(200, {"name": folder.name}, etag(folder.last_mod_seq))


def put_name(request: Request, folder_id: str) -> Answer:
    name = check_name(inward.name_body(request.json()))
    folder = folders.rename(request.store, request.key, FolderId(folder_id), name, request.match)
    return Answer(200, {"name": folder.name}, etag(folder.last_mod_seq))


def path_to_id(request: Request) -> Answer:
    path = request.query.get("path", "/")
    folder_id = folders.find_path(request.store, request.key, _names(path))
    return Answer(200, {"reference": outward.reference(request.urls.folder(folder_id), path or "/")})


def paths_to_ids(request: Request) -> Answer:
    paths = inward.path_list(request.json(inward.LIST_LIMIT))
    found = each(paths, _names, partial(lookups.folders_at, request.store, request.key))
    return Answer(200, outward.bulk_response(list(map(partial(_item, request), paths, found))))


def _names(path: str) -> folders.Names:
    try:
        return split_path(path, "path")
    except InvalidInput as error:
        raise UnknownPath("path", path[:255]) from error


def _item(request: Request, path: str, found: FolderId | NMSError) -> tuple[int, outward.Json] | NMSError:
    if isinstance(found, NMSError):
        return found
    return 200, outward.reference(request.urls.folder(found), path or "/")


ROUTES = [
    Route("POST", "/folders", MODIFY, create_folder, stores=True),
    Route("GET", "/folders/operations/pathToId", READ, path_to_id),
    Route("POST", "/folders/operations/pathToId", READ, paths_to_ids),
    Route("GET", "/folders/<folder_id>", READ, get_folder),
    Route("DELETE", "/folders/<folder_id>", MODIFY, delete_folder),
    Route("GET", "/folders/<folder_id>/folderName", READ, get_name),
    Route("PUT", "/folders/<folder_id>/folderName", MODIFY, put_name),
]
