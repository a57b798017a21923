"""Reads NMS's selectionCriteria and searchCriteria into the domain, and writes the cursors of searches.

Whatever asks for a selection reads it here: searches, bulk requests, filters. What contradicts itself, what
no object or folder can meet by its kind, and a cursor of anything else are InvalidInput.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote

from onecopy.domain.box import BoxKey
from onecopy.domain.criteria import (
    Criteria,
    Criterion,
    DateRange,
    HasAttribute,
    HasFlag,
    HasText,
    HasWord,
    Operator,
)
from onecopy.domain.errors import InvalidInput
from onecopy.domain.link import parse_date
from onecopy.domain.selection import (
    BY_DATE,
    CREATIONS,
    CreatedObjects,
    Order,
    Position,
    Search,
    Selection,
    Sort,
    VanishedObjects,
    parse,
)
from onecopy.domain.token import BadToken
from onecopy.wire import inward, structures
from onecopy.wire.urls import Urls

Json = dict[str, Any]

LONGEST_TEXT = 1000
"""Characters of a criterion's value. A longer one would make each comparison slow."""

_LONGEST_NAME = 255
_OPERATORS: Mapping[str, Operator] = {"and": "And", "or": "Or", "not": "Not"}
_ORDERS = {"ascending": True, "descending": False}


@dataclass(frozen=True)
class Cursors:
    """Reads and writes the cursors of one box."""

    urls: Urls
    keys: Sequence[bytes]

    @property
    def _box(self) -> BoxKey:
        return BoxKey(self.urls.store, self.urls.box_id)

    def write(self, position: Position, purpose: str) -> str:
        return position.sign(purpose, self._box, self.keys)

    def read(self, text: str, purpose: str, part: str) -> Position:
        """Raises InvalidInput."""
        try:
            return parse(text, purpose, self._box, self.keys)
        except BadToken:
            raise InvalidInput(part) from None


def objects(raw: Any, cursors: Cursors) -> Search:
    """A search for objects, which may be for created or vanished ones. Raises InvalidInput."""
    given = inward.selection_criteria(raw)
    criteria = given.search_criteria
    kinds = [one.type.casefold() for one in criteria.criterion] if criteria else []
    if "vanishedobjects" in kinds:
        return _vanished(given, cursors)
    if "createdobjects" in kinds:
        return _created(given, kinds.index("createdobjects"), cursors)
    return _matching(given, "objects", cursors)


def matching(raw: Any, kind: Literal["objects", "folders"], cursors: Cursors) -> Selection:
    """A selection of what is there and meets the criteria. Raises InvalidInput."""
    return _matching(inward.selection_criteria(raw), kind, cursors)


def filter_of(raw: Json) -> Criteria:
    """A subscription's filter, as `filter_json` wrote it."""
    return criteria(structures.SearchCriteria.model_validate(raw), "objects")


def filter_json(given: structures.SearchCriteria | None) -> Json | None:
    """A filter as it is kept and shown. Raises InvalidInput."""
    if given is None:
        return None
    criteria(given, "objects")
    return given.model_dump(by_alias=True, exclude_unset=True)


def criteria(given: structures.SearchCriteria | None, kind: Literal["objects", "folders"]) -> Criteria:
    """What has to be met. Raises InvalidInput."""
    if given is None:
        return Criteria()
    found = tuple(_criterion(one) for one in given.criterion)
    if kind == "folders" and any(isinstance(one, HasFlag) for one in found):
        raise InvalidInput("criterion")
    return Criteria(found, _operator(given))


def _operator(given: structures.SearchCriteria) -> Operator:
    operator = _OPERATORS.get(given.operator.casefold())
    if operator is None:
        raise InvalidInput("operator")
    return operator


def _matching(
    given: structures.SelectionCriteria, kind: Literal["objects", "folders"], cursors: Cursors
) -> Selection:
    if given.search_scope is None and given.non_recursive_scope:
        raise InvalidInput("nonRecursiveScope")
    scope = given.search_scope
    found = Selection(
        limit=_limit(given),
        criteria=criteria(given.search_criteria, kind),
        order=_order(given.order_given),
        scope=cursors.urls.folder_id(scope.resource_url, "searchScope") if scope else None,
        recursive=not given.non_recursive_scope,
        kind=kind,
    )
    return replace(found, after=_after(given, found.purpose, cursors))


def _limit(given: structures.SelectionCriteria) -> int:
    return min(given.max_entries, inward.MOST_PER_PAGE)


