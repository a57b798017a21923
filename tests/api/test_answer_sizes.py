"""No answer is larger than a function can return: below 5 MB before compression, whatever is asked for."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.folder import Attributes
from onecopy.domain.ids import RCS_MESSAGE_STORE
from onecopy.domain.link import NewObject
from onecopy.store.box import folders, objects
from onecopy.store.box.folders import Place
from onecopy.store.box.objects import Item
from onecopy.store.commit.transact import Store
from tests.clients.box_client import STORE, BoxClient, codes, new_box
from tests.clients.forms import attachment, bulk, multipart, root, send
from tests.clients.in_xml import KIND, read

pytestmark = pytest.mark.whole

MOST = 5_000_000
XML = {"accept": KIND}
LONG = tuple(f"{n:02}" + "語" * 250 for n in range(28))
"""A path of 21 kB."""


@pytest.fixture
def box(stack: LocalStack) -> Iterator[BoxClient]:
    """A client that accepts no compression, for a box with long URLs."""
    with BoxClient(stack, f"sip:{'+' * 170}{new_box()}") as client:
        client.http.headers["accept-encoding"] = "identity"
        client.folder_at(STORE)
        yield client


def key(box: BoxClient) -> BoxKey:
    return BoxKey("main", box.box)


def sized(answer: httpx.Response) -> Any:
    """The answer's JSON, after checking that the status is 200 and the size is below the limit."""
    assert answer.status_code == 200, answer.text[:200]
    assert len(answer.content) < MOST
    return answer.json()


def fill(store: Store, box: BoxClient, place: Place, count: int, attributes: Attributes = ()) -> None:
    items = [Item(place, NewObject(attributes=attributes))] * count
    objects.create(store, key(box), items, False, None)


@pytest.mark.parametrize("letter", ["日", "\U0001f600", '"', "\x01"])
def test_changes_come_in_pages_that_fit_in_whatever_letters_they_are(
    store: Store, box: BoxClient, letter: str
) -> None:
    """Text is escaped once for JSON and once more when the function returns it: up to four times as long."""
    width = len(json.dumps(letter, ensure_ascii=False).encode()) - 2
    attributes = (("A", (letter * (31_000 // width),) * 9),)
    for n in range(25):
        folders.create(store, key(box), RCS_MESSAGE_STORE, f"f{n}", attributes, False)
    query: dict[str, Any] = {"maxEntries": 1000}
    found: set[str] = set()
    more = True
    while more:
        page = sized(box.get("/changes", params=query))
        found |= {str(event["changedFolder"]["name"]) for event in page["nmsEventList"]["nmsEvent"]}
        query["restartToken"], more = page["nmsEventList"]["restartToken"], page["more"]
    assert found >= {f"f{n}" for n in range(25)}


def test_a_folder_deep_down_is_listed_in_pages_that_fit(store: Store, box: BoxClient) -> None:
    fill(store, box, ("RCSMessageStore", *LONG), 600)
    folder_id = folders.find_path(store, key(box), ("RCSMessageStore", *LONG))
    query: dict[str, Any] = {"listFilter": "All", "maxEntries": 1000, "path": "Yes"}
    sizes: list[int] = []
    found: list[str] = []
    while len(sizes) == 0 or "fromCursor" in query:
        page = sized(box.get(f"/folders/{folder_id}", params=query))["folder"]
        references = page["objects"]["objectReference"]
        assert all(reference["path"].startswith(page["path"]) for reference in references)
        found += [reference["resourceURL"] for reference in references]
        sizes.append(len(references))
        query.pop("fromCursor", None)
        if "cursor" in page:
            query["fromCursor"] = page["cursor"]
    assert (len(found), len(set(found))) == (600, 600)
    assert sizes[0] > 150


def test_what_is_made_deep_down_is_answered_without_paths_where_they_have_no_room(box: BoxClient) -> None:
    path = "/".join((STORE, *LONG))
    url = box.plain_object(path)
    parent = box.get(url).json()["object"]["parentFolder"]
    items = sized(bulk(box, [{"parentFolder": parent}] * 300, [attachment(b"")] * 300))
    response = items["bulkResponseList"]["response"]
    assert codes(response) == [201] * 300
    with_path = ["path" in item["success"] for item in response]
    assert with_path == sorted(with_path, reverse=True)
    assert 100 < sum(with_path) < 300
    assert response[0]["success"]["path"].startswith(path)


def test_addresses_of_ten_thousand_parts_come_as_far_as_there_is_room(box: BoxClient) -> None:
    name = "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=" + "n" * 200
    parts = multipart(*[(name.encode(), b"x")] * 100, boundary="MM")
    form = multipart(root({}), attachment(parts, "multipart/mixed; boundary=MM"))
    url = send(box, form).json()["reference"]["resourceURL"]
    copies = [item["success"]["resourceURL"] for item in box.copy(box.folder("copies"), [url] * 100)]
    asked = {"objects": {"objectReference": [{"resourceURL": copy} for copy in copies]}}
    items = sized(box.post("/objects/operations/payloads", asked))["bulkResponseList"]["response"]
    done = codes(items).index((503, "SVC0001"))
    assert codes(items) == [200] * done + [(503, "SVC0001")] * (100 - done)
    assert all(len(item["success"]["part"]) == 100 for item in items[:done])
    assert done > 10


def test_a_thousand_paths_are_told_with_their_folders(box: BoxClient) -> None:
    path = f"{STORE}/{'x' * 200}"
    box.folder("x" * 200)
    answer = box.post("/folders/operations/pathToId", {"pathList": {"path": [path] * 1000}})
    items = sized(answer)["bulkResponseList"]["response"]
    assert [item["success"]["path"] for item in items] == [path] * 1000


def test_answers_in_xml_fit_in_though_the_same_is_longer(store: Store, box: BoxClient) -> None:
    """An ampersand is a byte in JSON and five in XML."""
    path = ("RCSMessageStore", *(f"{n:02}" + "&" * 250 for n in range(28)))
    fill(store, box, path, 300)
    url = box.folder_at("/" + "/".join(path))
    query = {"listFilter": "All", "maxEntries": 1000, "path": "Yes"}
    listed = box.get(url, params=query, headers=XML)
    assert (listed.status_code, len(listed.content) < MOST) == (200, True)
    folder = read(listed.content)["folder"]
    references = folder["objects"]["objectReference"]
    assert (80 < len(references) < 300, "cursor" in folder) == (True, True)
    box.http.headers["accept"] = KIND
    made = bulk(box, [{"parentFolder": url}] * 300, [attachment(b"")] * 300)
    assert (made.status_code, len(made.content) < MOST) == (200, True)
    items = read(made.content)["bulkResponseList"]["response"]
    with_path = ["path" in item["success"] for item in items]
    assert codes(items) == [201] * 300
    assert with_path == sorted(with_path, reverse=True)
    assert 80 < sum(with_path) < 300
