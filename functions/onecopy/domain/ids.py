"""Ids and modification numbers: small types, so that a bare string or int cannot stand in for one.

Ids count up within a box and are written compactly, because every byte of metadata is paid for on
every device: base 36 behind a letter that tells the length, so that ids sort as text in the order
in which they were given out. `operations` would need the letter `i` in front, and can never be one.
"""

import re
from typing import NewType, Self

ObjectId = NewType("ObjectId", str)
FolderId = NewType("FolderId", str)
ContentId = NewType("ContentId", str)
"""The id under which content first came into its box: the objectId of its first link."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID = re.compile(r"[a-l][1-9a-z][0-9a-z]{0,11}")


def compact(number: int) -> str:
    """The id of the `number`-th thing of a box, counted from 1."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return chr(ord("a") + len(digits) - 1) + digits


def is_id(text: str) -> bool:
    """Whether `compact` could have written it; nothing else is worth a look-up."""
    return bool(_ID.fullmatch(text)) and len(text) == ord(text[0]) - ord("a") + 2


def split_ids(text: str) -> tuple[str, str]:
    """Two ids written one behind the other; each says its own length. Either may be missing."""
    first = ord(text[0]) - ord("a") + 2 if text else 0
    return text[:first], text[first:]


class ModSeq(int):
    """A modification number of a box (NMS lastModSeq): 0 before the first change, then 1, 2, 3, …"""

    def __new__(cls, value: int = 0) -> Self:
        if value < 0:
            raise ValueError("a modification number is never negative")
        return super().__new__(cls, value)

    def next(self) -> "ModSeq":
        return ModSeq(self + 1)


ROOT = FolderId(compact(1))
DEFAULT = FolderId(compact(2))
RCS_MESSAGE_STORE = FolderId(compact(3))
SYSTEM_FOLDERS = {ROOT: "", DEFAULT: "Default", RCS_MESSAGE_STORE: "RCSMessageStore"}
"""The folders that every box begins with (NMS), by the ids they always have."""
