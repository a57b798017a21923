"""The searches CreatedObjects and VanishedObjects (NMS): what came and what went, by the log."""

from datetime import timedelta
from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import STORE, BoxClient, Json, fault
from tests.clients.following import shown
from tests.clients.searching import attributes, by, criterion, found, listed, search
from tests.clients.uploading import announced, appeared, begin, object_url, put
from tests.stack.behind import Behind

VANISHED = criterion("VanishedObjects", "")


def created(box: BoxClient, cursor: str = "", *others: Json, **more: Any) -> tuple[list[str], str]:
    """All objects created since a creationCursor, page by page, and the next one."""
    urls: list[str] = []
    while True:
        page = listed(search(box, criterion("CreatedObjects", cursor), *others, **more))
        urls += [one["resourceURL"] for one in page["object"]]
        if "cursor" not in page:
            return urls, page["creationCursor"]
        more["fromCursor"] = page["cursor"]


def steps(box: BoxClient, cursor: str = "", most: int = 1) -> list[str]:
    """The same by a client that goes on from each page's creationCursor, while there is more."""
    urls: list[str] = []
    while True:
        page = listed(search(box, criterion("CreatedObjects", cursor), maxEntries=most))
        urls += [one["resourceURL"] for one in page["object"]]
        cursor = page["creationCursor"]
        if "cursor" not in page:
            return urls


def aged(stack: LocalStack, box: BoxClient, age: timedelta = timedelta(minutes=1)) -> Behind:
    """The box as if nothing had happened for a while."""
    behind = Behind(stack, box.box)
    behind.age_box(age)
    behind.age_log(behind.log(), age)
    return behind


@pytest.fixture(params=["just made", "made a while ago", "made long ago"])
def objects(request: pytest.FixtureRequest, stack: LocalStack, box: BoxClient) -> list[str]:
    """Five objects. Those of long ago are older than the log."""
    made = [box.plain_object() for _ in range(5)]
    if request.param != "just made":
        behind = aged(stack, box)
        for row in behind.log() if request.param == "made long ago" else ():
            behind.delete(row)
    return made


@pytest.mark.nms("searchCriteria", "CreatedObjects with an empty value: every object, once")
@pytest.mark.parametrize("most", [1, 2, 5, 6, 1000])
def test_from_the_beginning_every_object_is_told_once(box: BoxClient, objects: list[str], most: int) -> None:
    assert created(box, maxEntries=most)[0] == objects
    assert steps(box, most=most) == objects


@pytest.mark.nms("objectList", "creationCursor leads to what is created later")
@pytest.mark.nms("searchCriteria", "CreatedObjects with a creationCursor: what was created since")
def test_after_that_only_what_is_new_is_told(box: BoxClient, objects: list[str]) -> None:
    _, cursor = created(box, maxEntries=2)
    assert created(box, cursor)[0] == []
    new = [box.plain_object() for _ in range(3)]
    box.put(f"{objects[0]}/flags/%5CSeen")
    box.move(box.folder("other"), objects=[objects[1], new[1]])
    box.delete(new[2])
    for most in (1, 100):
        urls, after = created(box, cursor, maxEntries=most)
        assert urls == new[:2]
        assert created(box, after)[0] == []


def test_what_is_made_while_a_client_reads_comes_once(box: BoxClient, objects: list[str]) -> None:
    """Also if what was told already changes, or is made and flagged at once."""
    expected, seen, more = list(objects), list[str](), dict[str, Any]()
    for number in range(20):
        page = listed(search(box, criterion("CreatedObjects", ""), maxEntries=2, **more))
        seen += [one["resourceURL"] for one in page["object"]]
        if "cursor" not in page:
            break
        more["fromCursor"] = page["cursor"]
        if number < 3:
            expected.append(box.plain_object())
            for url in expected:
                box.put(f"{url}/flags/f{number}")
    assert seen == expected


def test_a_copy_is_a_creation(box: BoxClient, objects: list[str]) -> None:
    _, cursor = created(box)
    (copy,) = box.copy(box.folder("copies"), objects=objects[:1])
    assert created(box, cursor)[0] == [copy["success"]["resourceURL"]]


