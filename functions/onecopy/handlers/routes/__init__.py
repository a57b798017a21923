"""The API's resources, a module for each. Its `ROUTES` list every method, path, scope and function."""

from collections.abc import Callable
from dataclasses import dataclass

from onecopy.handlers.edge.request import Answer, Request

READ, CREATE, MODIFY, SUBSCRIBE = (
    f"oma_rest_nms.{right}" for right in ("read", "create", "modify", "subscription")
)


@dataclass(frozen=True)
class Route:
    """`path` is what follows the box; the parts in `<…>` are the function's arguments.

    `json_only`: the answer is Onecopy's own, and has no XML. `stores`: the network may call it on any box.
    `of_store`: it is no box's, so `path` follows the store; only the network may call it.
    """

    method: str
    path: str
    scope: str
    function: Callable[..., Answer]
    json_only: bool = False
    stores: bool = False
    of_store: bool = False


__all__ = ["CREATE", "MODIFY", "READ", "SUBSCRIBE", "Answer", "Request", "Route"]
