"""Delivery to many (Onecopy's own, for the network): one object for many boxes, its content stored once."""

from collections.abc import Sequence
from functools import partial

from onecopy.domain.box import BoxKey
from onecopy.domain.content import Content, ContentKey
from onecopy.domain.errors import InvalidInput, NMSError
from onecopy.domain.ids import ContentId, ObjectId
from onecopy.handlers.edge.caller import NETWORK, is_box_id
from onecopy.handlers.edge.idempotency_key import once
from onecopy.handlers.routes import Answer, Request, Route
from onecopy.handlers.routes.objects import form_of
from onecopy.handlers.routes.shared.items import below
from onecopy.store import delivery_to_many
from onecopy.store.box import folders
from onecopy.store.box.objects import Item
from onecopy.store.commit.outcome import Outcome
from onecopy.wire import forms, inward, outward
from onecopy.wire.structures import DeliverIn, ObjectIn, checked_parts
from onecopy.wire.urls import OWN_BOX, Urls

DEFAULT_PATH: folders.Names = ("RCSMessageStore",)
"""Where an object is stored that names no parent."""


def deliver(request: Request) -> Answer:
    """Answers with a code for each box, in the order of the request. A box named twice gets one object."""
    given, attachments = _given(request)
    parts = checked_parts(tuple(attachment.part for attachment in attachments))
    item = Item(_place(given.object), given.object.given(), None, parts)
    named = [_box(request, raw) for raw in given.boxes.box_id]
    boxes = list(dict.fromkeys(one for one in named if isinstance(one, BoxKey)))

    def put(request: Request, content_key: ContentKey) -> None:
        content = Content(content_key, ContentId(""), parts)
        keyed = [content.bucket_key(number) for number in range(1, len(parts) + 1)]
        bodies = [attachment.body for attachment in attachments]
        request.contents.put(zip(keyed, parts, bodies, strict=True))

    def work(request: Request) -> Answer:
        made = delivery_to_many.deliver(request.store, boxes, item, partial(put, request)) if boxes else []
        found = dict(zip(boxes, made, strict=True))
        items = [
            one if isinstance(one, NMSError) else _item(request, one, found[one], item.place) for one in named
        ]
        return Answer(200, outward.bulk_response(items))

    if not boxes:
        return work(request)
    asked = [given.boxes.box_id, forms.content([(given.object, attachments)])]
    return once(request, asked, work, len(boxes), of_store=True)


def _given(request: Request) -> tuple[DeliverIn, list[forms.Attachment]]:
    if not request.is_form:
        return inward.deliver_body(request.json()), []
    form = form_of(request)
    return inward.deliver_body(form.root()), forms.attachments(form)


def _place(given: ObjectIn) -> folders.Names:
    """The path, which leads to a folder in every box. A resourceURL names a folder of one box only."""
    if given.parent_folder is not None:
        raise InvalidInput("parentFolder")
    if given.payload_part is not None:
        raise InvalidInput("payloadPart")
    return DEFAULT_PATH if given.parent_folder_path is None else inward.parent_path(given.parent_folder_path)


def _box(request: Request, raw: object) -> BoxKey | NMSError:
    if not isinstance(raw, str) or raw == OWN_BOX or not is_box_id(raw):
        return InvalidInput("boxId")
    return BoxKey(request.key.store, raw)


def _item(
    request: Request, key: BoxKey, result: Outcome | NMSError, place: Sequence[str]
) -> tuple[int, outward.Json] | NMSError:
    if isinstance(result, NMSError):
        return result
    url = Urls(request.urls.server_root, *key, own_box=None).object(ObjectId(result.thing_id))
    return 201, outward.reference(url, below("/" + "/".join(place), result.thing_id))


ROUTES = [Route("POST", "/operations/deliver", NETWORK, deliver, json_only=True, of_store=True)]
