"""Links: what NMS calls objects. Here each is an entry in a folder that points to shared content."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from onecopy.domain.content import Content
from onecopy.domain.errors import InvalidInput
from onecopy.domain.folder import Attributes
from onecopy.domain.ids import FolderId, ModSeq, ObjectId

Flags = tuple[str, ...]
"""A set that ignores case and order (NMS): kept sorted, each flag as it was first spelled."""

MOST_FLAGS = 100

_DATE_TIME_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def flag_set(flags: Iterable[str]) -> Flags:
    seen: dict[str, str] = {}
    for flag in flags:
        seen.setdefault(flag.casefold(), flag)
    return tuple(seen[key] for key in sorted(seen))


def has_flag(flags: Flags, name: str) -> bool:
    return name.casefold() in {flag.casefold() for flag in flags}


def with_flags(flags: Flags, added: Iterable[str]) -> Flags:
    """The flags and those added. Raises InvalidInput if an object may not have so many."""
    after = flag_set((*flags, *added))
    if len(after) > MOST_FLAGS:
        raise InvalidInput("flags")
    return after


def without_flags(flags: Flags, removed: Iterable[str]) -> Flags:
    names = {name.casefold() for name in removed}
    return tuple(flag for flag in flags if flag.casefold() not in names)


def parse_date(text: str) -> datetime | None:
    """An xsd:dateTimeStamp in UTC, or None if it is not one."""
    if not _DATE_TIME_STAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def date_of(attributes: Attributes, otherwise: datetime) -> datetime:
    """The date for search, sorting and folder order: a valid Date attribute, or else `otherwise`."""
    return given_date(attributes) or otherwise


def given_date(attributes: Attributes) -> datetime | None:
    """The valid Date attribute, if there is one."""
    for name, values in attributes:
        if name.casefold() == "date" and values and (date := parse_date(values[0])):
            return date
    return None


@dataclass(frozen=True)
class Link:
    """`as_of`: for a link made by a background copy, the box's `seq` when that copy was granted.

    `created`: the number of the change that created it.
    `stored`: when it was stored, known only if that matters to when it expires.
    """

    object_id: ObjectId
    parent: FolderId
    date: datetime
    flags: Flags
    attributes: Attributes
    content: Content | None
    correlation_id: str | None
    correlation_tag: str | None
    last_mod_seq: ModSeq
    as_of: int | None = None
    created: int = 0
    stored: datetime | None = None


@dataclass(frozen=True)
class NewObject:
    """What a client supplies for an object; the store adds the rest."""

    attributes: Attributes = ()
    flags: Flags = ()
    correlation_id: str | None = None
    correlation_tag: str | None = None
