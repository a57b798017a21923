"""Who may do what: every route needs a token with the right scope, and a box is for its owner alone."""

import base64
import json
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import ALL, NETWORK, BoxClient, fault, new_box
from tests.clients.following import now, since

READ, CREATE, MODIFY, SUBSCRIPTION = (
    f"oma_rest_nms.{name}" for name in ("read", "create", "modify", "subscription")
)
ROUTES = [
    ("GET", "/objects/zz9", READ),
    ("GET", "/objects/zz9/flags", READ),
    ("GET", "/objects/zz9/flags/x", READ),
    ("GET", "/objects/zz9/payload", READ),
    ("GET", "/objects/zz9/payloadParts/1", READ),
    ("POST", "/objects/operations/payloads", READ),
    ("GET", "/objects/operations/pathToId", READ),
    ("POST", "/objects/operations/pathToId", READ),
    ("GET", "/folders/zz9", READ),
    ("GET", "/folders/zz9/folderName", READ),
    ("GET", "/folders/operations/pathToId", READ),
    ("POST", "/folders/operations/pathToId", READ),
    ("POST", "/folders/operations/search", READ),
    ("POST", "/objects/operations/search", READ),
    ("GET", "/changes", READ),
    ("POST", "/objects", CREATE),
    ("POST", "/objects/operations/bulkCreation", CREATE),
    ("GET", "/uploads/zz9", CREATE),
    ("DELETE", "/uploads/zz9", CREATE),
    ("PUT", "/objects/zz9/flags", MODIFY),
    ("PUT", "/objects/zz9/flags/x", MODIFY),
    ("DELETE", "/objects/zz9/flags/x", MODIFY),
    ("DELETE", "/objects/zz9", MODIFY),
    ("POST", "/objects/operations/bulkUpdate", MODIFY),
    ("POST", "/objects/operations/bulkDelete", MODIFY),
    ("DELETE", "/objects/operations/bulkDelete", MODIFY),
    ("POST", "/folders", MODIFY),
    ("DELETE", "/folders/zz9", MODIFY),
    ("PUT", "/folders/zz9/folderName", MODIFY),
    ("POST", "/folders/operations/copyToFolder", MODIFY),
    ("POST", "/folders/operations/moveToFolder", MODIFY),
    ("GET", "/subscriptions", SUBSCRIPTION),
    ("POST", "/subscriptions", SUBSCRIPTION),
    ("GET", "/subscriptions/zz9", SUBSCRIPTION),
    ("POST", "/subscriptions/zz9", SUBSCRIPTION),
    ("DELETE", "/subscriptions/zz9", SUBSCRIPTION),
]
STORING = {
    ("POST", "/objects"),
    ("POST", "/objects/operations/bulkCreation"),
    ("GET", "/uploads/zz9"),
    ("DELETE", "/uploads/zz9"),
    ("POST", "/folders"),
}
ROUTE_NAMES = [f"{method} {path}" for method, path, _ in ROUTES]


def ask(method: str, url: str, token: str | None) -> httpx.Response:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    body = None if method == "GET" else {}
    return httpx.request(method, url, headers=headers, json=body, timeout=30)


@pytest.mark.nms("OAuth scopes", "Each route is opened by its scope of NMS, or by oma_rest_nms.all_v1")
@pytest.mark.parametrize(("method", "path", "scope"), ROUTES, ids=ROUTE_NAMES)
def test_each_route_is_opened_by_its_scope_and_by_no_other(
    stack: LocalStack, method: str, path: str, scope: str
) -> None:
    box = new_box()
    url = f"{stack.url}/nms/v1/main/{quote(box, safe='')}{path}"
    for other in {READ, CREATE, MODIFY, SUBSCRIPTION} - {scope}:
        assert fault(ask(method, url, stack.token(box, other))) == (403, "POL0001")
    for opening in (scope, ALL, f"{scope} {ALL}"):
        assert ask(method, url, stack.token(box, opening)).status_code not in (401, 403, 405)


@pytest.mark.nms("POL0001", "Another's box is closed: 403")
@pytest.mark.parametrize(("method", "path", "scope"), ROUTES, ids=ROUTE_NAMES)
def test_anothers_box_is_closed_before_anything_of_it_is_told(
    stack: LocalStack, method: str, path: str, scope: str
) -> None:
    with BoxClient(stack) as owner:
        there = owner.text_object()
        token = now(owner)
        stranger = stack.token(new_box(), f"{scope} {ALL}")
        for box in (owner.base, f"{stack.url}/nms/v1/main/{quote(new_box(), safe='')}"):
            for one in (path, path.replace("zz9", there.rsplit("/", 1)[1])):
                answer = ask(method, box + one, stranger)
                assert fault(answer) == (403, "POL0001")
                assert "location" not in answer.headers
        assert since(owner, token) == []


@pytest.mark.nms("401")
@pytest.mark.parametrize(("method", "path", "scope"), ROUTES, ids=ROUTE_NAMES)
def test_no_route_is_open_without_a_token(stack: LocalStack, method: str, path: str, scope: str) -> None:
    url = f"{stack.url}/nms/v1/main/{quote(new_box(), safe='')}{path}"
    assert ask(method, url, None).status_code == 401


