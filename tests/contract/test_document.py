"""The contract as a document: complete, consistent, and about the routes that there are."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from infra.contract.reading import CONTRACT, Operation, contract, examples, followed, operations, shown
from infra.docs.tables import every_route, path_of
from onecopy.handlers.edge.caller import ALL, NETWORK
from onecopy.handlers.routes import Route
from tests.contract.validation import faults

OPERATIONS = list(operations())
OF_ALL = {401, 403, 429, 500, 503}
"""What every operation may be answered with."""


def bodies(node: Any) -> Iterator[dict[str, Any]]:
    """Every body, with its schema and its examples."""
    if isinstance(node, dict):
        if isinstance(node.get("content"), dict):
            yield from node["content"].values()
        for one in node.values():
            yield from bodies(one)


def scopes_of(route: Route) -> frozenset[str]:
    """Any one of them is enough."""
    return frozenset({NETWORK} if route.of_store else {route.scope, ALL, *([NETWORK] * route.stores)})


def test_the_contract_has_the_routes_and_scopes_of_the_code() -> None:
    said = {(one.method, one.path): one.scopes for one in OPERATIONS}
    true = {(route.method, path_of(route)): scopes_of(route) for route in every_route()}

    assert said == true


def test_what_belongs_to_no_box_follows_the_root_of_the_server() -> None:
    said = {(one.method, one.path) for one in OPERATIONS if one.of_store}

    assert said == {(route.method, path_of(route)) for route in every_route() if route.of_store}


def test_the_contract_says_which_answers_have_no_xml() -> None:
    said = {(one.method, one.path) for one in OPERATIONS if 406 in one.responses}
    true = {(route.method, path_of(route)) for route in every_route() if route.json_only}

    assert said == true | {("POST", "/objects")}  # whose 202 has none


def test_the_contract_knows_every_scope_it_names() -> None:
    known = contract()["components"]["securitySchemes"]["token"]["flows"]["clientCredentials"]["scopes"]

    assert {scope for one in OPERATIONS for scope in one.scopes} == set(known)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_is_described(operation: Operation) -> None:
    named = set(re.findall(r"\{(\w+)\}", operation.path))

    assert operation.content["summary"]
    assert {tag["name"] for tag in contract()["tags"]} >= set(operation.content["tags"])
    assert set(operation.given("path")) == named
    assert set(operation.responses) >= OF_ALL
    assert ({413, 415} <= set(operation.responses)) == ("requestBody" in operation.content)
    assert 404 in operation.responses or not named - {"storeName"}  # another store's name is a 403
    conditional = {one["name"] for one in operation.parameters} & {"If-Match"}
    assert bool(conditional) == (412 in operation.responses)


def test_no_two_operations_have_one_name() -> None:
    assert [name for name, times in Counter(one.name for one in OPERATIONS).items() if times > 1] == []


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    used = set(re.findall(r'"\$ref": "#/components/(\w+/\w+)"', json.dumps(contract())))
    there = {
        f"{kind}/{name}"
        for kind, components in contract()["components"].items()
        for name in components
        if kind != "securitySchemes"
    }

    assert used == there


def test_every_schema_is_one() -> None:
    for schema in contract()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_example_of_a_body_is_as_its_schema_says() -> None:
    wrong = [
        fault
        for media in bodies(contract())
        for value in shown(media).values()
        for fault in faults(media["schema"], value)
    ]

    assert wrong == []


def test_every_body_that_is_sent_or_tells_of_success_has_an_example() -> None:
    shown_in = {one.operation.name for one in examples()}
    bare = [
        f"{one.name} {status}"
        for one in OPERATIONS
        for status, response in one.responses.items()
        if status < 400 and not all(map(shown, response.get("content", {}).values()))
    ]

    assert (shown_in, bare) == ({one.name for one in OPERATIONS}, [])


def test_the_contract_promises_no_cache_and_a_correlation_id_with_every_answer_of_the_store() -> None:
    lacking = [
        f"{one.name} {status}"
        for one in OPERATIONS
        for status, response in one.responses.items()
        if status < 400 and not {"x-correlation-id", "Cache-Control"} <= set(response["headers"])
    ]

    assert lacking == []


def test_the_contract_is_written_in_lines_that_can_be_read() -> None:
    assert [line for line in CONTRACT.read_text().splitlines() if len(line) > 120] == []
    assert followed({"$ref": "#/info/title"}) == "Onecopy"
