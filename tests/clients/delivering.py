"""Plays the network that delivers one object to many boxes."""

import json
from collections.abc import Sequence
from typing import Any

import httpx

from infra.local.stack import LocalStack

NETWORK = "onecopy.network"
Json = dict[str, Any]


class Network:
    """Its token names no box, as a machine's does not."""

    def __init__(self, stack: LocalStack, scope: str = NETWORK) -> None:
        self.url = f"{stack.url}/nms/v1/main/operations/deliver"
        token = stack.token("the network", scope)
        self.http = httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=60, verify=False)

    def deliver(
        self, boxes: Sequence[Any], *contents: bytes, given: Json | None = None, key: str | None = None
    ) -> httpx.Response:
        """Sends form-data with the contents, or JSON if there is none."""
        body = {"deliver": {"boxes": {"boxId": list(boxes)}, "object": given or {}}}
        headers = {"idempotency-key": key} if key else {}
        if not contents:
            return self.http.post(self.url, json=body, headers=headers)
        files: list[Any] = [("root-fields", (None, json.dumps(body), "application/json"))]
        files += [("attachments", (None, content, "text/plain")) for content in contents]
        return self.http.post(self.url, files=files, headers=headers)

    def delivered(self, boxes: Sequence[Any], *contents: bytes, **more: Any) -> list[Json]:
        """The items of the answer, which is a 200."""
        answer = self.deliver(boxes, *contents, **more)
        assert answer.status_code == 200, answer.text
        items: list[Json] = answer.json()["bulkResponseList"]["response"]
        return items


def urls(items: Sequence[Json]) -> list[str]:
    return [item["success"]["resourceURL"] for item in items]
