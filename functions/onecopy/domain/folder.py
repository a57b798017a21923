"""Folders and their names."""

import unicodedata
from dataclasses import dataclass

from onecopy.domain.box import Chain
from onecopy.domain.errors import InvalidInput
from onecopy.domain.ids import SYSTEM_FOLDERS, FolderId, ModSeq

Attributes = tuple[tuple[str, tuple[str, ...]], ...]
"""NMS attributes: a name and its values, in the order given; names compare without case."""

MAX_NAME = 255


@dataclass(frozen=True)
class Folder:
    """`ancestors` as written with the folder; `Box.chain` tells what they are now.

    `inner`: a folder was made or moved below it at some time; one that is not has none. `as_of`: of what a
    copy in the background made, the box's number when that copy was granted.
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
    """A name may be a folder's: 1 to 255 characters, no slash, no control character, not a dot path."""
    controls = any(unicodedata.category(character) == "Cc" for character in name)
    if not 1 <= len(name) <= MAX_NAME or "/" in name or controls or name in (".", ".."):
        raise InvalidInput(part)
    return name


def split_path(path: str, part: str) -> tuple[str, ...]:
    """The names along a folder's path, from below the root; the root itself is `/` or nothing."""
    if path in ("", "/"):
        return ()
    if not path.startswith("/"):
        raise InvalidInput(part)
    return tuple(check_name(name, part) for name in path[1:].split("/"))
