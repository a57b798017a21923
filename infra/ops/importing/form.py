"""Turns messages into bodies of requests: NMS's form-data, and the list of parts of a direct upload."""

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from infra.ops.phone.message import Message, Part

_PLAIN_NAME = frozenset(map(chr, range(32, 127))) - {'"', "\\", "%"}


@dataclass(frozen=True)
class Item:
    """A message to store: the NMS object made of it, and the message itself for its content."""

    message: Message
    tag: str
    nms_object: dict[str, Any]

    @property
    def size(self) -> int:
        return self.message.size + 1000 * (1 + len(self.message.parts))


def bulk_creation(items: Sequence[Item]) -> tuple[str, bytes]:
    """Content-Type and body: the list of objects, then one `attachments` part for each, in order."""
    boundary = uuid.uuid4().hex
    objects = {"objectList": {"object": [item.nms_object for item in items]}}
    named = b'Content-Disposition: form-data; name="%s"\r\n'
    root = json.dumps(objects, ensure_ascii=False, separators=(",", ":")).encode()
    parts = [(named % b"root-fields" + b"Content-Type: application/json\r\n", root)]
    for item in items:
        content_type, content = _content(item.message)
        kind = f"Content-Type: {content_type}\r\n".encode() if content_type else b""
        parts.append((named % b"attachments" + kind, content))
    return f"multipart/form-data; boundary={boundary}", _multipart(boundary, parts)


def upload_parts(message: Message) -> list[dict[str, Any]]:
    """The payloadPart list, which announces content without containing it."""
    return [{name: value for name, value in _announced(part) if value} for part in message.parts]


def _announced(part: Part) -> Iterator[tuple[str, Any]]:
    yield "contentType", part.content_type
    yield "size", len(part.data)
    yield "checksum", "sha256:" + base64.b64encode(hashlib.sha256(part.data).digest()).decode()
    yield "contentDisposition", _disposition(part)
    yield "contentId", part.content_id


def _content(message: Message) -> tuple[str, bytes]:
    """A single text is sent as it is, everything else as multipart/mixed, where parts may have names."""
    if not message.parts:
        return "", b""
    if message.is_single_text:
        return "text/plain", message.parts[0].data
    boundary = uuid.uuid4().hex
    body = _multipart(boundary, [(_headers(part), part.data) for part in message.parts])
    return f"multipart/mixed; boundary={boundary}", body


def _headers(part: Part) -> bytes:
    headers = [("Content-Type", part.content_type)]
    if disposition := _disposition(part):
        headers.append(("Content-Disposition", disposition))
    if part.content_id:
        headers.append(("Content-ID", part.content_id))
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode()


def _disposition(part: Part) -> str | None:
    if part.file_name is None:
        return None
    if _PLAIN_NAME.issuperset(part.file_name):
        return f'attachment; filename="{part.file_name}"'
    return "attachment; filename*=UTF-8''" + quote(part.file_name, safe="")


def _multipart(boundary: str, parts: Sequence[tuple[bytes, bytes]]) -> bytes:
    line = b"--%s\r\n" % boundary.encode()
    pieces = [piece for headers, body in parts for piece in (line, headers, b"\r\n", body, b"\r\n")]
    return b"".join((*pieces, line[:-2], b"--\r\n"))
