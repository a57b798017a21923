"""A webhook receiver as a subscriber would write it, for the demo and the tests.

It answers the verification, checks every signature with the library that subscribers use, and keeps the
deliveries. With `answer_with` a test makes it fail.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

_SECRET_PATIENCE = 20.0


@dataclass(frozen=True)
class Delivery:
    """One POST with a valid signature: its webhook-id, its content, and its time (monotonic seconds)."""

    webhook_id: str
    at: float
    body: dict[str, Any]

    @property
    def event_list(self) -> dict[str, Any]:
        events: dict[str, Any] = self.body.get("nmsEventList", {})
        return events

    @property
    def events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.event_list.get("nmsEvent", [])
        return events


class Receiver:
    """Listens on a free loopback port. Give it the subscription's secret as soon as you have it."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.refused = 0
        self.answer_with = 204
        self._secret = ""
        self._has_secret = threading.Event()
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/events"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def trust(self, secret: str) -> None:
        """Set the secret. The verification waits for this: it may overtake the answer with the secret."""
        self._secret = secret
        self._has_secret.set()

    def wait_for(self, enough: Callable[[list[Delivery]], bool], seconds: float = 30.0) -> bool:
        """Wait until `enough` accepts the deliveries so far, or time is up; returns whether it did."""
        with self._arrived:
            return self._arrived.wait_for(lambda: enough(self.deliveries), seconds)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event once, in order, even if its list came twice."""
        lists = {delivery.webhook_id: delivery.events for delivery in self.deliveries}
        return [event for events in lists.values() for event in events]

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any] | None]:
        """Take one POST; returns the status and JSON of the answer."""
        at = time.monotonic()
        self._has_secret.wait(_SECRET_PATIENCE)
        try:
            said: dict[str, Any] = Webhook(self._secret).verify(body, headers)
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):
            self.refused += 1
            return 401, None
        if self.answer_with >= 300:
            return self.answer_with, None
        with self._arrived:
            self.deliveries.append(Delivery(headers["webhook-id"], at, said))
            self._arrived.notify_all()
        if "verification" in said:
            return 200, {"code": said["verification"]["code"]}
        return self.answer_with, None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answer = receiver.take(headers, body)
                content = json.dumps(answer).encode() if answer else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Log nothing: `deliveries` holds what came."""

        return Handler
