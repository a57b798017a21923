"""Runs the `api` handler in this process, on a running stack's table and bucket, to count its calls."""

import base64
import gzip
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.aws.template import REGION
from infra.local.emulator.clients import endpoint_variables
from infra.local.stack import LocalStack

_PART = '--parts\r\nContent-Disposition: form-data; name="{}"\r\nContent-Type: {}\r\n\r\n{}\r\n'
NETWORK = "oma_rest_nms.all_v1 onecopy.network"


@dataclass
class Answer:
    """An answer; `wire` is its bytes as sent, gzipped if that is worthwhile."""

    json: Any
    wire: int


class Api:
    """The handler takes its settings from the environment, so a process has only one of these."""

    def __init__(self, stack: LocalStack) -> None:
        key, secret = stack.credentials
        os.environ |= {
            **endpoint_variables(stack.endpoints),
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": REGION,
            "POWERTOOLS_SERVICE_NAME": "onecopy",
            "POWERTOOLS_METRICS_DISABLED": "true",
            "TABLE_NAME": stack.name("Table"),
            "CONTENT_BUCKET": stack.name("ContentBucket"),
            "JOBS_QUEUE_URL": stack.name("JobsQueue"),
            "DELIVERY_QUEUE_URL": stack.name("DeliveryQueue"),
            "RECLAIM_QUEUE_URL": stack.name("ReclaimQueue"),
            "ALLOW_LOCAL_CALLBACKS": "1",
            "RESTART_TOKEN_KEYS": "measured",
            "SERVER_ROOT": stack.url,
        }
        from onecopy.handlers import api

        self._handler: Callable[[dict[str, Any], Any], dict[str, Any]] = api.handler

    def ask(
        self, method: str, box: str, path: str, body: Any = None, query: dict[str, str] | None = None
    ) -> Answer:
        """Send one request; bytes are form-data with the boundary `parts`. An error raises."""
        answer = self.respond(method, box, path, body, query)
        if answer["statusCode"] >= 400:
            raise RuntimeError(f"{method} {path}: {answer['statusCode']}")
        raw = answer.get("body") or ""
        sent = base64.b64decode(raw) if answer.get("isBase64Encoded") else raw.encode()
        plain = gzip.decompress(sent) if answer.get("isBase64Encoded") else sent
        return Answer(json.loads(plain or b"null"), len(sent))

    def respond(
        self, method: str, box: str, path: str, body: Any = None, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """The function's answer to the gateway, whatever it is."""
        return self._handler(_event(method, box, path, body, query), None)

    def store(self, box: str, subject: str, text: str) -> str:
        """Store a message with one part, whose content is in the request; returns its resourceURL."""
        return self.store_as(box, {"Subject": subject}, text)

    def deliver(self, boxes: Sequence[str], path: str, text: str) -> list[str]:
        """Deliver one content to many boxes; returns the resourceURLs."""
        asked = {"boxes": {"boxId": list(boxes)}, "object": {"parentFolderPath": path}}
        answer = self.ask("POST", "operations", "/deliver", _form(json.dumps({"deliver": asked}), text))
        return [item["success"]["resourceURL"] for item in answer.json["bulkResponseList"]["response"]]

    def store_as(self, box: str, attributes: Mapping[str, str], text: str) -> str:
        named = [{"name": name, "value": [value]} for name, value in attributes.items()]
        root = json.dumps({"object": {"attributes": {"attribute": named}}})
        answer = self.ask("POST", box, "/objects", _form(root, text))
        return str(answer.json["reference"]["resourceURL"])

    def folder(self, box: str, name: str) -> str:
        body = {"folder": {"parentFolderPath": "/RCSMessageStore", "name": name}}
        url: str = self.ask("POST", box, "/folders", body).json["reference"]["resourceURL"]
        return url

    def copy(self, box: str, sources: list[str], target: str) -> list[str]:
        """Copy objects into a folder; returns the copies' resourceURLs."""
        references = [{"resourceURL": source} for source in sources]
        body = {
            "targetSourceRef": {
                "targetRef": {"resourceURL": target},
                "sourceRefs": {"objects": {"objectReference": references}},
            }
        }
        answer = self.ask("POST", box, "/folders/operations/copyToFolder", body)
        return [item["success"]["resourceURL"] for item in answer.json["bulkResponseList"]["response"]]

    def latest(self, box: str) -> str:
        """The token of a client that has listed the whole box, and taken what the listing may repeat."""
        query, listing = {"maxEntries": "1000"}, True
        while True:
            answer = self.ask("GET", box, "/changes", query=query).json
            query["restartToken"] = answer["nmsEventList"]["restartToken"]
            if not listing and not answer["nmsEventList"]["nmsEvent"]:
                return query["restartToken"]
            listing &= answer["more"]


def _form(root: str, text: str) -> bytes:
    parts = (("root-fields", "application/json", root), ("attachments", "text/plain", text))
    return ("".join(_PART.format(*part) for part in parts) + "--parts--\r\n").encode()


def _event(method: str, box: str, path: str, body: Any, query: dict[str, str] | None) -> dict[str, Any]:
    form = isinstance(body, bytes)
    return {
        "rawPath": f"/nms/v1/main/{box}{path}",
        "queryStringParameters": query,
        "headers": {
            "content-type": "multipart/form-data; boundary=parts" if form else "application/json",
            "accept-encoding": "gzip",
        },
        "requestContext": {
            "http": {"method": method},
            "requestId": "measured",
            "stage": "$default",
            "authorizer": {"jwt": {"claims": {"sub": box, "scope": NETWORK}}},
        },
        "body": base64.b64encode(body).decode() if form else None if body is None else json.dumps(body),
        "isBase64Encoded": form,
    }
