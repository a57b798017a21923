"""Content for the client (NMS): a presigned URL, and only if the client asks for a body."""

from onecopy.domain.errors import Busy, NMSError, Unknown
from onecopy.domain.ids import ObjectId
from onecopy.domain.link import Link
from onecopy.handlers.edge import measure
from onecopy.handlers.edge.request import prefers_json
from onecopy.handlers.routes import READ, Answer, Request, Route
from onecopy.handlers.routes.shared.items import object_ids
from onecopy.store.box import objects
from onecopy.store.commit.transact import read_links
from onecopy.wire import inward, outward


def get_payload(request: Request, object_id: str) -> Answer:
    link = objects.find(request.store, request.key, ObjectId(object_id))
    if not link.content or len(link.content.parts) != 1:
        raise Unknown("payload")
    return _redirect(request, link, 1)


def get_payload_part(request: Request, object_id: str, part_id: str) -> Answer:
    link = objects.find(request.store, request.key, ObjectId(object_id))
    numbers = {str(n): n for n in range(1, len(link.content.parts) + 1)} if link.content else {}
    if part_id not in numbers:
        raise Unknown("partId")
    return _redirect(request, link, numbers[part_id])


def _redirect(request: Request, link: Link, number: int) -> Answer:
    """Redirects to S3, or gives the URL as JSON to a client that does not follow redirects."""
    body = _href(request, link, number)
    measure.tell(BytesAskedFor=body["size"])
    if prefers_json(request.headers):
        return Answer(200, body)
    return Answer(307, None, {"location": body["href"]})


def _href(request: Request, link: Link, number: int) -> outward.Json:
    if not link.content:
        raise Unknown("payload")
    part = link.content.parts[number - 1]
    href = request.contents.href(link.content, number, request.store.now(), head=request.method == "HEAD")
    return {
        "href": href.href,
        "expires": outward.time(href.expires),
        "contentType": part.content_type,
        "size": part.size,
        "checksum": part.checksum,
    }


def payloads(request: Request) -> Answer:
    """URLs for the bodies of many objects at once, as far as the answer has room and time for them."""
    given = object_ids(request, inward.object_references(request.json(), inward.MOST_HREFS))
    ids = [item for item in given if not isinstance(item, NMSError)]
    links = read_links(request.store, request.key, ids)
    room = outward.Room([], outward.size)
    items = [item if isinstance(item, NMSError) else _item(request, links.get(item), room) for item in given]
    if size := sum(part["size"] for item in items if isinstance(item, tuple) for part in item[1]["part"]):
        measure.tell(BytesAskedFor=size)
    return Answer(200, outward.bulk_response(items))


def _item(request: Request, link: Link | None, room: outward.Room) -> tuple[int, outward.Json] | NMSError:
    if not link:
        return Unknown("objectReference")
    if room.is_full or request.is_late:
        return Busy()
    numbers = range(1, len(link.content.parts) + 1) if link.content else range(0)
    parts = [_href(request, link, number) for number in numbers]
    item = 200, {"resourceURL": request.urls.object(link.object_id), "part": parts}
    return item if room.takes(outward.response(item)) else Busy()


ROUTES = [
    Route("GET", "/objects/<object_id>/payload", READ, get_payload),
    Route("GET", "/objects/<object_id>/payloadParts/<part_id>", READ, get_payload_part),
    Route("POST", "/objects/operations/payloads", READ, payloads, json_only=True),
]
