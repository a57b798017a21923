"""An object's flags (NMS): a set without case and order."""

from onecopy.domain.errors import FlagAbsent
from onecopy.domain.ids import ObjectId
from onecopy.domain.link import has_flag
from onecopy.handlers.routes import MODIFY, READ, Answer, Request, Route
from onecopy.store import objects
from onecopy.wire import inward, outward


def get_flags(request: Request, object_id: str) -> Answer:
    flags = objects.flags(request.store, request.key, ObjectId(object_id))
    return Answer(200, outward.flag_list(flags, ObjectId(object_id), request.urls))


def put_flags(request: Request, object_id: str) -> Answer:
    flags = inward.flag_list(request.json())
    after = objects.set_flags(request.store, request.key, ObjectId(object_id), flags)
    return Answer(200, outward.flag_list(after, ObjectId(object_id), request.urls))


def get_flag(request: Request, object_id: str, flag_name: str) -> Answer:
    name = inward.flag_name(flag_name)
    if not has_flag(objects.flags(request.store, request.key, ObjectId(object_id)), name):
        raise FlagAbsent("flagName")
    return Answer(204)


def put_flag(request: Request, object_id: str, flag_name: str) -> Answer:
    name = inward.flag_name(flag_name)
    if not objects.add_flag(request.store, request.key, ObjectId(object_id), name):
        return Answer(204)
    url = request.urls.flag(ObjectId(object_id), name)
    return Answer(201, outward.reference(url), {"location": url})


def delete_flag(request: Request, object_id: str, flag_name: str) -> Answer:
    objects.remove_flag(request.store, request.key, ObjectId(object_id), inward.flag_name(flag_name))
    return Answer(204)


ROUTES = [
    Route("GET", "/objects/<object_id>/flags", READ, get_flags),
    Route("PUT", "/objects/<object_id>/flags", MODIFY, put_flags),
    Route("GET", "/objects/<object_id>/flags/<flag_name>", READ, get_flag),
    Route("PUT", "/objects/<object_id>/flags/<flag_name>", MODIFY, put_flag),
    Route("DELETE", "/objects/<object_id>/flags/<flag_name>", MODIFY, delete_flag),
]
