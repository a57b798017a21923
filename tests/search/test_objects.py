"""POST objects/operations/search: what it finds, in which order, page by page (NMS; CONTRACT, Search)."""

from collections.abc import Callable
from typing import Any

import pytest

from onecopy.domain.box import BoxKey
from onecopy.domain.ids import FolderId
from onecopy.store.box import copies, folders
from onecopy.store.commit.transact import Store
from tests.clients.box_client import STORE, BoxClient, Json, fault, id_of
from tests.clients.searching import attributes, by, criterion, found, listed, pages, search

DAYS = [f"2026-03-{day:02}T12:00:00Z" for day in range(1, 8)]
TEXT = criterion("AllTextAttributes", "hello")


def dated(box: BoxClient, parent: str = STORE, **more: str) -> list[str]:
    """An object for each of DAYS, stored in another order than that of the dates."""
    made = {
        day: box.plain_object(parent, attributes=attributes(Date=day, **more))
        for day in (*DAYS[::2], *DAYS[1::2])
    }
    return [made[day] for day in DAYS]


def named(box: BoxClient, **values: str) -> str:
    return box.plain_object(attributes=attributes(**values))


# What is found -------------------------------------------------------------------------------------------


@pytest.mark.nms("POST /objects/operations/search")
def test_without_criteria_every_object_is_found_newest_first(box: BoxClient) -> None:
    objects = dated(box)
    now = box.plain_object(box.folder("below"))
    assert found(box) == [now, *objects[::-1]]


