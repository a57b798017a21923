"""Every request that the contract shows is sent to a store, and the store answers as the contract says."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from infra.contract.reading import Example, examples, shown
from infra.local.stack import LocalStack
from tests.clients.box_client import ALL, NETWORK, BoxClient, id_of
from tests.contract.validation import answer_faults

EXAMPLES = {str(one): one for one in examples()}
STORY = [
    "createFolder",
    "createObject-text",
    "createObject-parts",
    "createObject-upload",
    "subscribe-everything",
    "putPreferences-created",
]
"""In a new box, these make what the others name: the folder a4, the objects a5 and a6, the upload a7."""

Ids = dict[str, str]


def send(client: BoxClient, example: Example, ids: Ids, **headers: str) -> httpx.Response:
    asked = example.operation
    ids = asked.given("path") | ids
    path = asked.path.format(**{name: quote(value, safe="") for name, value in ids.items()})
    if asked.of_store:
        path = client.base.removesuffix(urlsplit(client.base).path) + path
    content: dict[str, Any] = {}
    if example.kind == "application/json":
        content = {"json": example.body}
    elif example.kind:
        root = (None, json.dumps(example.body["root-fields"]), "application/json")
        attached = ((None, text, "text/plain; charset=utf-8") for text in example.body["attachments"])
        content = {"files": [("root-fields", root), *(("attachments", one) for one in attached)]}
    accept = {"accept": "application/json"} | asked.given("header") | headers
    return client.http.request(asked.method, path, params=asked.given("query"), headers=accept, **content)


def scope_for(example: Example) -> str:
    return NETWORK if example.operation.of_store else ALL


def told(client: BoxClient, names: list[str]) -> Ids:
    """Sends these examples in order; returns the ids that no example can know."""
    ids = {}
    for name in names:
        answer = send(client, EXAMPLES[name], {})
        assert answer.status_code == EXAMPLES[name].status, answer.text
        if name == "subscribe-everything":
            ids["subscriptionId"] = id_of(answer.headers["location"])
    return ids


def fields(value: Any, at: str = "") -> Iterator[str]:
    """The path of each field in a body, whatever its place in a list."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield f"{at}.{name}"
            yield from fields(one, f"{at}.{name}")
    elif isinstance(value, list):
        for one in value:
            yield from fields(one, at)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_answered_as_the_contract_says(stack: LocalStack, name: str) -> None:
    example = EXAMPLES[name]
    with BoxClient(stack, scope=scope_for(example)) as client:
        ids = told(client, STORY[: STORY.index(name)] if name in STORY else STORY)

        answer = send(client, example, ids)

        assert answer.status_code == example.status, answer.text
        assert answer_faults(example.operation, answer) == []
        for media in example.operation.responses[example.status].get("content", {}).values():
            values = shown(media)
            like = values.get(example.name, values.get(None))
            assert set(fields(like)) <= set(fields(answer.json()))


@pytest.mark.parametrize("name", ["getPayload", "getPayloadPart"])
def test_content_is_a_redirect_unless_json_is_asked_for(stack: LocalStack, name: str) -> None:
    with BoxClient(stack) as client:
        told(client, STORY[:2])

        answer = send(client, EXAMPLES[name], {}, accept="*/*")

        assert answer.status_code == 307
        assert answer_faults(EXAMPLES[name].operation, answer) == []


def test_a_listing_by_preferences_is_answered_as_the_contract_says(stack: LocalStack) -> None:
    [changes] = [one.operation for one in EXAMPLES.values() if one.operation.name == "getChanges"]
    with BoxClient(stack) as client:
        told(client, STORY)

        listed = client.get("/changes", params={"preferences": "phone"})
        unknown = client.get("/changes", params={"preferences": "none"})

        assert (listed.status_code, answer_faults(changes, listed)) == (200, [])
        assert (unknown.status_code, answer_faults(changes, unknown)) == (400, [])


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_refused_as_the_contract_says(stack: LocalStack, name: str) -> None:
    """Without a token; in a box that is empty; to a client that takes only XML."""
    example = EXAMPLES[name]
    with BoxClient(stack, scope=scope_for(example)) as client:
        without = send(client, example, {}, authorization="Bearer none")
        assert (without.status_code, answer_faults(example.operation, without)) == (401, [])

        empty = send(client, example, {})
        assert answer_faults(example.operation, empty) == []
        xml = send(client, example, {}, accept="application/xml")
        assert xml.status_code in example.operation.responses
