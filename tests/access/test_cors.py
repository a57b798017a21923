"""Cross-origin requests, sent by hand and judged by the rules that the Fetch standard sets for browsers."""

from typing import Any

import httpx
import pytest

from tests.clients.box_client import BoxClient
from tests.clients.browser import APP, STRANGER
from tests.clients.uploading import DATA, announced, begin, put

SAFE_METHODS = {"GET", "HEAD", "POST"}
READABLE = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified"}
ON_THE_WAY = {
    "apigw-requestid",
    "connection",
    "content-encoding",
    "date",
    "server",
    "transfer-encoding",
    "vary",
}
ELSEWHERE = [
    STRANGER,
    "null",
    f"{APP}:8080",
    APP.replace("http", "https"),
    f"{APP}.example",
    "http://localhost",
]
ASKED = [
    ("GET", "/changes", ["accept", "authorization"]),
    ("GET", "/objects/1", ["authorization", "if-none-match"]),
    ("POST", "/objects", ["authorization", "content-type", "idempotency-key"]),
    ("PUT", "/objects/1/flags", ["authorization", "content-type", "if-match"]),
    ("DELETE", "/objects/1", ["authorization", "if-match"]),
    ("POST", "/no/such/resource", ["authorization", "content-type"]),
]


def preflight(url: str, origin: str, method: str, names: list[str]) -> httpx.Response:
    """Sent as a browser does: no token, no body, and the lower-case header names sorted and joined."""
    headers = {"origin": origin, "access-control-request-method": method}
    if names:
        headers["access-control-request-headers"] = ",".join(sorted(names))
    return httpx.options(url, headers=headers, verify=False)


def lets_in(answer: httpx.Response, origin: str) -> bool:
    """Fetch, 4.10: the CORS check for a request without credentials."""
    return answer.headers.get("access-control-allow-origin") in (origin, "*")


def lets_ask(answer: httpx.Response, origin: str, method: str, names: list[str]) -> bool:
    """Fetch, 4.8: the CORS-preflight fetch."""
    allowed = listed(answer, "access-control-allow-headers")
    return (
        lets_in(answer, origin)
        and 200 <= answer.status_code <= 299
        and (method in listed(answer, "access-control-allow-methods") or method in SAFE_METHODS)
        and {name.lower() for name in names} <= {name.lower() for name in allowed}
    )


def listed(answer: httpx.Response, name: str) -> set[str]:
    return {one.strip() for one in answer.headers.get(name, "").split(",") if one.strip()}


def said_of_origins(answer: httpx.Response) -> list[str]:
    return [name for name in answer.headers if name.startswith("access-control-")]


def part(client: BoxClient) -> tuple[str, list[str], dict[str, Any]]:
    """An upload's URL, the names of the headers that a page sends to it, and the whole part as answered."""
    (slot,) = begin(client, announced())["part"]
    return slot["href"], [name for name in slot["headers"] if name != "content-length"], slot


@pytest.mark.parametrize(("method", "path", "names"), ASKED)
def test_a_preflight_of_the_api_is_answered_without_a_token(
    client: BoxClient, method: str, path: str, names: list[str]
) -> None:
    answer = preflight(client.base + path, APP, method, names)

    assert lets_ask(answer, APP, method, names)
    assert answer.content == b""
    assert not lets_ask(answer, APP, "PATCH", names)
    assert not lets_ask(answer, APP, method, [*names, "x-other"])


@pytest.mark.whole
@pytest.mark.parametrize("origin", ELSEWHERE)
def test_a_page_of_another_origin_is_named_in_no_answer(client: BoxClient, origin: str) -> None:
    url = client.text_object()
    href = client.get(f"{url}/payload").headers["location"]
    put_at, names, _ = part(client)

    answers = [
        *(preflight(client.base + path, origin, method, names) for method, path, names in ASKED),
        client.get(url, headers={"origin": origin}),
        client.get("/objects/none", headers={"origin": origin}),
        preflight(put_at, origin, "PUT", names),
        preflight(href, origin, "GET", ["range"]),
        httpx.get(href, headers={"origin": origin}),
    ]

    assert [answer for answer in answers if "access-control-allow-origin" in answer.headers] == []


@pytest.mark.parametrize("path", ["/objects/none", "/changes?restartToken=none", "/folders", "/none"])
def test_a_refusal_of_the_api_can_be_read_as_well(client: BoxClient, path: str) -> None:
    answer = client.get(path, headers={"origin": APP})

    assert answer.status_code in (400, 404, 405)
    assert lets_in(answer, APP)
    assert {"x-correlation-id", "allow", "retry-after"} <= listed(answer, "access-control-expose-headers")


def test_all_that_the_api_says_in_headers_can_be_read(client: BoxClient) -> None:
    url, page = client.text_object(), {"origin": APP}
    folder = {"folder": {"parentFolder": client.folder_at("/"), "name": "f"}}

    answers = [
        client.get(url, headers=page),
        client.put(url, {}, headers=page),
        client.post("/folders", folder, headers=page),
        client.get("/changes", headers=page),
    ]

    for answer in answers:
        said = {name for name in answer.headers if not name.startswith(("access-control-", "x-amzn-"))}
        assert said - READABLE - ON_THE_WAY <= listed(answer, "access-control-expose-headers")


@pytest.mark.whole
def test_a_preflight_of_an_upload_is_answered_and_the_upload_goes_through(client: BoxClient) -> None:
    href, names, slot = part(client)

    assert lets_ask(preflight(href, APP, "PUT", names), APP, "PUT", names)
    answer = httpx.put(href, content=DATA, headers={**slot["headers"], "origin": APP})
    assert answer.status_code == 200
    assert lets_in(answer, APP)


@pytest.mark.whole
def test_a_preflight_of_a_download_is_answered_and_its_range_comes(client: BoxClient) -> None:
    href = client.get(f"{client.text_object('0123456789')}/payload").headers["location"]

    asked = ["if-range", "range"]
    assert lets_ask(preflight(href, APP, "GET", asked), APP, "GET", asked)
    answer = httpx.get(href, headers={"origin": APP, "range": "bytes=2-4"})
    assert (answer.status_code, answer.text) == (206, "234")
    assert lets_in(answer, APP)
    assert {"content-range", "content-disposition", "etag"} <= listed(answer, "access-control-expose-headers")


@pytest.mark.whole
def test_nobody_may_delete_in_the_bucket_nor_send_what_no_upload_needs(client: BoxClient) -> None:
    href, names, _ = part(client)

    assert not lets_ask(preflight(href, APP, "DELETE", names), APP, "DELETE", names)
    assert not lets_ask(preflight(href, APP, "PUT", ["x-amz-acl"]), APP, "PUT", ["x-amz-acl"])


@pytest.mark.whole
def test_a_request_of_no_page_is_told_nothing_of_origins(client: BoxClient) -> None:
    url = client.text_object()
    href = client.get(f"{url}/payload").headers["location"]

    assert said_of_origins(client.get(url)) == said_of_origins(httpx.get(href)) == []
    assert put(part(client)[2]) == 200