@pytest.mark.nms("objectList", "A page has a cursor, unless it is the last")
@pytest.mark.parametrize("most", [1, 2, 3, 8, 9, 5000, "3"])
def test_each_object_comes_in_one_page(box: BoxClient, most: Any) -> None:
    objects = dated(box)
    everything = pages(box, maxEntries=most)
    assert [one["resourceURL"] for page in everything for one in page] == objects[::-1]
    assert len(everything) == -(-7 // int(most))


@pytest.mark.nms("POST /objects/operations/search", "The objectList holds whole objects")
def test_an_object_is_shown_as_in_a_listing(box: BoxClient) -> None:
    url = box.text_object(
        attributes=attributes(Subject="hi"), flags={"flag": ["\\Seen"]}, correlationId="1", correlationTag="2"
    )
    whole = box.get(url).json()["object"]
    del whole["path"], whole["payloadPart"][0]["checksum"]
    assert listed(search(box))["object"] == [whole]


@pytest.mark.nms("searchCriteria", "Date: from minDate on, before maxDate")
@pytest.mark.parametrize(
    ("value", "days"),
    [
        (f"minDate={DAYS[2]}", slice(2, 7)),
        (f"maxDate={DAYS[2]}", slice(0, 2)),
        (f"minDate={DAYS[1]}&maxDate={DAYS[4]}", slice(1, 4)),
        (f"maxDate={DAYS[4]}&minDate={DAYS[1]}", slice(1, 4)),
        ("minDate=2026-03-02T14:00:00+02:00&maxDate=2026-03-03T13:00:00.5+01:00", slice(1, 3)),
        ("minDate=2026-03-02T12:00:00.000001Z&maxDate=2026-03-03T12:00:00Z", slice(0, 0)),
        (f"minDate={DAYS[1]}&maxDate={DAYS[1]}", slice(0, 0)),
    ],
)
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_a_range_of_dates_holds_its_beginning_and_not_its_end(
    box: BoxClient, value: str, days: slice, order: str
) -> None:
    expected = dated(box)[days]
    ranges = found(box, criterion("Date", value), sortCriteria=by(order=order), maxEntries=2)
    assert ranges == (expected if order == "Ascending" else expected[::-1])


@pytest.mark.nms("attributes of objects")
def test_an_object_without_a_valid_date_has_that_of_its_creation(box: BoxClient) -> None:
    url = box.plain_object(attributes=attributes(Date="yesterday"))
    assert found(box, criterion("Date", "minDate=2026-01-01T00:00:00Z")) == [url]


@pytest.mark.nms("attributes", "Names of attributes compare without case")
@pytest.mark.nms("searchCriteria", "Attribute: the whole value, without case")
def test_an_attribute_is_found_by_its_whole_value_whatever_the_case(box: BoxClient) -> None:
    url = named(box, Message_Context="Pager-Message")
    named(box, Message_Context="pager-message 2")
    named(box, Subject="pager-message")
    assert found(box, criterion("Attribute", "pager-MESSAGE", "MESSAGE-Context")) == [url]


@pytest.mark.nms("attributes", "An attribute's value is a list")
def test_an_attribute_is_found_by_any_of_its_values(box: BoxClient) -> None:
    both = {"attribute": [{"name": "To", "value": ["tel:+1", "tel:+2"]}]}
    url = box.plain_object(attributes=both)
    assert found(box, criterion("Attribute", "tel:+2", "To")) == [url]
    assert found(box, criterion("Attribute", "tel:+1tel:+2", "To")) == []


@pytest.mark.nms("searchCriteria", "AllTextAttributes: a part of any attribute's text, without case")
@pytest.mark.parametrize("text", ["ell", "HELLO W", "Straße", "STRASSE", "cafe\u0301", "CAF\u00c9"])
def test_text_is_found_in_the_middle_of_any_attribute(box: BoxClient, text: str) -> None:
    url = named(box, Subject="Hello world", TextContent="Die STRASSE zum caf\u00e9")
    named(box, Ellen="ll")
    assert found(box, criterion("AllTextAttributes", text)) == [url]


@pytest.mark.nms("searchCriteria", "WholeWord: a word that no letter, digit or mark touches")
def test_a_whole_word_is_touched_by_no_letter_digit_or_mark(box: BoxClient) -> None:
    whole = [
        named(box, Subject=text) for text in ("the cat", "Cat!", "a (cat)", "dog,cat,cow", "cats and a cat")
    ]
    for other in ("cats", "concat", "cat9", "cat_", "ca t", "cat\u093f"):
        named(box, Subject=other)
    assert set(found(box, criterion("WholeWord", "CAT"))) == set(whole)


def test_a_whole_word_may_be_looked_for_in_one_attribute(box: BoxClient) -> None:
    named(box, Subject="cat")
    url = named(box, TextContent="a cat")
    assert found(box, criterion("WholeWord", "cat", "textcontent")) == [url]


@pytest.mark.nms("searchCriteria", 'Flag: with value "true" where it is set, with "false" where it is not')
@pytest.mark.parametrize("value", ["true", "True", True])
def test_a_flag_is_found_where_it_is_set_whatever_its_case(box: BoxClient, value: Any) -> None:
    seen, unseen = box.plain_object(flags={"flag": ["\\Seen"]}), box.plain_object()
    assert found(box, criterion("Flag", value, "\\SEEN")) == [seen]
    assert found(box, criterion("Flag", "false", "\\seen")) == [unseen]
    box.delete(f"{seen}/flags/%5CSeen")
    assert found(box, criterion("Flag", value, "\\SEEN")) == []


@pytest.mark.nms("searchCriteria", "And, Or and Not join the criteria; And is the default")
@pytest.mark.parametrize(
    ("operator", "expected"),
    [(None, "c"), ("And", "c"), ("Or", "abc"), ("Not", "abd"), ("not", "abd")],
)
def test_criteria_are_joined_by_the_operator(box: BoxClient, operator: str | None, expected: str) -> None:
    """Not: not all of them are met."""
    given = {"a": {"X": "1"}, "b": {"Y": "1"}, "c": {"X": "1", "Y": "1"}, "d": {"Z": "1"}}
    urls = {name: named(box, **values) for name, values in given.items()}
    two = [criterion("Attribute", "1", "x"), criterion("Attribute", "1", "y")]
    assert set(found(box, *two, operator=operator)) == {urls[name] for name in expected}


def test_dates_count_under_any_operator(box: BoxClient) -> None:
    objects = dated(box)
    first = criterion("Date", f"maxDate={DAYS[1]}")
    last = criterion("Date", f"minDate={DAYS[6]}")
    assert found(box, first, last) == []
    assert found(box, first, last, operator="Or") == [objects[6], objects[0]]
    assert found(box, first, operator="Not") == objects[:0:-1]


# In which order ------------------------------------------------------------------------------------------


@pytest.mark.nms("sortCriteria", "Date; the list may be called criterion or sortCriterion")
@pytest.mark.parametrize("spelling", ["criterion", "sortCriterion"])
def test_the_order_may_be_ascending_in_either_spelling(box: BoxClient, spelling: str) -> None:
    objects = dated(box)
    order = {spelling: [{"type": "Date", "order": "Ascending"}]}
    assert found(box, sortCriteria=order, maxEntries=3) == objects


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_older_spelling_may_name_the_whole_order(box: BoxClient, wrapped: bool) -> None:
    objects = dated(box)
    order = [{"type": "Date", "order": "Ascending"}]
    assert found(box, sortCriterion={"criterion": order} if wrapped else order, maxEntries=3) == objects


@pytest.mark.nms("sortCriteria", "Attribute: ascending, or descending by default")
@pytest.mark.parametrize("most", [1, 2, 100])
def test_objects_may_be_ordered_by_an_attribute(box: BoxClient, most: int) -> None:
    urls = {text: named(box, Subject=text) for text in ("b", "C", "a", "Á", "ab")}
    urls["without"] = named(box, Other="x")
    up = [urls[text] for text in ("without", "a", "ab", "b", "C", "Á")]
    assert found(box, sortCriteria=by("subject", "Ascending"), maxEntries=most) == up
    assert found(box, sortCriteria=by("Subject"), maxEntries=most) == up[::-1]


def test_equal_values_are_ordered_by_the_next_criterion(box: BoxClient) -> None:
    urls = [named(box, A=a, B=b) for a, b in ("xp", "yp", "xq", "yq")]
    order = {
        "criterion": [
            {"type": "Attribute", "name": "a", "order": "Ascending"},
            {"type": "Attribute", "name": "b"},
        ]
    }
    for most in (1, 3):
        assert found(box, sortCriteria=order, maxEntries=most) == [urls[n] for n in (2, 0, 3, 1)]


def test_an_order_by_attribute_keeps_to_criteria_and_dates(box: BoxClient) -> None:
    objects = dated(box, Subject="hello")
    dates = criterion("Date", f"minDate={DAYS[2]}&maxDate={DAYS[5]}")
    order = by("Subject", "Ascending")
    assert found(box, dates, TEXT, sortCriteria=order, maxEntries=2) == sorted(objects[2:5], key=id_of)


# Where ---------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(box: BoxClient) -> dict[str, str]:
    """A folder, one below it and one beside it, each with an object that has its name."""
    top = box.folder("top")
    places = {"top": top, "below": box.folder("below", top), "beside": box.folder("beside")}
    objects = {
        f"in {name}": box.plain_object(url, attributes=attributes(Subject="hello"))
        for name, url in places.items()
    }
    return places | objects


@pytest.mark.nms(
    "selectionCriteria",
    "searchScope is a folder with all below it; nonRecursiveScope leaves out what is below",
)
@pytest.mark.parametrize("criteria", [[], [TEXT], [criterion("Date", "minDate=2020-01-01T00:00:00Z")]])
@pytest.mark.parametrize("order", [None, by("Subject")])
def test_a_scope_is_a_folder_and_all_below_it(
    box: BoxClient, tree: dict[str, str], criteria: list[Json], order: Json | None
) -> None:
    more: Json = {"sortCriteria": order} if order else {}

    def within(name: str, **scope: Any) -> set[str]:
        return set(found(box, *criteria, searchScope={"resourceURL": tree[name]}, **scope, **more))

    assert within("top") == {tree["in top"], tree["in below"]}
    assert within("top", nonRecursiveScope="false") == {tree["in top"], tree["in below"]}
    for value in (True, "true"):
        assert within("top", nonRecursiveScope=value) == {tree["in top"]}
    assert within("beside") == {tree["in beside"]}


def test_the_root_is_a_scope_that_holds_all(box: BoxClient, tree: dict[str, str]) -> None:
    root = {"resourceURL": box.folder_at("/")}
    assert len(found(box, searchScope=root)) == 3
    assert found(box, searchScope=root, nonRecursiveScope=True) == []


def test_a_moved_folder_is_searched_where_it_is_now(
    box: BoxClient, store: Store, tree: dict[str, str]
) -> None:
    """The job that rewrites the chains below it has not run yet."""
    moved, target = (FolderId(id_of(tree[name])) for name in ("top", "beside"))
    copies.move_folders(store, BoxKey("main", box.box), [moved], target, False)
    scope = {"resourceURL": tree["beside"]}
    assert set(found(box, searchScope=scope)) == {url for name, url in tree.items() if name.startswith("in")}


@pytest.mark.parametrize("more", [{}, {"sortCriteria": by("Subject")}])
def test_what_is_in_a_folder_being_deleted_is_not_found(
    box: BoxClient, store: Store, tree: dict[str, str], more: Json
) -> None:
    """The job that deletes it has not run yet."""
    folders.delete(store, BoxKey("main", box.box), FolderId(id_of(tree["top"])))
    assert found(box, **more) == [tree["in beside"]]
    for gone in ("top", "below"):
        answer = search(box, searchScope={"resourceURL": tree[gone]})
        assert fault(answer) == (400, "SVC0002")


# Cursors -------------------------------------------------------------------------------------------------


def cursor(box: BoxClient, *criteria: Json, **more: Any) -> str:
    return str(listed(search(box, *criteria, **{"maxEntries": 1, **more}))["cursor"])


@pytest.mark.nms("cursor", "What is there from the first page to the last comes in one page")
@pytest.mark.parametrize("order", [None, by(order="Ascending"), by("Subject"), by("Subject", "Ascending")])
@pytest.mark.parametrize("criteria", [[], [TEXT]])
def test_while_a_client_reads_what_is_there_all_the_time_comes_once(
    box: BoxClient, order: Json | None, criteria: list[Json]
) -> None:
    """Objects are made, moved, flagged and deleted between the pages."""
    objects, other = dated(box, Subject="hello"), box.folder("other")
    more: Json = {"maxEntries": 2, **({"sortCriteria": order} if order else {})}
    seen: list[str] = []
    gone, moved = objects[3], objects[1:3]
    while True:
        page = listed(search(box, *criteria, **more))
        seen += [one["resourceURL"] for one in page["object"]]
        if "cursor" not in page:
            break
        if "fromCursor" not in more:
            box.delete(gone)
        dated(box, other, Subject="hello")
        box.move(other if len(seen) % 4 else box.folder_at(STORE), objects=moved)
        for url in objects:
            box.put(f"{url}/flags/%5CSeen")
        more["fromCursor"] = page["cursor"]
    assert sorted(set(seen) | {gone}) == sorted(objects)
    assert len(seen) == len(set(seen))


@pytest.mark.nms("selectionCriteria", "fromCursor leads on in its own search alone")
@pytest.mark.parametrize(
    "other",
    [
        {"criteria": [TEXT]},
        {"sortCriteria": by(order="Ascending")},
        {"sortCriteria": by("Subject")},
        {"what": "folders"},
        {"operator": "Or", "criteria": [TEXT, TEXT]},
    ],
)
def test_a_cursor_leads_on_in_its_own_search_alone(box: BoxClient, other: Json) -> None:
    dated(box)
    other = dict(other)
    answer = search(box, *other.pop("criteria", []), fromCursor=cursor(box), **other)
    assert fault(answer) == (400, "SVC0002")


def test_a_cursor_leads_on_in_its_own_scope_alone(box: BoxClient) -> None:
    objects, other = dated(box), box.folder("other")
    scope = {"searchScope": {"resourceURL": box.folder_at(STORE)}}
    own = cursor(box, **scope)
    assert found(box, fromCursor=own, **scope) == objects[-2::-1]
    for answer in (
        search(box, fromCursor=own),
        search(box, fromCursor=own, searchScope={"resourceURL": other}),
        search(box, fromCursor=own, nonRecursiveScope=True, **scope),
    ):
        assert fault(answer) == (400, "SVC0002")


def test_the_number_of_entries_may_differ_from_page_to_page(box: BoxClient) -> None:
    objects = dated(box)
    assert found(box, fromCursor=cursor(box), maxEntries=1000) == objects[-2::-1]


def test_a_cursor_of_another_box_is_refused(box: BoxClient, client: BoxClient) -> None:
    dated(box)
    assert fault(search(client, fromCursor=cursor(box))) == (400, "SVC0002")


@pytest.mark.nms("cursor")
@pytest.mark.parametrize(
    "forge",
    [
        lambda _: "",
        lambda _: "x",
        lambda _: ".",
        lambda _: "é.é",
        lambda own: own[:-1],
        lambda own: own[1:],
        lambda own: own.rpartition(".")[0],
        lambda own: own.replace(".", ".A", 1),
        lambda own: "x" * 100_000 + own,
    ],
)
def test_a_forged_cursor_is_refused(box: BoxClient, forge: Callable[[str], str]) -> None:
    dated(box)
    assert fault(search(box, fromCursor=forge(cursor(box)))) == (400, "SVC0002")


# What is refused -----------------------------------------------------------------------------------------


@pytest.mark.nms("selectionCriteria", "maxEntries is a must; what is not clear is refused")
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"maxEntries": 0},
        {"maxEntries": -1},
        {"maxEntries": "many"},
        {"maxEntries": "1_0"},
        {"maxEntries": "１"},
        {"maxEntries": 1.5},
        {"maxEntries": True},
        {"maxEntries": 1, "nonRecursiveScope": True},
        {"maxEntries": 1, "nonRecursiveScope": "perhaps"},
        {"maxEntries": 1, "searchScope": {"resourceURL": ""}},
        {"maxEntries": 1, "searchScope": {"resourceURL": "http://x/nms/v1/main/tel%3A%2B1/folders/a1"}},
        {"maxEntries": 1, "searchScope": {}},
        {"maxEntries": 1, "sortCriteria": {"criterion": [{"type": "Size"}]}},
        {"maxEntries": 1, "sortCriteria": {"criterion": [{"type": "Attribute"}]}},
        {"maxEntries": 1, "sortCriteria": {"criterion": [{"type": "Date", "order": "Sideways"}]}},
        {"maxEntries": 1, "sortCriteria": {"criterion": [{"type": "Date"}] * 21}},
        {"maxEntries": 1, "searchCriteria": {}},
        {"maxEntries": 1, "searchCriteria": {"criterion": []}},
        {"maxEntries": 1, "searchCriteria": {"criterion": [TEXT] * 21}},
        {"maxEntries": 1, "searchCriteria": {"criterion": [TEXT], "operator": "Xor"}},
        {"maxEntries": 1, "fromCursor": 7},
    ],
)
def test_a_selection_that_says_nothing_clear_is_refused(box: BoxClient, asked: Json) -> None:
    answer = box.post("/objects/operations/search", {"selectionCriteria": asked})
    assert fault(answer) == (400, "SVC0002")


