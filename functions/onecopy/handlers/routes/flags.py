"""An object's flags (NMS): a set that ignores case and order."""

from onecopy.domain.errors import FlagAbsent
from onecopy.domain.ids import ObjectId
from onecopy.domain.link import Link, has_flag
from onecopy.handlers.edge.request import etag
from onecopy.handlers.routes import MODIFY, READ, Answer, Request, Route
from onecopy.store.box import objects
from onecopy.wire import inward, outward


def get_flags(request: Request, object_id: str) -> Answer:
    return _flags(request, objects.find(request.store, request.key, ObjectId(object_id), request.match))


def put_flags(request: Request, object_id: str) -> Answer:
    flags = inward.flag_list(request.json())
    link = objects.set_flags(request.store, request.key, ObjectId(object_id), flags, request.match)
    return _flags(request, link)


def _flags(request: Request, link: Link) -> Answer:
    return Answer(200, outward.flag_list(link.flags, link.object_id, request.urls), etag(link.last_mod_seq))


def get_flag(request: Request, object_id: str, flag_name: str) -> Answer:
    name = inward.flag_name(flag_name)
    link = objects.find(request.store, request.key, ObjectId(object_id), request.match)
    if not has_flag(link.flags, name):
        raise FlagAbsent("flagName")
    return Answer(204)


def put_flag(request: Request, object_id: str, flag_name: str) -> Answer:
    name = inward.flag_name(flag_name)
    if not objects.add_flag(request.store, request.key, ObjectId(object_id), name, request.match):
        return Answer(204)
    url = request.urls.flag(ObjectId(object_id), name)
    return Answer(201, {"reference": outward.reference(url)}, {"location": url})


def delete_flag(request: Request, object_id: str, flag_name: str) -> Answer:
    name = inward.flag_name(flag_name)
    objects.remove_flag(request.store, request.key, ObjectId(object_id), name, request.match)
    return Answer(204)


ROUTES = [
    Route("GET", "/objects/<object_id>/flags", READ, get_flags),
    Route("PUT", "/objects/<object_id>/flags", MODIFY, put_flags),
    Route("GET", "/objects/<object_id>/flags/<flag_name>", READ, get_flag),
    Route("PUT", "/objects/<object_id>/flags/<flag_name>", MODIFY, put_flag),
    Route("DELETE", "/objects/<object_id>/flags/<flag_name>", MODIFY, delete_flag),
]
