"""Input that no route accepts: a wrong method, a body that is not JSON or too large. It changes nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, fault
from tests.clients.following import now, since

METHODS = {
    "/objects": {"POST"},
    "/objects/{object}": {"GET", "DELETE"},
    "/objects/{object}/flags": {"GET", "PUT"},
    "/objects/{object}/flags/x": {"GET", "PUT", "DELETE"},
    "/objects/{object}/payload": {"GET"},
    "/objects/{object}/payloadParts/1": {"GET"},
    "/objects/operations/bulkCreation": {"POST"},
    "/objects/operations/bulkUpdate": {"POST"},
    "/objects/operations/bulkDelete": {"POST", "DELETE"},
    "/objects/operations/pathToId": {"GET", "POST"},
    "/objects/operations/payloads": {"POST"},
    "/uploads/zz9": {"GET", "DELETE"},
    "/folders": {"POST"},
    "/folders/{folder}": {"GET", "DELETE"},
    "/folders/{folder}/folderName": {"GET", "PUT"},
    "/folders/operations/search": {"POST"},
    "/objects/operations/search": {"POST"},
    "/folders/operations/pathToId": {"GET", "POST"},
    "/folders/operations/copyToFolder": {"POST"},
    "/folders/operations/moveToFolder": {"POST"},
    "/changes": {"GET"},
    "/subscriptions": {"GET", "POST"},
    "/subscriptions/zz9": {"GET", "POST", "DELETE"},
}
JSON_ROUTES = [
    ("POST", "/objects"),
    ("PUT", "/objects/{object}/flags"),
    ("POST", "/objects/operations/pathToId"),
    ("POST", "/objects/operations/payloads"),
    ("POST", "/objects/operations/bulkUpdate"),
    ("POST", "/objects/operations/bulkDelete"),
    ("DELETE", "/objects/operations/bulkDelete"),
    ("POST", "/folders"),
    ("PUT", "/folders/{folder}/folderName"),
    ("POST", "/folders/operations/search"),
    ("POST", "/objects/operations/search"),
    ("POST", "/folders/operations/pathToId"),
    ("POST", "/folders/operations/copyToFolder"),
    ("POST", "/folders/operations/moveToFolder"),
    ("POST", "/subscriptions"),
]
NOT_TAKEN = {
    "nothing": b"",
    "cut short": b'{"object":',
    "a text cut short": b'"' + b'\\"' * 100_000,
    "no UTF-8": b'"\xff\xfe"',
    "a null": b"null",
    "a list": b"[]",
    "a text": b'"text"',
    "a number": b"7",
    "an empty object": b"{}",
    "no number": b'{"object":NaN}',
    "half a character": b'{"object":{"correlationId":"\\ud800"}}',
    "too deep": b"[" * 70 + b"]" * 70,
    "far too deep": b'{"a":' * 50_000,
    "a number of many digits": b'{"object":{"lastModSeq":' + b"9" * 100_000 + b"}}",
    "a number beyond all": b'{"object":{"lastModSeq":1e400}}',
    "a number below all": b'{"object":{"x":[-1e9999]}}',
}


@pytest.fixture(scope="module")
def box(stack: LocalStack) -> Iterator[tuple[BoxClient, dict[str, str]]]:
    with BoxClient(stack) as client:
        made = {"object": client.text_object(), "folder": client.folder("folder")}
        yield client, {name: url.rsplit("/", 1)[1] for name, url in made.items()}


@pytest.mark.nms("methods", "A method that a resource does not have is a 405 with Allow")
@pytest.mark.parametrize("path", METHODS)
def test_a_method_that_a_resource_does_not_know_is_refused(box: Any, path: str) -> None:
    client, ids = box
    token = now(client)
    head = {"HEAD"} if "GET" in METHODS[path] else set[str]()
    for method in {"GET", "PUT", "POST", "DELETE", "PATCH", "TRACE", "QUERY", "X"} - METHODS[path]:
        answer = client.http.request(method, path.format(**ids))
        assert fault(answer) == (405, "SVC0002")
        assert set(answer.headers["allow"].split(", ")) == METHODS[path] | head
        assert method not in answer.headers["allow"]
    assert since(client, token) == []


@pytest.mark.nms("SVC0002", "Bad JSON or a bad field is a 400")
@pytest.mark.parametrize(("method", "path"), JSON_ROUTES)
@pytest.mark.parametrize("body", NOT_TAKEN)
def test_a_body_that_says_nothing_is_refused(box: Any, method: str, path: str, body: str) -> None:
    client, ids = box
    token = now(client)
    answer = client.http.request(
        method, path.format(**ids), content=NOT_TAKEN[body], headers={"content-type": "application/json"}
    )
    assert fault(answer) == (400, "SVC0002")
    assert since(client, token) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", None])
def test_only_json_and_forms_are_read(box: Any, kind: str | None) -> None:
    client, _ = box
    answer = client.http.post("/objects", content=b"x", headers={"content-type": kind} if kind else {})
    assert fault(answer)[0] in (400, 415)


def test_a_body_too_large_is_refused_for_that(box: Any) -> None:
    client, _ = box
    body = b'{"object":{"correlationTag":"' + b"x" * 4_100_000 + b'"}}'
    answer = client.http.post("/objects", content=body, headers={"content-type": "application/json"})
    assert fault(answer) == (413, "POL0001")


def test_what_no_gateway_takes_is_refused_by_the_gateway(box: Any) -> None:
    client, _ = box
    answer = client.http.post("/objects", content=b" " * 11_000_000)
    assert answer.status_code == 413


@pytest.mark.nms("SVC0004", "An unknown object, folder or subscription is a 404")
@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/nope",
        "/objects/zz9",
        "/objects/A4",
        "/objects/a%20b",
        "/objects/%2e%2e/changes",
        "/objects/" + "x" * 900,
        "/objects/a4%00",
        "/objects//flags",
        "/objects/x/y/z",
        "/folders/zz9",
        "/folders/zz9/folderName",
        "/folders/日本",
        "/subscriptions/zz9",
        "/preference",
    ],
)
def test_what_is_not_there_is_not_found(box: Any, path: str) -> None:
    client, _ = box
    assert fault(client.get(path)) == (404, "SVC0004")
