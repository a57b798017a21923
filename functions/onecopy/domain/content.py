"""Content: the immutable bytes of a message, one or more parts, stored once."""

import base64
import hashlib
import unicodedata
from dataclasses import dataclass
from email.message import Message
from typing import NewType
from urllib.parse import quote

from onecopy.domain.ids import ContentId

MOST_PARTS = 100
"""Parts of one content."""

_LONGEST_NAME = 255

_TURNS = frozenset(map(chr, (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""The characters with Unicode's property Bidi_Control."""

ContentKey = NewType("ContentKey", str)
"""Where content lies in the bucket. It is random and says nothing about the box.

For content that a delivery has put into several boxes, each box has a key of its own: a share. All shares
lead to the same bytes, and no share leads to another.
"""

_SHARE = "~"


def share(content_key: ContentKey, number: int) -> ContentKey:
    """The key under which the `number`-th box of a delivery holds the content."""
    return ContentKey(f"{content_key}{_SHARE}{number}")


def split_share(content_key: ContentKey) -> tuple[ContentKey, str]:
    """Where the bytes lie, and the number of the share; empty for content that belongs to one box alone."""
    stored, _, number = content_key.partition(_SHARE)
    return ContentKey(stored), number


def bucket_keys(content_key: ContentKey, parts: int) -> list[str]:
    """The S3 keys of all parts."""
    stored, _ = split_share(content_key)
    return [f"{stored}/{number}" for number in range(1, parts + 1)]


@dataclass(frozen=True)
class Part:
    """One payload part. `size` is in bytes, `checksum` is `sha256:<base64>`; the rest are MIME's headers."""

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
        return f"{split_share(self.content_key)[0]}/{part}"


def file_name(disposition: str | None) -> str | None:
    """The file name in a Content-Disposition, without folders and control characters; None if none is left.

    It also loses the characters that reverse the order of letters, which make `gnp.exe` look like `exe.png`.

    A name has to fit into a URL. Of an overlong one the end is kept, which tells what the file is.
    """
    last = _unquoted(disposition or "").replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in _in_order(last) if unicodedata.category(c) not in ("Cc", "Cs"))
    name = name[-_LONGEST_NAME:].strip()
    return name if name not in ("", ".", "..") else None


def disposition_in_order(disposition: str) -> str:
    """The header without characters that reverse the order of letters, whether plain or encoded."""
    plain = _in_order(disposition)
    if "%" not in plain or _TURNS.isdisjoint(_unquoted(plain)):
        return plain
    kind, name = plain.split(";")[0].strip(), file_name(plain)
    return f"{kind}; filename*=UTF-8''{quote(name, safe='')}" if name else kind


def _in_order(text: str) -> str:
    return "".join(c for c in text if c not in _TURNS)


def _unquoted(disposition: str) -> str:
    """The file name as the header holds it; empty if it has none that can be read."""
    header = Message()
    header["content-disposition"] = disposition
    try:
        return header.get_filename() or ""
    except ValueError:  # the charset is unknown, or cannot decode the name
        return ""


def checksum(data: bytes) -> str:
    """The checksum that payload parts show and S3 checks: `sha256:<base64>`."""
    return "sha256:" + base64.b64encode(hashlib.sha256(data).digest()).decode()
