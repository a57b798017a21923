"""Folders and their names."""

import unicodedata
from dataclasses import dataclass

from onecopy.domain.box import Chain
from onecopy.domain.errors import InvalidInput
from onecopy.domain.ids import SYSTEM_FOLDERS, FolderId, ModSeq

Attributes = tuple[tuple[str, tuple[str, ...]], ...]
"""NMS attributes: names with their values, in the order given. Names compare without case."""

MAX_NAME = 255

COUNTED = ("MsgCount", "UnreadMsgCount", "Size")
"""Attributes counted on request, for a folder alone or, with `Subtree` before them, for all below it."""

READ_ONLY = frozenset(
    name.casefold() for name in ("Root", "Name", *COUNTED, *(f"Subtree{one}" for one in COUNTED))
)
"""A folder's attributes (NMS) that no client gives it, in lower case."""


@dataclass(frozen=True)
class Folder:
    """`ancestors` is the chain stored with the folder; `Box.chain` gives the current one.

    `inner`: a folder was once made in it or moved into it; one that is not `inner` has no subfolders.
    `as_of`: for a folder made by a background copy, the box's `seq` when that copy was granted.
    """

    folder_id: FolderId
    parent: FolderId | None
    name: str
    ancestors: Chain
    last_mod_seq: ModSeq
    attributes: Attributes = ()
    inner: bool = False
    as_of: int | None = None

    @property
    def is_system(self) -> bool:
        return self.folder_id in SYSTEM_FOLDERS


def check_name(name: str, part: str = "name") -> str:
    """The name, if a folder may have it. Raises InvalidInput.

    A folder's name has 1 to 255 characters, no slash and no control character, and is not `.` or `..`.
    """
    controls = any(unicodedata.category(character) == "Cc" for character in name)
    if not 1 <= len(name) <= MAX_NAME or "/" in name or controls or name in (".", ".."):
        raise InvalidInput(part)
    return name


def split_path(path: str, part: str) -> tuple[str, ...]:
    """The names in a folder's path, from below the root; the root is `/` or empty. Raises InvalidInput."""
    if path in ("", "/"):
        return ()
    if not path.startswith("/"):
        raise InvalidInput(part)
    return tuple(check_name(name, part) for name in path[1:].split("/"))
