"""Unfinished direct uploads (Onecopy's own resource): show with fresh URLs, or give up."""

from onecopy.domain.ids import ObjectId
from onecopy.handlers.routes import CREATE, Answer, Request, Route
from onecopy.store.box import log, uploads
from onecopy.store.commit.kinds import UploadRow
from onecopy.wire import outward


def get_upload(request: Request, object_id: str) -> Answer:
    log.read_box(request.store, request.key)  # refuses an owner whose box is closed
    row = uploads.find(request.store, request.key, ObjectId(object_id))
    return Answer(200, shown(request, row))


def give_up(request: Request, object_id: str) -> Answer:
    log.read_box(request.store, request.key)
    uploads.give_up(request.store, request.key, ObjectId(object_id))
    return Answer(204)


def shown(request: Request, row: UploadRow) -> outward.Json:
    """The upload in JSON. Its URLs are presigned for this answer."""
    hrefs = uploads.slots(request.contents, row, request.store.now())
    slots = [outward.upload_slot(href.href, href.headers, href.expires) for href in hrefs]
    object_id = ObjectId(row.object_id)
    return {"upload": outward.upload(object_id, request.urls, uploads.ends(row), slots)}


ROUTES = [
    Route("GET", "/uploads/<object_id>", CREATE, get_upload, json_only=True, stores=True),
    Route("DELETE", "/uploads/<object_id>", CREATE, give_up, json_only=True, stores=True),
]