def test_a_created_object_is_shown_as_it_is_now(box: BoxClient) -> None:
    url = box.text_object(attributes=attributes(Subject="hello"))
    box.put(f"{url}/flags/%5CSeen")
    assert listed(search(box, criterion("CreatedObjects", "")))["object"] == [shown(box, url)]


def test_other_criteria_and_a_scope_narrow_created_objects_down(box: BoxClient) -> None:
    folder = box.folder("folder")
    both = attributes(Subject="hello")
    one, two = (box.plain_object(place, attributes=both) for place in (STORE, folder))
    box.plain_object(folder)
    text = criterion("AllTextAttributes", "ell")
    for most in (1, 100):
        assert created(box, "", text, maxEntries=most)[0] == [one, two]
        assert created(box, "", text, searchScope={"resourceURL": folder}, maxEntries=most)[0] == [two]


@pytest.mark.whole
@pytest.mark.parametrize("age", [timedelta(), timedelta(minutes=1)])
def test_an_upload_that_arrives_late_is_met(stack: LocalStack, box: BoxClient, age: timedelta) -> None:
    """Its id was given out before those of objects that were told already."""
    upload = begin(box, announced())
    others = [box.plain_object() for _ in range(2)]
    if age:
        aged(stack, box, age)
    urls, cursor = created(box, maxEntries=1)
    assert urls == others
    assert put(upload["part"][0]) == 200
    late = object_url(box, upload)
    appeared(box, late)
    assert created(box, cursor)[0] == [late]
    assert created(box)[0][-3:] in ([*others, late], [late, *others])


def test_a_creation_being_committed_is_told_when_it_shows(stack: LocalStack, box: BoxClient) -> None:
    """What the log shows behind a missing change is not told before it."""
    _, cursor = created(box)
    behind, first = Behind(stack, box.box), box.plain_object()
    row = behind.take_change(behind.seq())
    second = box.plain_object()
    page = listed(search(box, criterion("CreatedObjects", cursor)))
    assert (page["object"], "cursor" in page) == ([], True)
    behind.put(row)
    assert created(box, page["creationCursor"])[0] == [first, second]
    assert created(box, cursor)[0] == [first, second]


def test_a_cursor_older_than_the_log_still_tells_all_that_is_new(stack: LocalStack, box: BoxClient) -> None:
    box.plain_object()
    _, cursor = created(box)
    new = [box.plain_object() for _ in range(3)]
    behind = aged(stack, box)
    for row in behind.log():
        behind.delete(row)
    newest = box.plain_object()
    for most in (1, 2, 100):
        assert created(box, cursor, maxEntries=most)[0] == [*new, newest]


@pytest.mark.parametrize(
    "asked",
    [
        {"sortCriteria": by()},
        {"operator": "Not"},
        {"operator": "Or", "and": [criterion("AllTextAttributes", "x")]},
        {"and": [criterion("CreatedObjects", "")]},
        {"and": [VANISHED]},
        {"and": [criterion("Attribute", "x", "")]},
        {"value": "x"},
        {"value": "x.y"},
    ],
)
def test_a_search_for_created_objects_that_contradicts_itself_is_refused(box: BoxClient, asked: Json) -> None:
    asked = dict(asked)
    criteria = [criterion("CreatedObjects", asked.pop("value", "")), *asked.pop("and", [])]
    assert fault(search(box, *criteria, **asked)) == (400, "SVC0002")


def test_creation_cursors_are_of_one_box_and_its_validity(
    stack: LocalStack, box: BoxClient, client: BoxClient
) -> None:
    box.plain_object()
    _, cursor = created(box)
    assert fault(search(client, criterion("CreatedObjects", cursor))) == (400, "SVC0002")
    assert fault(search(box, criterion("CreatedObjects", cursor[:-1]))) == (400, "SVC0002")
    assert fault(search(box, fromCursor=cursor)) == (400, "SVC0002")
    behind = Behind(stack, box.box)
    behind.put({**behind.row(behind.box, "BOX"), "validity": {"S": "0" * 12}})
    assert fault(search(box, criterion("CreatedObjects", cursor))) == (400, "SVC0002")


