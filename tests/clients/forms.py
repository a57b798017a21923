"""Form-data bodies written by hand, byte for byte, so a test may also write them wrongly."""

import json
from typing import Any

import httpx

from tests.clients.box_client import BoxClient

Part = tuple[bytes, bytes]
"""Headers and body."""


def multipart(*parts: Part, boundary: str = "BB", closed: bool = True) -> bytes:
    line = b"--" + boundary.encode()
    body = b"".join(line + b"\r\n" + headers + b"\r\n\r\n" + content + b"\r\n" for headers, content in parts)
    return body + (line + b"--\r\n" if closed else b"")


def root(
    fields: Any, disposition: str = 'form-data; name="root-fields"', kind: str = "application/json"
) -> Part:
    content = fields if isinstance(fields, bytes) else json.dumps({"object": fields}).encode()
    return f"Content-Disposition: {disposition}\r\nContent-Type: {kind}".encode(), content


def attachment(
    content: bytes,
    kind: str | None = "application/octet-stream",
    disposition: str = 'form-data; name="attachments"',
    more: str = "",
) -> Part:
    headers = f"Content-Disposition: {disposition}" + (f"\r\nContent-Type: {kind}" if kind else "")
    return (headers + (f"\r\n{more}" if more else "")).encode(), content


def send(
    client: BoxClient,
    body: bytes,
    kind: str = "multipart/form-data; boundary=BB",
    path: str = "/objects",
) -> httpx.Response:
    return client.http.post(path, content=body, headers={"content-type": kind})


def bulk(client: BoxClient, objects: list[Any], contents: list[Part]) -> httpx.Response:
    fields = json.dumps({"objectList": {"object": objects}}).encode()
    return send(client, multipart(root(fields), *contents), path="/objects/operations/bulkCreation")