@pytest.mark.nms("searchCriteria", "PresetSearch is refused, and so is what is not clear")
@pytest.mark.parametrize(
    "one",
    [
        {"type": "Size", "value": "1"},
        {"type": "", "value": "1"},
        {"value": "1"},
        {"type": "Attribute", "name": "Subject"},
        {"type": "Attribute", "name": "", "value": "x"},
        {"type": "Attribute", "value": "x"},
        {"type": "Attribute", "name": "x" * 256, "value": "x"},
        {"type": "Attribute", "name": "Subject", "value": "x" * 1001},
        {"type": "Attribute", "name": "Subject", "value": 7},
        {"type": "AllTextAttributes", "value": ""},
        {"type": "WholeWord", "value": ""},
        {"type": "Flag", "name": "\\Seen", "value": "perhaps"},
        {"type": "Flag", "name": "", "value": "true"},
        {"type": "PresetSearch", "name": "unread", "value": ""},
        *(
            {"type": "Date", "value": value}
            for value in (
                "",
                "minDate=",
                DAYS[0],
                "minDate=2026-03-01",
                "minDate=2026-03-01T12:00:00",
                "minDate=2026-03-01T12:00:00 02:00",
                "minDate=2026-02-30T12:00:00Z",
                f"minDate={DAYS[0]}&minDate={DAYS[0]}",
                f"minDate={DAYS[1]}&maxDate={DAYS[0]}",
                f"minDate={DAYS[0]}&size=1",
                f"minDate={DAYS[0]}&",
                "minDate=0001-01-01T00:00:00+14:00",
            )
        ),
    ],
)
def test_a_criterion_that_says_nothing_clear_is_refused(box: BoxClient, one: Json) -> None:
    assert fault(search(box, one)) == (400, "SVC0002")


def test_a_scope_that_is_not_there_is_refused(box: BoxClient) -> None:
    gone = box.folder("gone")
    box.delete(gone)
    assert fault(search(box, searchScope={"resourceURL": gone})) == (400, "SVC0002")


def test_as_many_criteria_as_allowed_are_met_together(box: BoxClient) -> None:
    url = named(box, Subject="hello")
    named(box, Subject="good bye")
    assert found(box, *[TEXT] * 20) == [url]
