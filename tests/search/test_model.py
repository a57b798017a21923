"""Whatever is in a box and whatever is asked: all pages together are what a plain model of search finds.

The model knows nothing of indexes, cursors or folding: it looks at every object of a small box.
"""

import itertools
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onecopy.domain.box import BoxKey
from onecopy.domain.ids import RCS_MESSAGE_STORE, FolderId, ObjectId
from onecopy.domain.link import Link, NewObject
from onecopy.store.box import folders, objects
from onecopy.store.box.objects import Item
from onecopy.store.commit.transact import Store
from onecopy.store.search import objects as search
from onecopy.wire import selection
from onecopy.wire.selection import Cursors
from onecopy.wire.urls import Urls
from tests.clients.box_client import Json, new_box

NAMES = ("Subject", "subject", "From")
VALUES = ("cat", "Cat", "a cat", "cats", "", "b")
FLAGS = ("\\Seen", "\\seen", "x")
DATES = tuple(f"2026-03-01T12:00:0{second}Z" for second in range(4))
PLACES = ("store", "top", "below", "beside")
"""`below` is in `top`, the others are in the store."""


class Thing(NamedTuple):
    place: str
    date: str
    attributes: tuple[tuple[str, str], ...]
    flags: tuple[str, ...]


THINGS = st.builds(
    Thing,
    st.sampled_from(PLACES),
    st.sampled_from(DATES),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=2).map(tuple),
    st.lists(st.sampled_from(FLAGS), max_size=2, unique_by=str.lower).map(tuple),
)
CRITERIA = st.one_of(
    st.builds(
        lambda start, end: {"type": "Date", "value": f"minDate={min(start, end)}&maxDate={max(start, end)}"},
        st.sampled_from(DATES),
        st.sampled_from(DATES),
    ),
    st.builds(lambda date: {"type": "Date", "value": f"minDate={date}"}, st.sampled_from(DATES)),
    st.builds(
        lambda kind, name, value: {"type": kind, "name": name, "value": value},
        st.sampled_from(["Attribute", "WholeWord"]),
        st.sampled_from(NAMES),
        st.sampled_from([value for value in VALUES if value]),
    ),
    st.builds(
        lambda value: {"type": "AllTextAttributes", "value": value}, st.sampled_from(["a", "CAT", "s"])
    ),
    st.builds(
        lambda name, value: {"type": "Flag", "name": name, "value": value},
        st.sampled_from(FLAGS),
        st.sampled_from(["true", "false"]),
    ),
)
ORDERS = st.lists(
    st.builds(
        lambda kind, name, order: {"type": kind, "name": name, "order": order},
        st.sampled_from(["Date", "Attribute"]),
        st.sampled_from(NAMES),
        st.sampled_from(["Ascending", "Descending"]),
    ),
    max_size=2,
)


def meets(thing: Thing, one: Json) -> bool:
    kind, name, value = one["type"], one.get("name", "").lower(), one["value"].lower()
    values = [text.lower() for own, text in thing.attributes if name in ("", own.lower())]
    match kind:
        case "Date":
            asked = dict(side.split("=") for side in one["value"].split("&"))
            return asked["minDate"] <= thing.date and thing.date < asked.get("maxDate", "9")
        case "Attribute":
            return value in values
        case "AllTextAttributes":
            return any(value in text for text in (*values, thing.date.lower()))
        case "WholeWord":
            return any(value == part for text in values for part in (text, *text.split()))
        case _:
            return (name in [flag.lower() for flag in thing.flags]) == (value == "true")


def is_found(thing: Thing, criteria: list[Json], operator: str) -> bool:
    met = [meets(thing, one) for one in criteria]
    return not met or {"And": all(met), "Or": any(met), "Not": not all(met)}[operator]


