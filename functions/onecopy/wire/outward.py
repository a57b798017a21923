"""Writes the domain as NMS's JSON, without spaces."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from onecopy.domain.box import Box, Quota
from onecopy.domain.change import (
    Change,
    ChangedFolder,
    ChangedObject,
    DeletedFolder,
    DeletedObject,
    Event,
    ResetBox,
)
from onecopy.domain.content import Content, disposition_in_order
from onecopy.domain.digest import Digest
from onecopy.domain.errors import FlagAbsent, NMSError
from onecopy.domain.folder import Attributes, Folder
from onecopy.domain.ids import ObjectId
from onecopy.domain.link import Flags, Link
from onecopy.domain.subscription import Subscription
from onecopy.wire.urls import Urls

Json = dict[str, Any]

MOST_BYTES = 4_500_000
"""Bytes of an answer before compression, at most. With its headers and in base64, which makes it a third
longer, it has to stay below the 6,291,556 bytes that a function may return.
"""


def dumps(body: Any) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def size(body: Any) -> int:
    """Bytes of the body as it is sent, before compression."""
    return len(dumps(body).encode())


Size = Callable[[Any], int]
"""Bytes of a body, or of a part of one, in the form that it is sent in."""


class Room:
    """The bytes left in an answer while its items are put together."""

    def __init__(self, frame: Any, size: Size) -> None:
        """`frame` is the answer without its items."""
        self._size = size
        self._left = MOST_BYTES - size(frame)

    @property
    def is_full(self) -> bool:
        return self._left < 0

    def takes(self, item: Any) -> bool:
        """Whether the item still fits, with its comma. After the first that does not, the answer is full."""
        self._left -= self._size(item) + 1
        return not self.is_full


def time(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fault(error: NMSError) -> Json:
    """The inside of a requestError, and of a failure in a bulkResponse."""
    kind = "policyException" if error.is_policy else "serviceException"
    raw: Json = {"messageId": error.message_id, "text": error.text}
    if error.variables:
        raw["variables"] = list(error.variables)
    return {kind: raw}


def request_error(error: NMSError) -> Json:
    return {"empty": None} if isinstance(error, FlagAbsent) else {"requestError": fault(error)}


def attributes(given: Attributes) -> Json:
    return {"attribute": [{"name": name, "value": list(values)} for name, values in given]}


def flag_list(flags: Flags, object_id: ObjectId, urls: Urls) -> Json:
    return {"flagList": {"flag": list(flags), "resourceURL": urls.flags(object_id)}}


def _payload(content: Content, object_id: ObjectId, urls: Urls, checksums: bool) -> Json:
    parts = []
    for number, part in enumerate(content.parts, start=1):
        raw: Json = {"href": urls.payload_part(object_id, number), "contentType": part.content_type}
        raw["size"] = part.size
        disposition = part.content_disposition and disposition_in_order(part.content_disposition)
        optional = {"contentId": part.content_id, "contentDisposition": disposition}
        raw |= {name: value for name, value in optional.items() if value is not None}
        if checksums:
            raw["checksum"] = part.checksum
        parts.append(raw)
    whole = {"payloadURL": urls.payload(object_id)} if len(parts) == 1 else {}
    return whole | {"payloadPart": parts, "contentId": content.content_id}


def object_(link: Link, urls: Urls, path: str | None = None, checksums: bool = True) -> Json:
    """The whole object, as GET shows it; as a search shows it without checksums."""
    raw = _mutable(link, urls)
    raw |= {"attributes": attributes(link.attributes), "lastModSeq": link.last_mod_seq}
    if path:
        raw["path"] = path
    if link.content:
        raw |= _payload(link.content, link.object_id, urls, checksums)
    return raw


def _mutable(known: Link | ChangedObject, urls: Urls) -> Json:
    raw: Json = {
        "parentFolder": urls.folder(known.parent),
        "flags": {"flag": list(known.flags)},
        "resourceURL": urls.object(known.object_id),
    }
    return raw | _correlation(known)


def _correlation(known: Link | ChangedObject | DeletedObject) -> Json:
    values = {"correlationId": known.correlation_id, "correlationTag": known.correlation_tag}
    return {name: value for name, value in values.items() if value is not None}


def folder(folder: Folder, urls: Urls, path: str | None = None) -> Json:
    raw = _folder_event(ChangedFolder(folder.folder_id, folder.parent, folder.name, folder.attributes), urls)
    raw |= {"attributes": attributes(folder.attributes), "lastModSeq": folder.last_mod_seq}
    return raw | ({"path": path} if path else {})


def _folder_event(event: ChangedFolder, urls: Urls) -> Json:
    raw: Json = {"parentFolder": urls.folder(event.parent)} if event.parent else {}
    return raw | {"resourceURL": urls.folder(event.folder_id), "name": event.name}


def event(change: Change | ResetBox, urls: Urls) -> Json:
    """One nmsEvent."""
    if isinstance(change, ResetBox):
        return {"resetBox": {}}
    name, raw = _event(change.event, urls)
    return {name: raw | {"lastModSeq": change.seq}}


def _event(event: Event, urls: Urls) -> tuple[str, Json]:
    match event:
        case ChangedObject():
            raw = _mutable(event, urls)
            if event.metadata:
                raw["attributes"] = attributes(event.metadata.attributes)
                if event.metadata.content:
                    raw |= _payload(event.metadata.content, event.object_id, urls, checksums=False)
            return "changedObject", raw
        case DeletedObject():
            raw = {"resourceURL": urls.object(event.object_id)}
            return "expiredObject" if event.expired else "deletedObject", raw | _correlation(event)
        case ChangedFolder():
            raw = _folder_event(event, urls)
            return "changedFolder", raw | (
                {"attributes": attributes(event.attributes)} if event.attributes else {}
            )
        case DeletedFolder():
            return "deletedFolder", {"resourceURL": urls.folder(event.folder_id)}


def upload(object_id: ObjectId, urls: Urls, ends: datetime, slots: Sequence[Json]) -> Json:
    """An unfinished upload, with the parts that are still to come."""
    return {
        "resourceURL": urls.upload(object_id),
        "objectId": object_id,
        "expires": time(ends),
        "part": list(slots),
    }


def upload_slot(href: str, headers: Mapping[str, str], expires: datetime) -> Json:
    return {"method": "PUT", "href": href, "headers": dict(headers), "expires": time(expires)}


def reference(url: str, path: str | None = None) -> Json:
    return {"resourceURL": url} | ({"path": path} if path else {})


def bulk_response(items: Sequence[tuple[int, Json] | NMSError]) -> Json:
    """A code and a reason for each item, in the request's order."""
    return {"bulkResponseList": {"response": [response(item) for item in items]}}