def _encoded(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _decoded(text: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=="))
    return content


@pytest.mark.nms("401")
def test_a_token_that_was_tampered_with_opens_nothing(stack: LocalStack) -> None:
    box, other = new_box(), new_box()
    header, claims, signature = stack.token(box).split(".")
    foreign = _encoded({**_decoded(claims), "sub": other})
    no_algorithm = _encoded({**_decoded(header), "alg": "none"})
    by_secret = {**_decoded(header), "alg": "HS256"}
    (public,) = httpx.get(f"{stack.url}/local/jwks").json()["keys"]
    forged = [
        "x",
        f"{header}.{claims}",
        f"{header}.{claims}.",
        f"{header}.{foreign}.{signature}",
        f"{no_algorithm}.{foreign}.",
        f"{no_algorithm}.{foreign}.{signature}",
        jwt.encode({**_decoded(claims), "sub": other}, public["n"], "HS256", headers=by_secret),
    ]
    for token in forged:
        for whose in (box, other):
            url = f"{stack.url}/nms/v1/main/{quote(whose, safe='')}/changes"
            assert ask("GET", url, token).status_code == 401


@pytest.mark.nms("acr:auth", "acr:auth in a URL is the caller's own box; answers name the box by its real id")
@pytest.mark.parametrize("own", ["acr:auth", "acr%3Aauth"])
def test_acr_auth_is_the_callers_own_box_under_its_real_name(stack: LocalStack, own: str) -> None:
    with BoxClient(stack) as client:
        made = client.text_object()
        base = client.base.replace(quote(client.box, safe=""), own)
        token = stack.token(client.box)
        found = ask("GET", f"{base}/objects/{made.rsplit('/', 1)[1]}", token).json()["object"]
        assert found["resourceURL"] == made
        assert found["payloadURL"].startswith(made)
    other = BoxClient(stack)
    unknown = ask("GET", f"{base}/objects/{made.rsplit('/', 1)[1]}", stack.token(other.box))
    assert fault(unknown) == (404, "SVC0004")


def test_acr_auth_in_a_reference_is_the_callers_own_box(stack: LocalStack) -> None:
    with BoxClient(stack) as client:
        made = client.text_object()
        reference = f"/nms/v1/main/acr:auth/objects/{made.rsplit('/', 1)[1]}"
        (item,) = client.copy(client.folder_at("/RCSMessageStore"), objects=[reference])
        assert item["success"]["resourceURL"].startswith(client.base)


def test_the_network_stores_in_any_box_of_its_store(stack: LocalStack) -> None:
    with BoxClient(stack) as owner:
        token = stack.token("network", NETWORK)
        body = {"object": {"parentFolderPath": "/Default/conversation"}}
        made = httpx.post(f"{owner.base}/objects", json=body, headers={"authorization": f"Bearer {token}"})
        assert made.status_code == 201
        assert owner.get(made.json()["reference"]["resourceURL"]).status_code == 200
        elsewhere = owner.base.replace("/main/", "/another/")
        assert fault(ask("GET", f"{elsewhere}/changes", token)) == (403, "POL0001")


@pytest.mark.parametrize("box", ["tel:+1#L0", "tel:+1#S", "a/b", "a\nb", "x" * 256])
def test_a_token_for_what_can_be_no_box_opens_nothing(stack: LocalStack, box: str) -> None:
    """Not even its own: such a name could be mistaken for a part of another box."""
    url = f"{stack.url}/nms/v1/main/acr:auth/changes"
    assert fault(ask("GET", url, stack.token(box))) == (403, "POL0001")


@pytest.mark.nms("URL variables", "No encoding leads from one's own box into another's")
def test_no_way_leads_through_ones_own_box_into_anothers(stack: LocalStack) -> None:
    with BoxClient(stack) as owner, BoxClient(stack) as other:
        there = other.text_object().rsplit("/", 1)[1]
        name = quote(other.box, safe="")
        for way in (f"../{name}", f"%2e%2e/{name}", f"..%2F{name}", f"%2F..%2F{name}", f"{name}%00"):
            answer = owner.http.get(f"{owner.base}/{way}/objects/{there}")
            assert answer.status_code in (403, 404)
            assert there not in answer.text


@pytest.mark.nms("base URL", "A token opens boxes of its own store (storeName) alone")
def test_a_store_of_another_name_is_closed(stack: LocalStack) -> None:
    with BoxClient(stack) as client:
        elsewhere = client.base.replace("/main/", "/another/")
        assert fault(client.http.get(f"{elsewhere}/changes")) == (403, "POL0001")


def test_the_networks_own_scope_opens_storing_and_nothing_else(stack: LocalStack) -> None:
    with BoxClient(stack) as owner:
        there = owner.text_object()
        network = stack.token("network", "onecopy.network")
        for method, path, _ in ROUTES:
            url = owner.base + path.replace("zz9", there.rsplit("/", 1)[1])
            if (method, path) not in STORING:
                assert fault(ask(method, url, network)) == (403, "POL0001")
        folder = {"folder": {"parentFolderPath": "/Default", "name": "conversation"}}
        headers = {"authorization": f"Bearer {network}"}
        assert httpx.post(f"{owner.base}/folders", json=folder, headers=headers).status_code == 201
        message = {"object": {"parentFolderPath": "/Default/conversation"}}
        assert httpx.post(f"{owner.base}/objects", json=message, headers=headers).status_code == 201


def test_a_wrong_method_is_told_whatever_the_scope(stack: LocalStack) -> None:
    with BoxClient(stack, scope=CREATE) as client:
        assert fault(client.http.put("/objects")) == (405, "SVC0002")
