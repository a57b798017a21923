"""Uploads: content is announced, begun and put to S3 part by part, until its object appears."""

import base64
import hashlib
from typing import Any

import httpx

from tests.clients.box_client import STORE, BoxClient
from tests.clients.eventually import eventually

DATA = bytes(range(256)) * 200
FIELDS = {"parentFolderPath": STORE}


def announced(data: bytes = DATA, **more: Any) -> dict[str, Any]:
    checksum = "sha256:" + base64.b64encode(hashlib.sha256(data).digest()).decode()
    return {"contentType": "image/jpeg", "size": len(data), "checksum": checksum, **more}


def begin(client: BoxClient, *parts: Any, **more: Any) -> dict[str, Any]:
    answer = client.create({**FIELDS, **more, "payloadPart": list(parts)})
    assert answer.status_code == 202, answer.text
    upload: dict[str, Any] = answer.json()["upload"]
    return upload


def put(slot: dict[str, Any], data: bytes = DATA, **headers: str) -> int:
    assert slot["method"] == "PUT"
    return httpx.put(slot["href"], content=data, headers={**slot["headers"], **headers}).status_code


def object_url(client: BoxClient, upload: dict[str, Any]) -> str:
    """Where the object will be."""
    return f"{client.base}/objects/{upload['objectId']}"


def appeared(client: BoxClient, url: str) -> dict[str, Any]:
    found = eventually(lambda: client.get(url).status_code == 200 and client.get(url).json()["object"])
    assert found, "the uploaded object did not appear"
    return dict(found)
