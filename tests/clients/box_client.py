"""A client of one box, over HTTP like any other client: it knows only the API and nothing behind it."""

import json
import secrets
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from infra.local.stack import LocalStack

Json = dict[str, Any]
ALL = "oma_rest_nms.all_v1"
NETWORK = f"{ALL} onecopy.network"
STORE = "/RCSMessageStore"


def new_box() -> str:
    """A new box's id. Each test takes its own, so none disturbs another."""
    return f"tel:+999{secrets.randbelow(10**11):011d}"


class BoxClient:
    """A path is relative to {base}, or a whole resourceURL.

    The small creators require success and return the resourceURL.
    """

    def __init__(self, stack: LocalStack, box: str | None = None, scope: str = ALL) -> None:
        self.box = box or new_box()
        self.base = f"{stack.url}/nms/v1/main/{quote(self.box, safe='')}"
        headers = {"authorization": f"Bearer {stack.token(self.box, scope)}"}
        self.http = httpx.Client(base_url=self.base, headers=headers, timeout=60, verify=False)  # no TLS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def get(self, path: str, **content: Any) -> httpx.Response:
        return self.http.get(path, **content)

    def post(self, path: str, body: Any = None, **content: Any) -> httpx.Response:
        """`body` is sent as JSON."""
        return self.http.post(path, json=body, **content)

    def put(self, path: str, body: Any = None, **content: Any) -> httpx.Response:
        return self.http.put(path, json=body, **content)

    def delete(self, path: str, **content: Any) -> httpx.Response:
        return self.http.request("DELETE", path, **content)

    def folder(self, name: str | None = None, parent: str = STORE, **more: Any) -> str:
        """`parent` is a path or a resourceURL."""
        body = {"folder": {**_parent(parent), **({"name": name} if name else {}), **more}}
        return _made(self.post("/folders", body))

    def plain_object(self, parent: str = STORE, **more: Any) -> str:
        """Creates an object without content. `more`: its other fields."""
        return _made(self.create({**_parent(parent), **more}))

    def text_object(self, text: str = "hello", parent: str = STORE, **more: Any) -> str:
        return _made(self.create({**_parent(parent), **more}, text))

    def create(self, given: Json, text: str | None = None) -> httpx.Response:
        """Sends form-data if there is a text as content, and JSON if not."""
        if text is None:
            return self.post("/objects", {"object": given})
        root = (None, json.dumps({"object": given}), "application/json")
        return self.post("/objects", files={"root-fields": root, "attachments": (None, text, "text/plain")})

    def copy(self, target: str, objects: Sequence[str] = (), folders: Sequence[str] = ()) -> list[Json]:
        return self.transfer("copy", target, objects, folders)

    def move(self, target: str, objects: Sequence[str] = (), folders: Sequence[str] = ()) -> list[Json]:
        return self.transfer("move", target, objects, folders)

    def folder_at(self, path: str) -> str:
        """The resourceURL of the folder at a path."""
        answer = self.get("/folders/operations/pathToId", params={"path": path})
        url: str = answer.raise_for_status().json()["reference"]["resourceURL"]
        return url

    def transfer(self, verb: str, target: str, objects: Sequence[str], folders: Sequence[str]) -> list[Json]:
        """Copies or moves. Returns the items of the answer, each with its code."""
        answer = self.post(f"/folders/operations/{verb}ToFolder", transfer(target, objects, folders))
        items: list[Json] = answer.raise_for_status().json()["bulkResponseList"]["response"]
        return items


def transfer(target: str, objects: Iterable[str], folders: Iterable[str]) -> Json:
    sources = {
        "objects": {"objectReference": [{"resourceURL": url} for url in objects]},
        "folders": {"folderReference": [{"resourceURL": url} for url in folders]},
    }
    return {"targetSourceRef": {"targetRef": {"resourceURL": target}, "sourceRefs": sources}}


def _parent(parent: str) -> Json:
    return {"parentFolderPath" if parent.startswith("/") else "parentFolder": parent}


def _made(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["reference"]["resourceURL"]
    return url


def id_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


def fault(answer: httpx.Response) -> tuple[int, str]:
    """The status and NMS messageId of a refusal, which always has a correlation id."""
    assert answer.headers["x-correlation-id"]
    return answer.status_code, message_id(answer.json()["requestError"])


def codes(items: Sequence[Json]) -> list[int | tuple[int, str]]:
    """The code of each item of a bulk answer, with the messageId if the item failed."""
    return [
        (item["code"], message_id(item["failure"].get("requestError", item["failure"])))
        if "failure" in item
        else item["code"]
        for item in items
    ]


def message_id(error: Json) -> str:
    found: str = (error.get("serviceException") or error["policyException"])["messageId"]
    return found
