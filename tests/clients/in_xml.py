"""A client that speaks XML where others speak JSON. It holds every answer against the standard's schema.

It knows NMS's structures from the standard alone: which elements each has, in which order, and which repeat.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import httpx

from infra.local.stack import LocalStack
from tests.clients.box_client import ALL, BoxClient, Json

NAMESPACE = "urn:oma:xml:rest:netapi:nms:1"
KIND = "application/xml"

_REFERENCE = "resourceURL path"
_FAULT = "messageId text variables"
_OBJECT = "parentFolder parentFolderPath attributes flags resourceURL path payloadURL payloadPart lastModSeq"
_FOLDER = "parentFolder parentFolderPath attributes resourceURL path name lastModSeq cursor"
_SUBSCRIPTION = "callbackReference duration filter clientCorrelator resourceURL index restartToken"
_EVENTS = "changedObject deletedObject expiredObject changedFolder deletedFolder expiredFolder resetBox"
_GONE = "resourceURL lastModSeq correlationId correlationTag"
ORDER = {
    "object": f"{_OBJECT} correlationId correlationTag",
    "attributes": "attribute",
    "attribute": "name value",
    "flags": "flag resourceURL",
    "flagList": "flag resourceURL",
    "payloadPart": "href contentType size contentId contentLocation contentDisposition contentEncoding",
    "folder": f"{_FOLDER} subFolders objects",
    "subFolders": "folderReference",
    "folders": "folderReference",
    "objects": "objectReference",
    "objectList": "object cursor creationCursor",
    "objectReferenceList": "objectReference cursor",
    "folderList": "folder cursor",
    "reference": _REFERENCE,
    "success": _REFERENCE,
    "folderReference": _REFERENCE,
    "objectReference": _REFERENCE,
    "bulkResponseList": "response",
    "response": "code reason success failure",
    "requestError": "serviceException policyException",
    "failure": "serviceException policyException",
    "serviceException": _FAULT,
    "policyException": _FAULT,
    "nmsSubscriptionList": "subscription resourceURL",
    "nmsSubscription": _SUBSCRIPTION,
    "subscription": _SUBSCRIPTION,
    "callbackReference": "notifyURL callbackData notificationFormat",
    "nmsEventList": "nmsEvent callbackData index restartToken link",
    "nmsEvent": _EVENTS,
    "link": "rel href",
    "changedObject": "parentFolder flags resourceURL lastModSeq correlationId correlationTag",
    "deletedObject": _GONE,
    "expiredObject": _GONE,
    "changedFolder": "parentFolder resourceURL name lastModSeq",
    "deletedFolder": "resourceURL lastModSeq",
    "expiredFolder": "resourceURL lastModSeq",
    "resetBox": "",
}
"""The children of each structure that an answer may hold, in the schema's order."""

_ALWAYS = frozenset(
    """attribute value flag object folder folderReference objectReference response subscription nmsEvent
    criterion""".split()
)
_REPEATED = _ALWAYS | {"payloadPart", "link", "variables"}
"""The lists; those in _ALWAYS are there in JSON also when they are empty."""

_NUMBERS = frozenset({"lastModSeq", "size", "code", "index", "duration"})


def written(body: Json) -> bytes:
    """A request in XML, its children in the order in which they come."""
    [(name, value)] = body.items()
    root = ET.Element(f"{{{NAMESPACE}}}{name}")
    _fill(root, value)
    return bytes(ET.tostring(root, "utf-8", xml_declaration=True))


def _fill(element: ET.Element, value: Any) -> None:
    if isinstance(value, dict):
        for name, inside in value.items():
            for one in inside if isinstance(inside, list) else [inside]:
                _fill(ET.SubElement(element, name), one)
    elif value is not None:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)


def read(content: bytes) -> Json:
    """An answer as its JSON, after checking that its elements are those of the schema, in their order."""
    root = ET.fromstring(content)
    space, _, name = root.tag.removeprefix("{").partition("}")
    assert space == NAMESPACE
    check_order(root, name)
    return {name: _value(root, name)}


def check_order(element: ET.Element, name: str) -> None:
    """NMS's own children come first and in the schema's order; whatever else there is comes behind them."""
    children = [child.tag for child in element]
    known = ORDER.get(name, "").split()
    places = [known.index(tag) if tag in known else len(known) for tag in children]
    assert all(one <= other for one, other in pairwise(places)), f"{name}: {children}"
    assert not any("{" in tag for tag in children), f"{name}: {children}"
    for child in element:
        if child.tag in ORDER:
            check_order(child, child.tag)


def _value(element: ET.Element, name: str) -> Any:
    if name == "empty":
        return None
    if name in _NUMBERS:
        return int(element.text or "")
    if name not in ORDER and not len(element):
        return element.text or ""
    found: Json = {one: [] for one in ORDER.get(name, "").split() if one in _ALWAYS}
    for child in element:
        inside = _value(child, child.tag)
        if child.tag in _REPEATED and (name, child.tag) != ("criterion", "value"):
            found.setdefault(child.tag, []).append(inside)
        else:
            assert child.tag not in found
            found[child.tag] = inside
    return found


class _Translated(httpx.HTTPTransport):
    """Sends JSON as XML, and hands back as JSON what comes in XML."""

    def __init__(self, saw: Callable[[httpx.Response], None]) -> None:
        super().__init__()
        self._saw = saw

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body, headers = request.read(), httpx.Headers(request.headers)
        if headers.get("content-type") == "application/json":
            with suppress(ValueError, AttributeError):  # what is no structure goes as it is
                body, headers["content-type"] = written(json.loads(body)), KIND
        headers["accept"] = f"{KIND}, application/json;q=0.5"
        headers["accept-encoding"] = "identity"
        headers.pop("content-length", None)
        asked = httpx.Request(request.method, request.url, headers=headers, content=body)
        answer = super().handle_request(asked)
        content = answer.read()
        self._saw(answer)
        if answer.headers.get("content-type") == KIND:
            content = json.dumps(read(content)).encode()
        rest = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return httpx.Response(answer.status_code, headers=rest, content=content)


class XmlBox(BoxClient):
    """`seen`: each answer's root in XML, or the type of an answer that was not XML."""

    def __init__(self, stack: LocalStack, box: str | None = None, scope: str = ALL) -> None:
        super().__init__(stack, box, scope)
        self.seen: list[str] = []
        known = self.http
        self.http = httpx.Client(
            base_url=self.base, headers=known.headers, timeout=60, transport=_Translated(self._saw)
        )
        known.close()

    def _saw(self, answer: httpx.Response) -> None:
        kind = answer.headers.get("content-type", "")
        root = ET.fromstring(answer.content).tag.rpartition("}")[2] if kind == KIND else kind
        self.seen.append(root)