def fitting(body: Json, size: Size) -> Json:
    """The body. If paths would make a bulkResponseList too large, its last references go without theirs."""
    if "bulkResponseList" not in body:
        return body
    excess = size(body) - MOST_BYTES
    for one in reversed(body["bulkResponseList"]["response"]):
        if excess <= 0:
            break
        if "path" in one.get("success", {}):
            before = size(one)
            one["success"] = {name: value for name, value in one["success"].items() if name != "path"}
            excess -= before - size(one)
    return body


def response(item: tuple[int, Json] | NMSError) -> Json:
    """One item of a bulkResponseList."""
    if isinstance(item, NMSError):
        return {"code": item.status, "reason": HTTPStatus(item.status).phrase, "failure": fault(item)}
    code, success = item
    return {"code": code, "reason": HTTPStatus(code).phrase, "success": success}


def subscription(known: Subscription, urls: Urls, token: str, now: datetime, secret: bool = False) -> Json:
    callback = {"notifyURL": known.notify_url}
    if known.callback_data is not None:
        callback["callbackData"] = known.callback_data
    if known.notification_format is not None:
        callback["notificationFormat"] = known.notification_format
    raw: Json = {
        "callbackReference": callback,
        "duration": max(0, int((known.expiry - now).total_seconds())),
        "expiry": time(known.expiry),
        "resourceURL": urls.subscription(known.subscription_id),
        "index": known.index,
        "restartToken": token,
        "state": known.state,
    }
    optional = {
        "clientCorrelator": known.client_correlator,
        "filter": known.filter,
        "preferences": known.preferences,
        "lastError": known.last_error,
        "secret": known.secret if secret else None,
    }
    return raw | {name: value for name, value in optional.items() if value is not None}


def room(quota: Quota, box: Box) -> Json:
    """What a box may hold and what it holds. A quota of 0 is no limit, and is left out."""
    limits = {"links": quota.links, "bytes": quota.bytes}
    return {
        "quota": {name: limit for name, limit in limits.items() if limit},
        "used": {"links": box.links, "bytes": box.use.bytes},
    }


def digest(known: Digest) -> Json:
    """The digest by which a device proves that it has everything. `sum` is 16 hexadecimal digits."""
    return {"folders": known.folders, "objects": known.objects, "sum": f"{known.sum:016x}"}


def event_list(changes: Sequence[Change | ResetBox], urls: Urls, token: str, more: Mapping[str, Any]) -> Json:
    return {"nmsEvent": [event(change, urls) for change in changes], "restartToken": token, **more}