def in_order(found: list[tuple[str, Thing]], order: list[Json]) -> list[str]:
    """Sorted by the last criterion first: a stable sort keeps it where those before it are equal."""
    order = order or [{"type": "Date", "order": "Descending"}]
    found = sorted(found, reverse=order[-1]["order"] == "Descending")
    for one in reversed(order):

        def value(known: tuple[str, Thing], one: Json = one) -> str:
            if one["type"] == "Date":
                return known[1].date
            name = one["name"].lower()
            return next((text.lower() for own, text in known[1].attributes if own.lower() == name), "")

        found = sorted(found, key=value, reverse=one["order"] == "Descending")
    return [object_id for object_id, _ in found]


class Filled:
    """A box with these things in it."""

    def __init__(self, store: Store, things: list[Thing]) -> None:
        self.store, self.key = store, BoxKey("main", new_box())
        top, beside = (self._folder(RCS_MESSAGE_STORE, name) for name in ("top", "beside"))
        self.places = {"store": RCS_MESSAGE_STORE, "top": top, "below": self._folder(top, "below")}
        self.places["beside"] = beside
        made = objects.create(store, self.key, list(map(self._item, things)), False, None)
        self.things = {ObjectId(one.thing_id): thing for one, thing in zip(made, things, strict=True)}  # type: ignore[union-attr]

    def _folder(self, parent: FolderId, name: str) -> FolderId:
        return folders.create(self.store, self.key, parent, name, (), False).folder_id

    def _item(self, thing: Thing) -> Item:
        attributes = (("Date", (thing.date,)), *((name, (value,)) for name, value in thing.attributes))
        return Item(self.places[thing.place], NewObject(attributes, thing.flags))

    def expected(self, criteria: list[Json], operator: str, order: list[Json], within: set[str]) -> list[str]:
        there = [(str(object_id), thing) for object_id, thing in self.things.items() if thing.place in within]
        return in_order([one for one in there if is_found(one[1], criteria, operator)], order)

    def found(self, asked: Json) -> list[str]:
        """What all pages hold, one after the other."""
        cursors = Cursors(Urls("http://x", "main", self.key.box_id, None), [b"secret"])
        ids: list[str] = []
        for _ in itertools.repeat(None, 2 + len(self.things)):
            read = selection.matching({"selectionCriteria": asked}, "objects", cursors)
            page: list[Link] = []
            position = search.objects(
                self.store, self.key, read, lambda link, page=page: not page.append(link)
            )  # type: ignore[misc]
            assert len(page) <= read.limit
            ids += [link.object_id for link in page]
            if not position:
                return ids
            asked = {**asked, "fromCursor": cursors.write(position, read.purpose)}
        raise AssertionError("the pages do not end")


WITHIN = {"store": set(PLACES), "top": {"top", "below"}, "below": {"below"}, "beside": {"beside"}}


@pytest.mark.nms(
    "POST /objects/operations/search", "Whatever is asked, all pages together are what the criteria select"
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(THINGS, max_size=25),
    st.lists(
        st.tuples(
            st.lists(CRITERIA, max_size=3),
            st.sampled_from(["And", "Or", "Not"]),
            ORDERS,
            st.sampled_from([None, *PLACES]),
            st.booleans(),
            st.integers(1, 9),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_all_pages_together_are_what_is_there(store: Store, things: list[Thing], searches: list[Any]) -> None:
    box = Filled(store, things)
    for criteria, operator, order, scope, recursive, most in searches:
        asked: Json = {"maxEntries": most, "sortCriteria": {"criterion": order}}
        if criteria:
            asked["searchCriteria"] = {"criterion": criteria, "operator": operator}
        within = set(PLACES)
        if scope:
            url = f"http://x/nms/v1/main/{box.key.box_id}/folders/{box.places[scope]}"
            asked |= {"searchScope": {"resourceURL": url}, "nonRecursiveScope": not recursive}
            within = WITHIN[scope] if recursive else {scope}
        assert box.found(asked) == box.expected(criteria, operator, order, within)
