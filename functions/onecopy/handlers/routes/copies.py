"""copyToFolder and moveToFolder (NMS): a code for each item, or one for the whole."""

from onecopy.domain.errors import InvalidInput, NMSError
from onecopy.domain.ids import FolderId, ObjectId
from onecopy.domain.link import Link
from onecopy.handlers import measure
from onecopy.handlers.routes import MODIFY, Answer, Request, Route
from onecopy.handlers.routes.background import carry_on
from onecopy.store import copies
from onecopy.wire import inward, outward

Item = tuple[int, outward.Json] | NMSError


def copy_to_folder(request: Request) -> Answer:
    return _answer(request, copies.copy_folder, copies.copy_objects)


def move_to_folder(request: Request) -> Answer:
    return _answer(request, copies.move_folder, copies.move_objects)


def _answer(request: Request, on_folder: copies.OnFolder, on_objects: copies.OnObjects) -> Answer:
    """Folders before objects, as the answer lists them."""
    target_url, folder_urls, object_urls = inward.target_source(request.json())
    target = request.urls.folder_id(target_url, "targetRef")
    if folder_urls:
        copies.check_target(request.store, request.key, target, request.caller.is_network)
    items = [_folder(request, url, target, on_folder) for url in folder_urls]
    return Answer(200, outward.bulk_response(items + _objects(request, object_urls, target, on_objects)))


def _folder(request: Request, url: str, target: FolderId, on_folder: copies.OnFolder) -> Item:
    try:
        source = request.urls.folder_id(url, "folderReference")
    except InvalidInput as error:
        return error
    result = on_folder(request.store, request.key, source, target, request.caller.is_network)
    if isinstance(result, NMSError):
        return result
    carry_on(request, result.job_id)
    return 200, outward.reference(request.urls.folder(result.folder.folder_id))


def _objects(request: Request, urls: list[str], target: FolderId, on_objects: copies.OnObjects) -> list[Item]:
    sources: list[ObjectId | InvalidInput] = []
    for url in urls:
        try:
            sources.append(request.urls.object_id(url, "objectReference"))
        except InvalidInput as error:
            sources.append(error)
    good = [source for source in sources if not isinstance(source, InvalidInput)]
    if urls and not good:
        copies.check_target(request.store, request.key, target, request.caller.is_network)
    results = on_objects(request.store, request.key, good, target, request.caller.is_network)
    if on_objects is copies.copy_objects:
        measure.tell_copies(result.content for result in results if isinstance(result, Link))
    answers = iter(results)
    return [
        source if isinstance(source, InvalidInput) else _item(request, next(answers)) for source in sources
    ]


def _item(request: Request, result: Link | NMSError) -> Item:
    if isinstance(result, NMSError):
        return result
    return 200, outward.reference(request.urls.object(result.object_id))


ROUTES = [
    Route("POST", "/folders/operations/copyToFolder", MODIFY, copy_to_folder),
    Route("POST", "/folders/operations/moveToFolder", MODIFY, move_to_folder),
]
