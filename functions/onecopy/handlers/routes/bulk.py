"""bulkUpdate and bulkDelete (NMS): flags or deletes many objects, with a code for each."""

from collections.abc import Sequence
from functools import partial

from onecopy.domain.errors import NMSError
from onecopy.domain.ids import ObjectId
from onecopy.domain.link import Flags, with_flags, without_flags
from onecopy.handlers.routes import MODIFY, Answer, Request, Route
from onecopy.handlers.routes.items import answers, object_ids
from onecopy.store.box import bulk
from onecopy.wire import inward, outward


def bulk_update(request: Request) -> Answer:
    urls, adds, flags = inward.bulk_update(request.json(inward.LIST_LIMIT))

    def changed(before: Flags) -> Flags:
        return with_flags(before, flags) if adds else without_flags(before, flags)

    asked = object_ids(request, urls)
    return _answer(request, answers(asked, partial(bulk.change_flags, request.store, request.key, changed)))


def bulk_delete(request: Request) -> Answer:
    asked = object_ids(request, inward.bulk_delete(request.json(inward.LIST_LIMIT)))
    return _answer(request, answers(asked, partial(bulk.delete, request.store, request.key)))


def _answer(request: Request, done: Sequence[ObjectId | NMSError]) -> Answer:
    items = [
        one if isinstance(one, NMSError) else (200, outward.reference(request.urls.object(one)))
        for one in done
    ]
    return Answer(200, outward.bulk_response(items))


ROUTES = [
    Route("POST", "/objects/operations/bulkUpdate", MODIFY, bulk_update),
    Route("POST", "/objects/operations/bulkDelete", MODIFY, bulk_delete),
    Route("DELETE", "/objects/operations/bulkDelete", MODIFY, bulk_delete),
]
