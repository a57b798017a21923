"""A subscriber of a box: it keeps what is pushed to it, as it came, and answers as a test tells it to."""

import json
import socket
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from standardwebhooks import Webhook

from tests.clients import in_xml
from tests.clients.box_client import BoxClient, Json
from tests.clients.eventually import eventually
from tests.clients.receiver import Receiver, Script, read_request

TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


def refusal(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} No", *headers, "Content-Length: 0", "", ""]).encode()


def echo(code: Any) -> bytes:
    body = json.dumps({"code": code}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@dataclass(frozen=True)
class Post:
    headers: dict[str, str]
    body: bytes

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> Json:
        said: Json = in_xml.read(self.body) if self.is_xml else json.loads(self.body)
        return said

    @property
    def is_xml(self) -> bool:
        return self.headers["content-type"] == in_xml.KIND

    @property
    def verification(self) -> Json | None:
        return self.said.get("verification")

    @property
    def list(self) -> Json:
        found: Json = self.said["nmsEventList"]
        return found

    def verify(self, secret: str) -> None:
        """Verifies the signature as a subscriber does, with the Standard Webhooks library.

        Once it has verified a body, the library reads it as JSON.
        """
        with suppress(json.JSONDecodeError) if self.is_xml else nullcontext():
            Webhook(secret).verify(self.body, self.headers)


class Subscriber(Receiver):
    """Echoes a verification's code and accepts every list, unless `verification` or `answer` say otherwise.

    With a given port, it stands for a subscriber that was down and is back.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(self._take, port=port)
        self.posts: list[Post] = []
        self.verification: bytes | None = None
        self.answer: bytes | Script = TAKEN

    def _take(self, connection: socket.socket) -> None:
        _, headers, body = read_request(connection)
        post = Post({name.lower(): value for name, value in headers.items()}, body)
        answer = self.answer
        if post.verification:
            answer = self.verification or echo(post.verification["code"])
        self.posts.append(post)
        if callable(answer):
            answer(connection)
        else:
            connection.sendall(answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    @property
    def verifications(self) -> list[Post]:
        return [post for post in list(self.posts) if post.verification]

    @property
    def lists(self) -> list[Json]:
        """Each list once, in the order in which they first came."""
        found = {post.webhook_id: post.list for post in list(self.posts) if not post.verification}
        return list(found.values())

    @property
    def events(self) -> list[Json]:
        return [event for each in self.lists for event in each["nmsEvent"]]

    @property
    def indexes(self) -> list[int]:
        return [each["index"] for each in self.lists]


def ask(box: BoxClient, url: str, callback: Json | None = None, **given: Any) -> httpx.Response:
    """Asks for a subscription. `given`: its other fields."""
    reference = {"notifyURL": url, **(callback or {})}
    return box.post("/subscriptions", {"nmsSubscription": {"callbackReference": reference, **given}})


def subscribe(box: BoxClient, subscriber: Subscriber, **given: Any) -> Json:
    """The new subscription with its secret, which its owner sees only this once."""
    return shown(ask(box, subscriber.url, **given), 201)


def look(box: BoxClient, subscription: Json) -> Json:
    return shown(box.get(subscription["resourceURL"]), 200)


def update(box: BoxClient, subscription: Json, **given: Any) -> Json:
    return shown(box.post(subscription["resourceURL"], {"nmsSubscriptionUpdate": given}), 200)


def shown(answer: httpx.Response, status: int) -> Json:
    assert answer.status_code == status, answer.text
    subscription: Json = answer.json()["nmsSubscription"]
    return subscription


def active(box: BoxClient, subscriber: Subscriber, **given: object) -> Json:
    made = subscribe(box, subscriber, **given)
    assert eventually(lambda: look(box, made)["state"] == "active")
    return made


def state(box: BoxClient, subscription: Json) -> tuple[str, str | None]:
    """The subscription's state and its last error."""
    found = look(box, subscription)
    return found["state"], found.get("lastError")


def assert_told(subscriber: Subscriber, expected: list[Json]) -> None:
    """It received exactly these events, with indexes without a gap. Lists that came twice were identical."""
    assert eventually(lambda: len(subscriber.events) >= len(expected))
    assert subscriber.events == expected
    assert subscriber.indexes == list(range(1, len(subscriber.indexes) + 1))
    assert_same_again(subscriber)


def assert_same_again(subscriber: Subscriber) -> None:
    posts = list(subscriber.posts)
    assert len({(post.webhook_id, post.body) for post in posts}) == len({post.webhook_id for post in posts})


def end_all(box: BoxClient) -> None:
    """Deletes all subscriptions, which would otherwise go on calling receivers that are gone."""
    for left in box.get("/subscriptions").json()["nmsSubscriptionList"]["subscription"]:
        box.delete(left["resourceURL"])


def some_of_everything(box: BoxClient) -> None:
    folder, other = box.folder("one"), box.folder("two")
    first = box.text_object("hello", folder, correlationId="id", correlationTag="tag")
    box.put(f"{first}/flags/%5CSeen")
    [copied] = box.copy(other, [first])
    box.move(other, [first])
    box.put(f"{folder}/folderName", {"name": "renamed"})
    box.move(other, folders=[folder])
    box.delete(copied["success"]["resourceURL"])
    box.delete(other)
