"""A selection (NMS selectionCriteria): what to find, where, in which order, how many, and from where on.

A cursor is a place in that order, signed. It leads on in one box, of one validity, for one search; only the
number of entries may differ from page to page. An object that is there from the first page to the last comes
in exactly one page, because its place in an order never changes: attributes and dates are as they were made.
Flags and folders change, so an object may begin or cease to be found while a client reads on.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Literal

from onecopy.domain.box import BoxKey
from onecopy.domain.criteria import Criteria, Subject, folded
from onecopy.domain.ids import FolderId
from onecopy.domain.token import BadToken, signature

COMPARED = 100
"""Characters of an attribute that count for the order. A cursor holds them."""

_MOST_CURSOR = 50_000


@dataclass(frozen=True)
class Sort:
    """By an attribute's first value, as it is compared; by date without one. What lacks it has empty text."""

    attribute: str | None = None
    ascending: bool = False

    def value(self, subject: Subject) -> str:
        if self.attribute is None:
            date = subject.date
            return date.astimezone(UTC).isoformat(timespec="microseconds") if date else ""
        return next(subject.values(folded(self.attribute)), "")[:COMPARED]


Rank = tuple[str, ...]
"""Where something stands in an order: its value for each Sort, and its id last."""

Order = tuple[Sort, ...]
BY_DATE: Order = (Sort(),)
EVERYTHING = Criteria()


def rank(order: Order, subject: Subject, thing_id: str) -> Rank:
    return (*(sort.value(subject) for sort in order), thing_id)


def compare(order: Order, one: Rank, other: Rank) -> int:
    """Below 0 if `one` comes first. Equal values are ordered by id, in the direction of the last Sort."""
    directions = [*(sort.ascending for sort in order), order[-1].ascending]
    for first, second, ascending in zip(one, other, directions, strict=True):
        if first != second:
            return -1 if (first < second) == ascending else 1
    return 0


@dataclass(frozen=True)
class Position:
    """Where a search goes on. `ids`: the last id that the box had given out when the search began; what has a
    later one is not found. `place`: what the search needs to know of how far it came.
    """

    validity: str
    ids: int
    place: tuple[Any, ...]

    def sign(self, purpose: str, box: BoxKey, keys: Sequence[bytes]) -> str:
        raw = json.dumps([purpose, self.validity, self.ids, *self.place], separators=(",", ":"))
        text = base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")
        return f"{text}.{signature(text, box, keys[0])}"


def parse(cursor: str, purpose: str, box: BoxKey, keys: Sequence[bytes]) -> Position:
    """The position, if one of the keys has signed it for this box and purpose. Raises BadToken."""
    text, _, signed = cursor.rpartition(".")
    good = len(cursor) <= _MOST_CURSOR and cursor.isascii()
    if not good or not any(hmac.compare_digest(signed, signature(text, box, key)) for key in keys):
        raise BadToken
    own, validity, ids, *place = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if own != purpose:
        raise BadToken
    return Position(validity, ids, tuple(place))


@dataclass(frozen=True)
class Selection:
    """`limit`: how many entries at most. `scope`: only in this folder, and below it if `recursive`."""

    limit: int
    criteria: Criteria = EVERYTHING
    order: Order = BY_DATE
    scope: FolderId | None = None
    recursive: bool = True
    after: Position | None = None
    kind: Literal["objects", "folders"] = "objects"

    @property
    def purpose(self) -> str:
        """What a cursor is bound to: everything but the limit and the cursor itself."""
        return purpose(self.kind, self.criteria, self.order, self.scope, self.recursive)


def purpose(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


CREATIONS = "creations"
"""The purpose of a creationCursor: any search for created objects in its box may go on from it."""


@dataclass(frozen=True)
class CreatedObjects:
    """What was created after `since`, of what the selection asks for; its `after` goes on in that search."""

    selection: Selection
    since: Position | None
    value: str

    @property
    def purpose(self) -> str:
        return purpose("created", self.selection.purpose, self.value)


@dataclass(frozen=True)
class VanishedObjects:
    limit: int
    after: Position | None = None

    purpose = "vanished"


Search = Selection | CreatedObjects | VanishedObjects
