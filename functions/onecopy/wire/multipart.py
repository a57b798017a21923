"""Form-data and multipart bodies, byte for byte. A library parses them; this module adds the strictness.

Tolerated, since clients write it: `multipart/form-data; name=…` as a part's disposition, typographic quotes
around names, and headers folded onto several lines, as mail libraries fold them. Refused: a body that ends
before its closing boundary.
"""

import base64
import binascii
import quopri
import re
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import quote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from onecopy.domain.content import file_name
from onecopy.domain.errors import InvalidInput

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_PARTS = 3000
_MOST_HEADERS = 20
_QUOTES = "\"'“”„"
_FOLD = re.compile(rb"\r\n[ \t]+")


@dataclass
class BodyPart:
    """Header names are in lower case; `body` is decoded from its transfer encoding."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def content_type(self) -> str | None:
        return self.headers.get("content-type")

    @property
    def name(self) -> str:
        """The name of a form-data part; empty if it has none."""
        header = Message()
        header["content-disposition"] = self.headers.get("content-disposition", "")
        name = header.get_param("name", header="content-disposition")
        return name.strip(_QUOTES) if isinstance(name, str) else ""

    @property
    def file_name(self) -> str | None:
        return file_name(self.headers.get("content-disposition"))

    @property
    def is_multipart(self) -> bool:
        return (self.content_type or "").lower().startswith("multipart/")


def parse(body: bytes, content_type: str, what: str) -> list[BodyPart]:
    """The first-level parts. Raises InvalidInput, which names `what` was being read."""
    boundary = _boundary(content_type)
    if not boundary:
        raise InvalidInput(what)
    start = body.find(b"--" + boundary)
    collector = _Collector(what)
    parser = MultipartParser(boundary, collector.callbacks, max_header_count=_MOST_HEADERS)
    try:
        parser.write(_unfolded(body[max(start, 0) :], boundary))
        parser.finalize()
    except FormParserError as error:
        raise InvalidInput(what) from error
    if not collector.ended:
        raise InvalidInput(what)
    return [_decoded(part, what) for part in collector.parts]


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    return boundary.encode("latin-1", "ignore") if isinstance(boundary, str) and len(boundary) <= 200 else b""


def _unfolded(body: bytes, boundary: bytes) -> bytes:
    """The body with each part's folded headers on one line (RFC 5322); the parts' content stays as it is."""
    head = rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"[ \t]*\r\n[^\r\n]+(?:\r\n[^\r\n]+)*"
    return re.sub(head, lambda found: _FOLD.sub(b" ", found[0]), body)


class _Collector:
    """Gathers the parser's callbacks into parts."""

    def __init__(self, what: str) -> None:
        self.parts: list[BodyPart] = []
        self.ended = False
        self._what = what
        self._name = b""
        self._value = b""
        self._chunks: list[bytes] = []
        self.callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, start, end: self._chunks.append(data[start:end]),
            "on_part_end": self._end_part,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == MOST_PARTS:
            raise InvalidInput(self._what)
        self.parts.append(BodyPart())
        self._chunks = []

    def _end_part(self) -> None:
        self.parts[-1].body = b"".join(self._chunks)

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        headers = self.parts[-1].headers
        headers[self._name.decode("latin-1").lower()] = self._value.decode("utf-8", "replace").strip()
        self._name = self._value = b""

    def _end(self) -> None:
        self.ended = True


def _decoded(part: BodyPart, what: str) -> BodyPart:
    encoding = part.headers.get("content-transfer-encoding", "binary").lower()
    if encoding == "base64":
        try:
            part.body = base64.b64decode(re.sub(rb"\s", b"", part.body), validate=True)
        except binascii.Error as error:
            raise InvalidInput(what) from error
    elif encoding == "quoted-printable":
        part.body = quopri.decodestring(part.body)
    elif encoding not in ("binary", "7bit", "8bit"):
        raise InvalidInput(what)
    return part


def quoted(name: str) -> str:
    """A file name as RFC 8187 writes it in a header."""
    return quote(name, safe="")
