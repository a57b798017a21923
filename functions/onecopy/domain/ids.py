"""Ids and modification numbers: small types, so a bare string or int cannot stand in for one.

Ids count up within a box. They are short, because every device pays for every byte of metadata: a letter
gives the length, and the number follows in base 36. So ids sort as text in the order in which they were
given out. `operations` can never be an id: one of that length begins with `i`.
"""

import re
from typing import NewType, Self

ObjectId = NewType("ObjectId", str)
FolderId = NewType("FolderId", str)
ContentId = NewType("ContentId", str)
"""The id of content within its box: the objectId of its first link."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID = re.compile(r"[a-l][1-9a-z][0-9a-z]{0,11}")


def compact(number: int) -> str:
    """The id of the `number`-th thing in a box, counted from 1."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return chr(ord("a") + len(digits) - 1) + digits


def is_id(text: str) -> bool:
    """Whether `compact` could have written it. Any other text is not worth a look-up."""
    return bool(_ID.fullmatch(text)) and len(text) == ord(text[0]) - ord("a") + 2


def split_ids(text: str) -> tuple[str, str]:
    """Two ids written one after the other; each tells its length. The second, or both, may be missing."""
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
"""The names of the folders that every box begins with (NMS), by their fixed ids."""
