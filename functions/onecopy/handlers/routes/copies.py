"""copyToFolder and moveToFolder (NMS): a code for each item, or one for the whole."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from onecopy.domain.errors import InvalidInput, NMSError
from onecopy.domain.link import Link
from onecopy.handlers import measure
from onecopy.handlers.routes import MODIFY, Answer, Request, Route
from onecopy.handlers.routes.background import carry_on
from onecopy.store import copies
from onecopy.store.copies import FolderCopied
from onecopy.wire import inward, outward

Item = tuple[int, outward.Json] | NMSError
T = TypeVar("T")
S = TypeVar("S")


def copy_to_folder(request: Request) -> Answer:
    return _answer(request, copies.copy_folders, copies.copy_objects)


def move_to_folder(request: Request) -> Answer:
    return _answer(request, copies.move_folders, copies.move_objects)


def _answer(request: Request, on_folders: copies.OnFolders, on_objects: copies.OnObjects) -> Answer:
    """Folders before objects, as the answer lists them; then, as far as there is time, what is below them."""
    target_url, folder_urls, object_urls = inward.target_source(request.json())
    target = request.urls.folder_id(target_url, "targetRef")
    folders = _each(folder_urls, lambda url: request.urls.folder_id(url, "folderReference"))
    objects = _each(object_urls, lambda url: request.urls.object_id(url, "objectReference"))
    network = request.caller.is_network
    if not any(isinstance(one, str) for one in folders + objects):  # nothing will be read, nor refused
        copies.check_target(request.store, request.key, target, network)
    copied = _merged(folders, lambda good: on_folders(request.store, request.key, good, target, network))
    try:
        done = _merged(objects, lambda good: on_objects(request.store, request.key, good, target, network))
    except NMSError as error:
        if not folders:
            raise
        done = [error for _ in objects]  # the folders are as they are answered, whatever comes after them
    if on_objects is copies.copy_objects:
        measure.tell_copies(result.content for result in done if isinstance(result, Link))
    carry_on(request, [one.job_id for one in copied if isinstance(one, FolderCopied)])
    items = [_folder(request, one) for one in copied] + [_object(request, one) for one in done]
    return Answer(200, outward.bulk_response(items))


def _each(urls: list[str], read: Callable[[str], T]) -> list[T | InvalidInput]:
    found: list[T | InvalidInput] = []
    for url in urls:
        try:
            found.append(read(url))
        except InvalidInput as error:
            found.append(error)
    return found


def _merged(
    given: Sequence[T | InvalidInput], work: Callable[[Sequence[T]], list[S | NMSError]]
) -> list[S | NMSError]:
    """The answers to those that could be read, in the request's order with those that could not."""
    good = [one for one in given if not isinstance(one, InvalidInput)]
    answers = iter(work(good) if good else ())
    return [one if isinstance(one, InvalidInput) else next(answers) for one in given]


def _folder(request: Request, result: FolderCopied | NMSError) -> Item:
    if isinstance(result, NMSError):
        return result
    return 200, outward.reference(request.urls.folder(result.folder.folder_id))


def _object(request: Request, result: Link | NMSError) -> Item:
    if isinstance(result, NMSError):
        return result
    return 200, outward.reference(request.urls.object(result.object_id))


ROUTES = [
    Route("POST", "/folders/operations/copyToFolder", MODIFY, copy_to_folder),
    Route("POST", "/folders/operations/moveToFolder", MODIFY, move_to_folder),
]
