"""The API's resources, a room for each. `ROUTES` is the whole of it: method, path, scope, function."""

from collections.abc import Callable
from dataclasses import dataclass

from onecopy.handlers.edge.request import Answer, Request

READ, CREATE, MODIFY, SUBSCRIBE = (
    f"oma_rest_nms.{right}" for right in ("read", "create", "modify", "subscription")
)


@dataclass(frozen=True)
class Route:
    """`path` after the box; what is in `<…>` are the function's arguments.

    `any_type`: not always JSON. `stores`: the network may do it, too, whose box it ever is.
    """

    method: str
    path: str
    scope: str
    function: Callable[..., Answer]
    any_type: bool = False
    stores: bool = False


__all__ = ["CREATE", "MODIFY", "READ", "SUBSCRIBE", "Answer", "Request", "Route"]
