"""NMS's form-data for creating objects: `root-fields`, and the content in `attachments`."""

from dataclasses import astuple, dataclass
from typing import Any

from onecopy.domain.content import MOST_PARTS, Part, checksum
from onecopy.domain.errors import InvalidInput, NMSError
from onecopy.wire import inward, multipart
from onecopy.wire.multipart import BodyPart
from onecopy.wire.structures import ObjectIn

_ROOT_FIELDS = ("root-fields", "objectList", "object")
_ATTACHMENTS = ("attachments", "attachment")


@dataclass(frozen=True)
class Attachment:
    part: Part
    body: bytes


Given = tuple[ObjectIn | NMSError, list[Attachment]]
"""An object (or what is wrong with it), and its content."""


class Form:
    """The root-fields, in JSON or XML, and the attachments of one body."""

    def __init__(self, body: bytes, content_type: str) -> None:
        parts = multipart.parse(body, content_type, "form-data")
        self.root_fields = [part for part in parts if part.name in _ROOT_FIELDS]
        self.attachments = [part for part in parts if part.name in _ATTACHMENTS]
        if len(self.root_fields) != 1:
            raise InvalidInput("root-fields")
        if any(part.body and part.name not in (*_ROOT_FIELDS, *_ATTACHMENTS) for part in parts):
            raise InvalidInput("form-data")  # or content under a misspelt name would be lost in silence

    def root(self) -> object:
        part = self.root_fields[0]
        if len(part.body) > inward.LIST_LIMIT:
            raise InvalidInput("root-fields")
        return inward.parse(part.body, part.content_type or "", "root-fields")


def single(form: Form) -> Given:
    """One object. Several attachments become its parts, as if they had come in a multipart/mixed."""
    return inward.object_body(form.root()), attachments(form)


def attachments(form: Form) -> list[Attachment]:
    return _limited([attachment for part in form.attachments for attachment in _attachments(part)])


def many(form: Form) -> list[Given]:
    """Several objects. Each has one attachment, in order, which is empty if the object has no content."""
    given = inward.object_list(form.root())
    if len(given) != len(form.attachments):
        raise InvalidInput("attachments")
    return [_one(item, part) for item, part in zip(given, form.attachments, strict=True)]


def _one(given: ObjectIn | InvalidInput, part: BodyPart) -> Given:
    """An invalid attachment fails only its own item."""
    try:
        return given, _limited(_attachments(part))
    except InvalidInput as error:
        return error, []


def content(given: list[Given]) -> list[Any]:
    """What a form asks for, whatever its boundary. It tells a repeat from a different request."""
    return [
        [
            str(one) if isinstance(one, NMSError) else one.model_dump(mode="json"),
            [[*astuple(attachment.part)] for attachment in attachments],
        ]
        for one, attachments in given
    ]


def bodies(given: Given) -> list[bytes]:
    return [attachment.body for attachment in given[1]]


def _limited(attachments: list[Attachment]) -> list[Attachment]:
    if len(attachments) > MOST_PARTS:
        raise InvalidInput("attachments")
    return attachments


def _attachments(part: BodyPart) -> list[Attachment]:
    """A multipart's first-level parts, or the part itself; none if it is empty."""
    if part.is_multipart:
        inner = multipart.parse(part.body, part.content_type or "", "attachments")
        return [_attachment(p, p.headers.get("content-disposition")) for p in inner]
    if not part.body:
        return []
    name = part.file_name
    disposition = f"attachment; filename*=UTF-8''{multipart.quoted(name)}" if name else None
    return [_attachment(part, disposition)]


def _attachment(part: BodyPart, disposition: str | None) -> Attachment:
    content_type = part.content_type or "text/plain"
    content_id = part.headers.get("content-id")
    return Attachment(
        Part(content_type, len(part.body), checksum(part.body), content_id, disposition), part.body
    )
