"""A box with a quota, over HTTP: what is too much is refused with 403 POL0001, and nothing has changed."""

import json
from collections.abc import Iterator

import httpx
import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import STORE, BoxClient, codes, fault
from tests.clients.delivering import Network, urls
from tests.clients.eventually import eventually
from tests.clients.following import now, since
from tests.clients.forms import attachment, bulk
from tests.clients.uploading import announced, appeared, begin, object_url, put

pytestmark = pytest.mark.whole

LINKS, BYTES = 5, 100
FULL = (403, "POL0001")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A store whose boxes hold little."""
    parameters = {"QuotaLinks": str(LINKS), "QuotaBytes": str(BYTES)}
    with LocalStack(tmp_path_factory.mktemp("small"), parameters=parameters) as running:
        yield running


@pytest.fixture
def box(small: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(small) as client:
        yield client


def announce(box: BoxClient, body: bytes) -> httpx.Response:
    return box.post("/objects", {"object": {"payloadPart": [announced(body)]}})


@pytest.mark.nms("POL0001", "What has no room in the box's quota is a 403")
def test_an_object_that_has_no_room_is_refused_and_nothing_has_changed(box: BoxClient) -> None:
    box.text_object("x" * BYTES)
    token = now(box)
    assert fault(box.create({"parentFolderPath": STORE}, "y")) == FULL
    assert fault(announce(box, b"y")) == FULL
    assert since(box, token) == []
    box.plain_object()


def test_items_of_a_bulk_request_are_refused_one_by_one(box: BoxClient) -> None:
    answer = bulk(box, [{}] * 4, [attachment(b"x" * size) for size in (60, 50, 40, 1)])
    assert codes(answer.json()["bulkResponseList"]["response"]) == [201, FULL, 201, FULL]


def test_copies_are_refused_one_by_one_and_a_deletion_makes_room(box: BoxClient) -> None:
    folder, first = box.folder("folder"), box.text_object("x" * BYTES)
    assert codes(box.copy(folder, objects=[first] * 6)) == [200] * 4 + [FULL] * 2
    assert codes(box.move(folder, objects=[first])) == [200]
    assert fault(box.create({"parentFolderPath": STORE})) == FULL
    box.delete(first).raise_for_status()
    box.plain_object()


def test_a_folder_is_copied_whole_or_refused(box: BoxClient) -> None:
    folder, target = box.folder("folder"), box.folder("target")
    for _ in range(3):
        box.plain_object(folder)
    assert codes(box.copy(target, folders=[folder])) == [FULL]
    small = box.folder("small", folder)
    box.plain_object(small)
    assert codes(box.copy(target, folders=[small])) == [200]
    assert fault(box.create({"parentFolderPath": STORE})) == FULL
    box.delete(folder).raise_for_status()
    assert eventually(lambda: box.create({"parentFolderPath": STORE}).status_code == 201)


def test_an_upload_that_was_begun_appears_however_full_the_box_is_by_then(box: BoxClient) -> None:
    upload = begin(box, announced(b"x" * 60))
    box.text_object("x" * 40)
    assert fault(box.create({"parentFolderPath": STORE}, "y")) == FULL
    assert put(upload["part"][0], b"x" * 60) == 200
    appeared(box, object_url(box, upload))


def test_an_upload_that_is_given_up_makes_room(box: BoxClient) -> None:
    upload = begin(box, announced(b"x" * BYTES))
    assert fault(announce(box, b"y")) == FULL
    box.delete(upload["resourceURL"]).raise_for_status()
    assert announce(box, b"y").status_code == 202


def test_a_delivery_is_refused_by_full_boxes_alone(small: LocalStack, box: BoxClient) -> None:
    box.text_object("x" * BYTES)
    with BoxClient(small) as other:
        items = Network(small).delivered([box.box, other.box], b"for both")
        assert codes(items) == [FULL, 201]
        [_, there] = items
        other.delete(urls([there])[0]).raise_for_status()
    assert json.dumps(items[0]).count("quota") == 1
