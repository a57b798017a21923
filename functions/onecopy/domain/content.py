"""Content: the immutable bytes of a message, one or more parts, stored once."""

import base64
import hashlib
import unicodedata
from dataclasses import dataclass
from email.message import Message
from typing import NewType

from onecopy.domain.ids import ContentId

MOST_PARTS = 100
"""Of one content."""

_LONGEST_NAME = 255

ContentKey = NewType("ContentKey", str)
"""Where content lies in the bucket: random, never shown, says nothing about the box."""


@dataclass(frozen=True)
class Part:
    """One payload part. `size` in bytes, `checksum` as `sha256:<base64>`; the rest are MIME's own headers."""

    content_type: str
    size: int
    checksum: str
    content_id: str | None = None
    content_disposition: str | None = None


@dataclass(frozen=True)
class Content:
    content_key: ContentKey
    content_id: ContentId
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    def bucket_key(self, part: int) -> str:
        """The S3 key of the `part`-th part, counted from 1."""
        return f"{self.content_key}/{part}"


def file_name(disposition: str | None) -> str | None:
    """The name in a Content-Disposition, if there is a good one: without folders and control characters.

    Of an overlong one the end, where it tells what the file is: a name has to fit into a URL.
    """
    header = Message()
    header["content-disposition"] = disposition or ""
    try:
        given = header.get_filename() or ""
    except ValueError:  # a charset that is none, or cannot read it
        return None
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in last if unicodedata.category(c) not in ("Cc", "Cs"))
    name = name[-_LONGEST_NAME:].strip()
    return name if name not in ("", ".", "..") else None


def checksum(data: bytes) -> str:
    """As NMS's payload parts show it here and S3 checks it: `sha256:<base64>`."""
    return "sha256:" + base64.b64encode(hashlib.sha256(data).digest()).decode()
