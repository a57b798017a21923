"""copyToFolder and moveToFolder (NMS): a code for each item, or one for the whole request."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from onecopy.domain.errors import NMSError
from onecopy.domain.ids import FolderId, ObjectId
from onecopy.domain.match import ANY
from onecopy.handlers.edge import measure
from onecopy.handlers.edge.idempotency_key import once
from onecopy.handlers.routes import MODIFY, Answer, Request, Route
from onecopy.handlers.routes.shared import selected
from onecopy.handlers.routes.shared.begun_jobs import carry_on
from onecopy.handlers.routes.shared.items import answers, parsed
from onecopy.store.box import copies
from onecopy.store.commit.outcome import Outcome
from onecopy.wire import inward, outward

Item = tuple[int, outward.Json] | NMSError


def copy_to_folder(request: Request) -> Answer:
    asked = _Asked.of(request)
    if asked.is_by_criteria:
        return _by_criteria(request, asked, copies.copy_objects)
    work = partial(_worked, asked, copies.copy_folders, copies.copy_objects)
    return once(request, asked.raw, work, asked.good)


def move_to_folder(request: Request) -> Answer:
    """If-Match counts only if exactly one thing is moved."""
    asked = _Asked.of(request)
    if asked.is_by_criteria:
        return _by_criteria(request, asked, copies.move_objects)
    match = request.match if len(asked.folders) + len(asked.objects) == 1 else ANY
    folders, objects = partial(copies.move_folders, match=match), partial(copies.move_objects, match=match)
    return once(request, asked.raw, partial(_worked, asked, folders, objects), asked.good)


@dataclass(frozen=True)
class _Asked:
    """A targetSourceRef, with an error in place of each reference that could not be read."""

    raw: Any
    target: FolderId
    folders: list[FolderId | NMSError]
    objects: list[ObjectId | NMSError]

    @classmethod
    def of(cls, request: Request) -> Self:
        raw = request.json(inward.LIST_LIMIT)
        target_url, folder_urls, object_urls = inward.target_source(raw)
        target = request.urls.folder_id(target_url, "targetRef")
        folders = parsed(folder_urls, lambda url: request.urls.folder_id(url, "folderReference"))
        objects = parsed(object_urls, lambda url: request.urls.object_id(url, "objectReference"))
        return cls(raw, target, folders, objects)

    @property
    def is_by_criteria(self) -> bool:
        return not self.folders and not self.objects

    @property
    def good(self) -> int:
        return sum(isinstance(one, str) for one in (*self.folders, *self.objects))


def _by_criteria(request: Request, asked: _Asked, on_objects: copies.OnObjects) -> Answer:
    """Works on the objects that meet the selectionCriteria, at most as many as one request may name."""
    criteria, target = selected.asked(request, asked.raw["targetSourceRef"]), asked.target

    def work(request: Request) -> Answer:
        store, key, network = request.store, request.key, request.caller.is_network
        check = partial(copies.check_target, store, key, target, network)
        plan = selected.plan(request, criteria, check)
        object_ids = list(map(ObjectId, plan.items))
        done = on_objects(store, key, object_ids, target, network)
        if on_objects is copies.copy_objects:
            _measure(done)
        items = [_object(request, one) for one in done]
        return selected.answer_failed(request, object_ids, items, plan.cursor)

    return once(request, asked.raw, work)


def _worked(
    asked: _Asked, on_folders: copies.OnFolders, on_objects: copies.OnObjects, request: Request
) -> Answer:
    """Folders first, then objects, as the answer lists them; then, if time is left, what is below folders."""
    store, key, network = request.store, request.key, request.caller.is_network
    target, folders, objects = asked.target, asked.folders, asked.objects
    if not asked.good:  # nothing below will read the target or refuse it
        copies.check_target(store, key, target, network)
    copied = answers(folders, lambda good: on_folders(store, key, good, target, network))
    stopped = [one for one in copied if isinstance(one, NMSError) and one.status >= 500]
    try:
        done: list[Outcome | NMSError] = (
            [stopped[0]] * len(objects)
            if stopped
            else answers(objects, lambda good: on_objects(store, key, good, target, network))
        )
    except NMSError as error:
        if not folders:
            raise
        done = [error] * len(objects)  # the folders' answers stand, whatever happens after them
    if on_folders is copies.copy_folders:
        _measure(done)
    carry_on(request, [one.job_id for one in copied if isinstance(one, Outcome)])
    items = [_folder(request, one) for one in copied] + [_object(request, one) for one in done]
    return Answer(200, outward.bulk_response(items))


def _measure(done: Sequence[Outcome | NMSError]) -> None:
    """Counts the copies of this try; an earlier one has counted its own."""
    measure.tell_copies(one.content for one in done if isinstance(one, Outcome) and one.folder)


def _folder(request: Request, result: Outcome | NMSError) -> Item:
    if isinstance(result, NMSError):
        return result
    return 200, outward.reference(request.urls.folder(FolderId(result.thing_id)))


def _object(request: Request, result: Outcome | NMSError) -> Item:
    if isinstance(result, NMSError):
        return result
    return 200, outward.reference(request.urls.object(ObjectId(result.thing_id)))


ROUTES = [
    Route("POST", "/folders/operations/copyToFolder", MODIFY, copy_to_folder),
    Route("POST", "/folders/operations/moveToFolder", MODIFY, move_to_folder),
]