def _after(given: structures.SelectionCriteria, purpose: str, cursors: Cursors) -> Position | None:
    if given.from_cursor is None:
        return None
    return cursors.read(given.from_cursor, purpose, "fromCursor")


def _vanished(given: structures.SelectionCriteria, cursors: Cursors) -> VanishedObjects:
    """Nothing is known of what vanished but its id, so nothing else can be asked of it."""
    asked = given.search_criteria
    if asked is None or len(asked.criterion) > 1 or _operator(asked) == "Not":
        raise InvalidInput("searchCriteria")
    if given.search_scope is not None or given.non_recursive_scope:
        raise InvalidInput("searchScope")
    if given.order_given is not None:
        raise InvalidInput("sortCriteria")
    return VanishedObjects(_limit(given), _after(given, VanishedObjects.purpose, cursors))


def _created(given: structures.SelectionCriteria, place: int, cursors: Cursors) -> CreatedObjects:
    """Created objects come in the order of their creation; other criteria may narrow them down."""
    asked = given.search_criteria
    if asked is None or _operator(asked) == "Not" or (_operator(asked) == "Or" and len(asked.criterion) > 1):
        raise InvalidInput("operator")
    if given.order_given is not None:
        raise InvalidInput("sortCriteria")
    value = _text(asked.criterion[place].value or "")
    others = [one for number, one in enumerate(asked.criterion) if number != place]
    left = asked.model_copy(update={"criterion": others}) if others else None
    narrowed = given.model_copy(update={"search_criteria": left, "from_cursor": None})
    since = cursors.read(value, CREATIONS, "criterion") if value else None
    found = CreatedObjects(_matching(narrowed, "objects", cursors), since, value)
    after = _after(given, found.purpose, cursors)
    return replace(found, selection=replace(found.selection, after=after))


def _criterion(given: structures.Criterion) -> Criterion:
    read = _KINDS.get(given.type.casefold())
    if read is None or given.value is None:
        raise InvalidInput("criterion")
    return read(given.name, _text(given.value))


def _text(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()


def _attribute(name: str, value: str) -> HasAttribute:
    return HasAttribute(_named(name), _short(value))


def _flag(name: str, value: str) -> HasFlag:
    is_set = {"true": True, "false": False}.get(value.casefold())
    if is_set is None:
        raise InvalidInput("criterion")
    return HasFlag(_named(name), is_set)


def _words(kind: Callable[[str, str], Criterion]) -> Callable[[str, str], Criterion]:
    """Reads a criterion that looks for text, in one attribute or in all."""

    def read(name: str, value: str) -> Criterion:
        if not value or len(name) > _LONGEST_NAME:
            raise InvalidInput("criterion")
        return kind(_short(value), name)

    return read


def _dates(_: str, value: str) -> DateRange:
    """`minDate=…&maxDate=…`. It is not form-encoded: a plus is a plus."""
    found: dict[str, datetime] = {}
    for one in value.split("&"):
        name, _, text = one.partition("=")
        date = parse_date(unquote(text).upper())
        if name.casefold() not in ("mindate", "maxdate") or name.casefold() in found or date is None:
            raise InvalidInput("criterion")
        found[name.casefold()] = date
    start, end = found.get("mindate"), found.get("maxdate")
    if start and end and start > end:
        raise InvalidInput("criterion")
    return DateRange(start, end)


_KINDS: Mapping[str, Callable[[str, str], Criterion]] = {
    "date": _dates,
    "attribute": _attribute,
    "alltextattributes": _words(lambda text, _: HasText(text)),
    "wholeword": _words(HasWord),
    "flag": _flag,
}
"""The types that say something of one object. PresetSearch is missing: no preset search is defined."""


def _named(name: str) -> str:
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise InvalidInput("criterion")
    return name


def _short(value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise InvalidInput("criterion")
    return value


def _order(given: structures.SortCriteria | None) -> Order:
    asked = [*given.criterion, *given.sort_criterion] if given else []
    return tuple(map(_sort, asked)) or BY_DATE


def _sort(given: structures.SortCriterion) -> Sort:
    ascending = _ORDERS.get(given.order.casefold())
    if ascending is None or given.type.casefold() not in ("date", "attribute"):
        raise InvalidInput("sortCriteria")
    if given.type.casefold() == "date" or given.name.casefold() == "date":
        return Sort(None, ascending)
    if not 1 <= len(given.name) <= _LONGEST_NAME:
        raise InvalidInput("sortCriteria")
    return Sort(given.name, ascending)
