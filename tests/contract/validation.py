"""Whether an answer is what the contract says. A field that the contract does not know is a fault, too."""

from collections.abc import Iterator
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from infra.contract.reading import Operation, contract, followed


def closed(node: Any) -> Any:
    """The schemas, with every object limited to the properties it names."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    limit = {"additionalProperties": False} if isinstance(node.get("properties"), dict) else {}
    return {**limit, **{name: closed(one) for name, one in node.items()}}


COMPONENTS = {"components": {"schemas": closed(contract()["components"]["schemas"])}}


def faults(schema: Any, value: Any) -> list[str]:
    """What is wrong with the value; empty if nothing is."""
    validator = Draft202012Validator({**closed(schema), **COMPONENTS})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def answer_faults(operation: Operation, answer: httpx.Response) -> list[str]:
    """What the contract does not say of this answer."""
    if answer.status_code not in operation.responses:
        return [f"status {answer.status_code}: {answer.text}"]
    return list(_faults(operation.responses[answer.status_code], answer))


def _faults(response: Any, answer: httpx.Response) -> Iterator[str]:
    for name, header in response.get("headers", {}).items():
        said = followed(header)
        if name in answer.headers:
            if said["schema"]["type"] == "string":
                yield from faults(said["schema"], answer.headers[name])
        elif said.get("required"):
            yield f"no {name}"
    media = response.get("content", {}).get("application/json")
    if media is None:
        yield from (["a body"] if answer.content else [])
    elif answer.headers.get("content-type") != "application/json":
        yield f"content-type {answer.headers.get('content-type')}"
    else:
        yield from faults(media["schema"], answer.json())
