"""What a search reads: by an index what it returns, and never more than its budget (CONTRACT, Search)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from infra.bench.in_process import Api
from infra.bench.meter import meter
from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.ids import RCS_MESSAGE_STORE
from onecopy.domain.link import NewObject
from onecopy.store.box import folders, objects
from onecopy.store.box.objects import Item
from onecopy.store.commit.transact import Store
from onecopy.store.search import objects as search
from tests.clients.box_client import BoxClient, Json, fault
from tests.clients.searching import attributes, by, criterion, found, listed, pages
from tests.clients.searching import search as asked
from tests.stack.at_table import handlers_on
from tests.stack.behind import Behind

SINCE = criterion("Date", "minDate=2020-01-01T00:00:00Z")


def filled(store: Store, box: BoxClient, number: int) -> str:
    """A box with so many objects in one folder and as many in another; returns the first folder."""
    key = BoxKey("main", box.box)
    for name in ("first", "second"):
        folder = folders.create(store, key, RCS_MESSAGE_STORE, name, (), False)
        objects.create(store, key, [Item(folder.folder_id, NewObject())] * number, False, None)
    return box.folder_at("/RCSMessageStore/first")


# By an index ---------------------------------------------------------------------------------------------


@dataclass
class Asking:
    """Searches one box through the handlers of this process, so that their calls can be counted."""

    api: Api
    box: BoxClient
    folder: str

    def search(self, *criteria: Json, **more: Any) -> Json:
        asked: Json = {"maxEntries": 10, **more}
        if criteria:
            asked["searchCriteria"] = {"criterion": list(criteria)}
        body = {"selectionCriteria": asked}
        answer = self.api.ask("POST", self.box.box, "/objects/operations/search", body).json
        ((_, page),) = answer.items()
        return dict(page)


def newest(at: Asking) -> Json:
    return {}


def in_a_range(at: Asking) -> Json:
    return {"criteria": [SINCE]}


def in_a_folder(at: Asking) -> Json:
    return {"searchScope": {"resourceURL": at.folder}}


def oldest(at: Asking) -> Json:
    return {**in_a_folder(at), "criteria": [SINCE], "sortCriteria": by(order="Ascending")}


def second_page(at: Asking) -> Json:
    return {**in_a_folder(at), "fromCursor": at.search(**in_a_folder(at))["cursor"]}


def created(at: Asking) -> Json:
    cursor = at.search(criterion("CreatedObjects", ""), maxEntries=1000)["creationCursor"]
    at.box.copy(at.folder, objects=[at.box.plain_object(at.folder)] * 9)
    return {"criteria": [criterion("CreatedObjects", cursor)]}


def vanished(at: Asking) -> Json:
    for url in found(at.box)[:10]:
        at.box.delete(url)
    return {"criteria": [criterion("VanishedObjects", "")]}


WAYS = [newest, in_a_range, in_a_folder, oldest, second_page, created, vanished]


@pytest.mark.whole
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_page_by_an_index_reads_what_it_returns(
    stack: LocalStack, store: Store, way: Callable[[Asking], Json]
) -> None:
    """At most four calls: a unit for each object, and the rest for the box, the folder and the index."""
    with handlers_on(stack) as api:
        for number in (20, 150):
            with BoxClient(stack) as box:
                at = Asking(api, box, filled(store, box, number))
                asked = way(at)
                with meter() as counts:
                    page = at.search(*asked.pop("criteria", []), **asked)
            assert len(page.get("object", page.get("objectReference"))) == 10
            assert (counts.of("dynamodb") <= 4, counts.read_units <= 10 + 8, counts.write_units) == (
                True,
                True,
                0,
            )


# Without one ---------------------------------------------------------------------------------------------

TEXT = criterion("AllTextAttributes", "hello")


@pytest.fixture
def here(request: pytest.FixtureRequest) -> None:
    """The store's limits can be changed only where it runs in this process."""
    if not request.config.getoption("--quick"):
        pytest.skip("the store runs in another process: see make quick")


@pytest.fixture
def few(here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search reads only 25 links a page."""
    monkeypatch.setattr(search, "MOST_READ", 25)


@pytest.fixture
def large(few: None, stack: LocalStack, store: Store, box: BoxClient) -> BoxClient:
    """A box of 120 objects, of which the oldest one says hello."""
    box.plain_object(attributes=attributes(Subject="hello", Date="2020-01-01T00:00:00Z"))
    filled(store, box, 60)
    return box


def test_a_page_ends_with_its_budget_and_its_cursor_leads_on(large: BoxClient) -> None:
    """Even if it is empty."""
    sizes = [len(page) for page in pages(large, TEXT)]
    assert sizes == [0, 0, 0, 0, 1]


def test_a_page_ends_with_its_time(large: BoxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_READ", 10_000)
    monkeypatch.setattr(search, "LONGEST", timedelta())
    sizes = [len(page) for page in pages(large, TEXT)]
    assert sum(sizes) == 1
    assert len(sizes) > 1


def test_creations_beyond_the_budget_come_with_the_next_page(stack: LocalStack, large: BoxClient) -> None:
    everything = [criterion("CreatedObjects", ""), criterion("Attribute", "hello", "Subject")]
    assert sum(len(page) for page in pages(large, *everything)) == 1
    Behind(stack, large.box).age_box(timedelta(minutes=1))
    sizes = [len(page) for page in pages(large, *everything)]
    assert (sum(sizes), len(sizes) > 2) == (1, True)


def test_an_order_that_a_page_cannot_find_out_is_refused(large: BoxClient) -> None:
    """A page of the best of what it happened to read would be in a wrong order."""
    assert fault(asked(large, sortCriteria=by("Subject"))) == (403, "POL0001")
    narrow = criterion("Date", "maxDate=2021-01-01T00:00:00Z")
    assert len(found(large, narrow, sortCriteria=by("Subject"))) == 1


def test_folders_beyond_the_budget_are_refused_but_for_the_root(
    here: None, box: BoxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.folder("one")
    monkeypatch.setattr(search, "MOST_READ", 2)
    root = criterion("Attribute", "Yes", "Root")
    assert fault(asked(box, what="folders")) == (403, "POL0001")
    assert len(listed(asked(box, root, what="folders"))["folder"]) == 1


@pytest.mark.parametrize("more", [{}, {"sortCriteria": by("Subject")}, {"searchCriteria": True}])
def test_many_large_objects_come_in_pages_that_fit(box: BoxClient, more: Json) -> None:
    large = {"attribute": [{"name": "A", "value": ["\u8a9e" * 10_000] * 9}]}
    urls = [box.plain_object(attributes=large) for _ in range(20)]
    criteria = [criterion("CreatedObjects", "")] if more.get("searchCriteria") else []
    more = {name: value for name, value in more.items() if name != "searchCriteria"} | {"maxEntries": 1000}
    seen: list[str] = []
    while True:
        answer = asked(box, *criteria, **more)
        assert len(answer.content) < 5_000_000
        seen += [one["resourceURL"] for one in listed(answer)["object"]]
        if "cursor" not in listed(answer):
            break
        more["fromCursor"] = listed(answer)["cursor"]
    assert sorted(seen) == sorted(urls)
