"""If-Match: a request is refused if the object or folder has changed since the client last saw it."""

from collections.abc import Iterator

import httpx
import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import STORE, BoxClient, id_of
from tests.clients.following import now, since


@pytest.fixture
def box(stack: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(stack) as client:
        client.folder_at(STORE)
        yield client


def ask(box: BoxClient, method: str, url: str, tag: str, body: object = None) -> httpx.Response:
    return box.http.request(method, url, json=body, headers={"if-match": tag})


def move(box: BoxClient, kind: str, url: str, target: str, tag: str) -> httpx.Response:
    references = {f"{kind}s": {f"{kind}Reference": [{"resourceURL": url}]}}
    body = {"targetSourceRef": {"targetRef": {"resourceURL": target}, "sourceRefs": references}}
    return box.post("/folders/operations/moveToFolder", body, headers={"if-match": tag})


OBJECT = [
    ("GET", "", None, 200),
    ("GET", "/flags", None, 200),
    ("PUT", "/flags", {"flagList": {"flag": ["\\Seen"]}}, 200),
    ("PUT", "/flags/%5CSeen", None, 201),
    ("DELETE", "/flags/%5CFlagged", None, 204),
    ("DELETE", "", None, 204),
]
FOLDER = [
    ("GET", "", None, 200),
    ("GET", "/folderName", None, 200),
    ("PUT", "/folderName", {"name": "renamed"}, 200),
    ("DELETE", "", None, 204),
]


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"1", "{}"', "*"])
@pytest.mark.parametrize(
    ("method", "below", "body", "status"), OBJECT, ids=lambda value: str(value)[:12] if value else "-"
)
def test_an_object_as_it_is_known_is_asked_and_changed(
    box: BoxClient, method: str, below: str, body: object, status: int, form: str
) -> None:
    url = box.plain_object(flags={"flag": ["\\Flagged"]})
    tag = box.get(url).headers["etag"].strip('"')
    assert ask(box, method, url + below, form.format(tag), body).status_code == status


@pytest.mark.parametrize(("method", "below", "body", "status"), OBJECT)
def test_an_object_that_has_moved_on_stays_as_it_is(
    box: BoxClient, method: str, below: str, body: object, status: int
) -> None:
    url = box.plain_object(flags={"flag": ["\\Flagged"]})
    tag = box.get(url).headers["etag"]
    box.put(f"{url}/flags/%5CAnswered")
    token = now(box)
    answer = ask(box, method, url + below, tag, body)
    assert answer.status_code == 412
    assert answer.json()["requestError"]["serviceException"]["messageId"] == "SVC0002"
    assert since(box, token) == []


@pytest.mark.parametrize(("method", "below", "body", "status"), FOLDER)
def test_a_folder_is_asked_and_changed_as_it_is_known(
    box: BoxClient, method: str, below: str, body: object, status: int
) -> None:
    url = box.folder("one")
    tag = box.get(url).headers["etag"]
    assert ask(box, method, url + below, '"1"', body).status_code == 412
    assert ask(box, method, url + below, '"no-number"', body).status_code == 412
    assert ask(box, method, url + below, tag, body).status_code == status


@pytest.mark.parametrize("kind", ["folder", "object"])
def test_one_thing_is_moved_as_it_is_known(box: BoxClient, kind: str) -> None:
    url = box.folder("one") if kind == "folder" else box.plain_object()
    target, tag = box.folder("target"), box.get(url).headers["etag"]
    token = now(box)
    assert move(box, kind, url, target, '"1"').status_code == 412
    assert since(box, token) == []
    assert move(box, kind, url, target, tag).status_code == 200
    assert move(box, kind, url, box.folder_at(STORE), tag).status_code == 412


@pytest.mark.parametrize("tag", ["", "5", '"5', "W/5", '"a""b"', '"1",'])
def test_what_is_no_tag_is_refused(box: BoxClient, tag: str) -> None:
    url, target = box.plain_object(), box.folder("target")
    token = now(box)
    assert ask(box, "DELETE", url, tag).status_code == 400
    assert ask(box, "PUT", f"{url}/flags", tag, {"flagList": {"flag": ["\\Seen"]}}).status_code == 400
    assert move(box, "object", url, target, tag).status_code == 400
    assert since(box, token) == []


def test_the_flags_tag_is_that_of_the_object_after_the_change(box: BoxClient) -> None:
    url = box.plain_object()
    first = box.put(f"{url}/flags", {"flagList": {"flag": ["\\Seen"]}}).headers["etag"]
    assert box.get(url).headers["etag"] == first
    assert ask(box, "PUT", f"{url}/flags", first, {"flagList": {"flag": []}}).status_code == 200
    assert ask(box, "PUT", f"{url}/flags", first, {"flagList": {"flag": ["\\Seen"]}}).status_code == 412
    assert id_of(url)
