"""POST folders/operations/search, by criteria of any kind. `test_root` has the search for the root."""

from typing import Any

import pytest

from onecopy.domain.box import BoxKey
from onecopy.domain.ids import FolderId
from onecopy.store.box import folders
from onecopy.store.commit.transact import Store
from tests.clients.box_client import STORE, BoxClient, Json, fault, id_of
from tests.clients.searching import attributes, by, criterion, listed, pages, search

EVERY = criterion("AllTextAttributes", "e")


def found(box: BoxClient, *criteria: Json, **more: Any) -> list[str]:
    return [one["resourceURL"] for page in pages(box, *criteria, what="folders", **more) for one in page]


def by_name(box: BoxClient, name: str) -> list[str]:
    return found(box, criterion("Attribute", name, "name"))


@pytest.mark.nms("attributes of folders", "A folder is found by its Name attribute, whatever its case")
def test_a_folder_is_found_by_its_name_whatever_its_case(box: BoxClient) -> None:
    url = box.folder("Holiday", attributes=attributes(Name="another"))
    box.folder("Holiday 2")
    assert by_name(box, "holiday") == [url]
    assert by_name(box, "another") == []
    box.put(f"{url}/folderName", {"name": "Work"})
    assert (by_name(box, "Holiday"), by_name(box, "work")) == ([], [url])


def test_system_folders_are_found_by_their_names(box: BoxClient) -> None:
    assert by_name(box, "RCSMessageStore") == [box.folder_at(STORE)]
    assert by_name(box, "default") == [box.folder_at("/Default")]


def test_only_the_root_is_the_root(box: BoxClient) -> None:
    other = box.folder("other", attributes=attributes(Root="Yes"))
    root = criterion("Attribute", "yes", "ROOT")
    assert found(box, root) == [box.folder_at("/")]
    assert found(box, root, criterion("Attribute", "other", "Name")) == []
    assert set(found(box, root, criterion("Attribute", "other", "Name"), operator="Or")) == {
        box.folder_at("/"),
        other,
    }
    others = found(box, root, operator="Not")
    assert (other in others, box.folder_at("/") in others) == (True, False)


@pytest.mark.nms("POST /folders/operations/search")
def test_a_folder_is_found_by_any_attribute_text_word_and_date(box: BoxClient) -> None:
    url = box.folder("one", attributes=attributes(Colour="dark red", Date="2026-03-01T00:00:00Z"))
    box.folder("two", attributes=attributes(Colour="dark reddish", Date="2026-03-02T00:00:00Z"))
    for one in (
        criterion("Attribute", "Dark Red", "colour"),
        criterion("WholeWord", "red"),
        criterion("Date", "minDate=2026-03-01T00:00:00Z&maxDate=2026-03-02T00:00:00Z"),
    ):
        assert found(box, one) == [url]
    assert len(found(box, criterion("AllTextAttributes", "RED"))) == 2


@pytest.mark.nms("POST /folders/operations/search")
def test_folders_are_found_within_a_scope(box: BoxClient) -> None:
    top = box.folder("top")
    below = box.folder("below", top)
    deep, beside = box.folder("deep", below), box.folder("beside")
    scope = {"searchScope": {"resourceURL": top}}
    assert set(found(box, EVERY, **scope)) == {below, deep}
    assert set(found(box, **scope)) == {top, below, deep}
    assert set(found(box, nonRecursiveScope=True, **scope)) == {top, below}
    assert beside in found(box)
    assert fault(search(box, searchScope={"resourceURL": f"{top}9"}, what="folders")) == (400, "SVC0002")


@pytest.mark.nms("folderList")
@pytest.mark.parametrize("most", [1, 2, 6, 7, 1000])
@pytest.mark.parametrize("order", [None, by("Name", "Ascending")])
def test_each_folder_comes_in_one_page(box: BoxClient, most: int, order: Json | None) -> None:
    urls = {box.folder(name) for name in ("one", "two", "three")}
    urls |= {box.folder_at(path) for path in ("/", "/Default", STORE)}
    more = {"sortCriteria": order} if order else {}
    urls_found = found(box, maxEntries=most, **more)
    assert (len(urls_found), set(urls_found)) == (6, urls)
    if order:
        names = [box.get(f"{url}/folderName").json()["name"] for url in urls_found]
        assert names == ["", "Default", "one", "RCSMessageStore", "three", "two"]


def test_dated_folders_come_newest_first(box: BoxClient) -> None:
    days = {
        day: box.folder(f"day {day}", attributes=attributes(Date=f"2026-03-0{day}T00:00:00Z"))
        for day in (2, 3, 1)
    }
    assert found(box, maxEntries=2)[:3] == [days[3], days[2], days[1]]


def test_each_folder_found_comes_with_its_share_of_what_is_in_it(box: BoxClient) -> None:
    one, two = box.folder("one more"), box.folder("two more")
    below, objects = box.folder("below", one), [box.plain_object(one) for _ in range(3)]
    answer = search(
        box, criterion("WholeWord", "more"), what="folders", maxEntries=4, sortCriteria=by("Name")
    )
    empty, full = listed(answer)["folder"]
    assert (empty["resourceURL"], full["resourceURL"]) == (two, one)
    assert empty["subFolders"] == {"folderReference": []}
    assert empty["objects"] == {"objectReference": []}
    assert full["subFolders"] == {"folderReference": [{"resourceURL": below}]}
    assert full["objects"] == {"objectReference": [{"resourceURL": objects[0]}]}
    rest = box.get(one, params={"listFilter": "All", "fromCursor": full["cursor"]}).json()["folder"]
    assert [each["resourceURL"] for each in rest["objects"]["objectReference"]] == objects[1:]


def test_a_folder_that_is_being_deleted_is_not_found_nor_what_is_below_it(
    box: BoxClient, store: Store
) -> None:
    top = box.folder("here")
    box.folder("there", top)
    folders.delete(store, BoxKey("main", box.box), FolderId(id_of(top)))
    assert [by_name(box, name) for name in ("here", "there")] == [[], []]


def test_folders_have_no_flags_to_search_by(box: BoxClient) -> None:
    assert fault(search(box, criterion("Flag", "true", "\\Seen"), what="folders")) == (400, "SVC0002")


def test_many_large_folders_come_in_pages_that_fit(box: BoxClient) -> None:
    large = {"attribute": [{"name": "A", "value": ["\u8a9e" * 10_000] * 9}]}
    for number in range(20):
        box.folder(f"large {number}", attributes=large)
    more: Json = {"maxEntries": 1000}
    seen = 0
    while True:
        answer = search(box, criterion("AllTextAttributes", "large"), what="folders", **more)
        assert len(answer.content) < 5_000_000
        seen += len(listed(answer)["folder"])
        if "cursor" not in listed(answer):
            break
        more["fromCursor"] = listed(answer)["cursor"]
    assert seen == 20
