"""Reads the contract: its operations, with references followed, and its examples of requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CONTRACT = Path(__file__).parents[1] / "openapi.yaml"
METHODS = ("get", "put", "post", "delete")


@cache
def contract() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C takes a tenth of the time
    content: dict[str, Any] = yaml.load(CONTRACT.read_text(), Loader=loader)  # noqa: S506  a safe loader
    return content


def followed(node: Any) -> Any:
    """The node itself, or what it refers to. Raises KeyError if that is missing."""
    while isinstance(node, Mapping) and "$ref" in node:
        found: Any = contract()
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


@dataclass(frozen=True)
class Operation:
    """One method of one path. `path` follows the box, as in `/objects/{objectId}`.

    `of_store`: it belongs to no box, so `path` follows the server's root.
    """

    method: str
    path: str
    parameters: tuple[dict[str, Any], ...]
    content: dict[str, Any]
    of_store: bool = False

    @property
    def name(self) -> str:
        return str(self.content["operationId"])

    @property
    def scopes(self) -> frozenset[str]:
        """Any one of them is enough."""
        return frozenset(scope for one in self.content["security"] for scope in one["token"])

    @property
    def responses(self) -> dict[int, dict[str, Any]]:
        return {int(status): followed(one) for status, one in self.content["responses"].items()}

    def given(self, place: str) -> dict[str, Any]:
        """The parameters' examples, by name. `place`: path, query or header."""
        return {
            one["name"]: one["example"]
            for one in self.parameters
            if one["in"] == place and one.get("example") is not None
        }


@dataclass(frozen=True)
class Example:
    """A request that the contract shows. `kind`: the media type of the body; None if there is none."""

    operation: Operation
    name: str | None
    kind: str | None
    body: Any
    status: int

    def __str__(self) -> str:
        return "-".join(filter(None, (self.operation.name, self.name)))


def operations() -> Iterator[Operation]:
    for path, item in contract()["paths"].items():
        shared = item.get("parameters", [])
        for method in METHODS:
            if method in item:
                parameters = map(followed, (*shared, *item[method].get("parameters", [])))
                yield Operation(method.upper(), path, tuple(parameters), item[method], "servers" in item)


def examples() -> Iterator[Example]:
    """Every example of a request, with the status that the contract promises for it."""
    for operation in operations():
        body = followed(operation.content.get("requestBody"))
        if not body:
            yield Example(operation, None, None, None, _status(operation, None))
            continue
        for kind, media in body["content"].items():
            for name, value in shown(media).items():
                yield Example(operation, name, kind, value, _status(operation, name))


def shown(media: Mapping[str, Any]) -> dict[str | None, Any]:
    """The examples of a body by name. A single one has none."""
    if "example" in media:
        return {None: media["example"]}
    return {name: followed(one)["value"] for name, one in media.get("examples", {}).items()}


def _status(operation: Operation, name: str | None) -> int:
    """The response that has an example of the same name, or else the first that is no error."""
    for status, response in operation.responses.items():
        for media in response.get("content", {}).values():
            if name is not None and name in shown(media):
                return status
    return next(status for status in operation.responses if status < 400)