def test_a_search_cursor_ends_with_the_box_s_validity(stack: LocalStack, box: BoxClient) -> None:
    for _ in range(2):
        box.plain_object()
    page = listed(search(box, maxEntries=1))
    behind = Behind(stack, box.box)
    behind.put({**behind.row(behind.box, "BOX"), "validity": {"S": "0" * 12}})
    assert fault(search(box, maxEntries=1, fromCursor=page["cursor"])) == (400, "SVC0002")


# Vanished objects ----------------------------------------------------------------------------------------


@pytest.mark.nms("searchCriteria", "VanishedObjects: what was deleted, the last first")
@pytest.mark.parametrize("most", [1, 2, 100])
def test_what_vanished_is_told_the_last_first(box: BoxClient, most: int) -> None:
    folder = box.folder("folder")
    one, two, three = box.plain_object(), box.plain_object(folder), box.plain_object()
    for url in (three, folder, one):
        assert box.delete(url).status_code == 204
    box.plain_object()
    assert found(box, VANISHED, maxEntries=most) == [one, two, three]


def test_vanished_objects_are_references(box: BoxClient) -> None:
    url = box.plain_object(correlationId="c")
    box.delete(url)
    answer = search(box, {"type": "VanishedObjects"})
    assert answer.json() == {"objectReferenceList": {"objectReference": [{"resourceURL": url}]}}


def test_a_box_that_lost_nothing_has_no_vanished_objects(client: BoxClient) -> None:
    assert search(client, VANISHED).json() == {"objectReferenceList": {"objectReference": []}}


@pytest.mark.nms("deletion and expiry", "What was deleted is known for 30 days")
def test_vanished_objects_are_known_for_thirty_days(stack: LocalStack, box: BoxClient) -> None:
    old, new = box.plain_object(), box.plain_object()
    box.delete(old)
    behind = Behind(stack, box.box)
    behind.age_log([behind.change(behind.seq())], timedelta(days=30, minutes=1))
    box.delete(new)
    behind.age_log([behind.change(behind.seq())], timedelta(days=29, hours=23))
    assert found(box, VANISHED) == [new]


def test_vanished_objects_are_told_as_far_back_as_the_log_goes(stack: LocalStack, box: BoxClient) -> None:
    urls = [box.plain_object() for _ in range(3)]
    for url in urls:
        box.delete(url)
    behind = aged(stack, box)
    for row in behind.log()[:-2]:
        behind.delete(row)
    assert found(box, VANISHED, maxEntries=1) == urls[:0:-1]


@pytest.mark.whole
def test_vanished_objects_are_found_in_every_partition_of_the_log(box: BoxClient) -> None:
    folder, first = box.folder("folder"), box.plain_object()
    box.delete(first)
    kept = box.plain_object()
    for _ in range(2):
        box.copy(folder, objects=[kept] * 600)
    box.delete(kept)
    assert found(box, VANISHED, maxEntries=1) == [kept, first]


@pytest.mark.parametrize(
    "asked",
    [
        {"and": [criterion("AllTextAttributes", "x")]},
        {"and": [VANISHED]},
        {"and": [criterion("CreatedObjects", "")]},
        {"operator": "Not"},
        {"sortCriteria": by()},
        {"searchScope": True},
        {"fromCursor": ""},
        {"maxEntries": 0},
    ],
)
def test_vanished_objects_are_asked_for_alone(box: BoxClient, asked: Json) -> None:
    asked = dict(asked)
    if "searchScope" in asked:
        asked["searchScope"] = {"resourceURL": box.folder_at(STORE)}
    assert fault(search(box, VANISHED, *asked.pop("and", []), **asked)) == (400, "SVC0002")


@pytest.mark.parametrize("kind", ["VanishedObjects", "CreatedObjects"])
def test_folders_neither_come_nor_go_by_these_searches(box: BoxClient, kind: str) -> None:
    assert fault(search(box, criterion(kind, ""), what="folders")) == (400, "SVC0002")
