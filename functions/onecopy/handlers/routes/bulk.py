"""bulkUpdate and bulkDelete (NMS): flags or deletes many objects, with a code for each."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from onecopy.domain.errors import NMSError
from onecopy.domain.ids import ObjectId
from onecopy.domain.link import Flags, with_flags, without_flags
from onecopy.handlers.routes import MODIFY, Answer, Request, Route
from onecopy.handlers.routes.shared import selected
from onecopy.handlers.routes.shared.items import answers, object_ids
from onecopy.store.box import bulk
from onecopy.wire import inward, outward


def bulk_update(request: Request) -> Answer:
    raw = request.json(inward.LIST_LIMIT)
    urls, adds, flags = inward.bulk_update(raw)

    def changed(before: Flags) -> Flags:
        return with_flags(before, flags) if adds else without_flags(before, flags)

    work = partial(bulk.change_flags, request.store, request.key, changed)
    return _by_reference(request, urls, work) if urls else _by_criteria(request, raw["bulkUpdate"], work)


def bulk_delete(request: Request) -> Answer:
    raw = request.json(inward.LIST_LIMIT)
    urls = inward.bulk_delete(raw)
    work = partial(bulk.delete, request.store, request.key)
    return _by_reference(request, urls, work) if urls else _by_criteria(request, raw["bulkDelete"], work)


def _by_reference(request: Request, urls: list[str], work: Callable[..., list[bulk.Result]]) -> Answer:
    done = answers(object_ids(request, urls), work)
    return Answer(200, outward.bulk_response(_items(request, done)))


def _by_criteria(request: Request, raw: Any, work: Callable[..., list[bulk.Result]]) -> Answer:
    found, cursor = selected.find(request, selected.asked(request, raw))
    done = work(list(found), found)
    return selected.answer_each(request, list(found), _items(request, done), cursor)


def _items(request: Request, done: Sequence[ObjectId | NMSError]) -> list[selected.Done]:
    return [
        one if isinstance(one, NMSError) else (200, outward.reference(request.urls.object(one)))
        for one in done
    ]


ROUTES = [
    Route("POST", "/objects/operations/bulkUpdate", MODIFY, bulk_update),
    Route("POST", "/objects/operations/bulkDelete", MODIFY, bulk_delete),
    Route("DELETE", "/objects/operations/bulkDelete", MODIFY, bulk_delete),
]
