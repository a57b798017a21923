"""Stores messages in the box: many small ones by bulkCreation, a large one by direct upload.

A try with an unknown outcome is never simply repeated: first the box's log tells what has arrived.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra.ops.importing.connection import Connection, TryAgain, Unusable, body, fault, message_id, patiently
from infra.ops.importing.form import Item, bulk_creation, upload_parts
from infra.ops.importing.ledger import Ledger

ARRIVAL_PATIENCE = 60.0
ARRIVAL_LOOK = 0.25
FAILURES_KEPT = 20

LONGEST_REQUEST = 30.0
"""Seconds after which the store has finished a request, whether its sender lives or not."""

_BUSY_CODES = {429, 503}


@dataclass
class Outcome:
    """What became of the messages. A failure is a message's number in the file and a code, never its text."""

    read: int = 0
    stored: int = 0
    already: int = 0
    content_bytes: int = 0
    failures: int = 0
    first_failures: list[tuple[int, str]] = field(default_factory=list)
    uploads: "list[Upload]" = field(default_factory=list)
    broken: str = ""

    def add(self, other: "Outcome") -> None:
        self.stored += other.stored
        self.content_bytes += other.content_bytes
        self.failures += other.failures
        self.uploads += other.uploads
        self.first_failures = (self.first_failures + other.first_failures)[:FAILURES_KEPT]

    def store(self, sizes: Iterable[int]) -> None:
        for size in sizes:
            self.stored += 1
            self.content_bytes += size

    def fail(self, number: int, code: str) -> None:
        self.failures += 1
        if len(self.first_failures) < FAILURES_KEPT:
            self.first_failures.append((number, code))


@dataclass(frozen=True)
class Upload:
    """A finished upload; its message appears when the store has noticed."""

    number: int
    tag: str
    size: int


class Writer:
    def __init__(self, connection: Connection, ledger: Ledger) -> None:
        self._connection = connection
        self._ledger = ledger

    def create(self, items: Sequence[Item]) -> Outcome:
        """Store all items in one request, and repeat those for which the store was too busy."""
        outcome = Outcome()
        waiting = list(items)

        def attempt(last: TryAgain | None) -> None:
            nonlocal waiting
            before = len(waiting)
            if last:
                waiting = self._still_missing(waiting, outcome, LONGEST_REQUEST if last.under_way else 0.0)
            if waiting:
                waiting = self._create_once(waiting, outcome)
            if waiting:
                raise TryAgain("it is too busy", progress=len(waiting) < before)

        patiently(self._connection.url, attempt)
        return outcome

    def upload(self, item: Item) -> Outcome:
        """Upload straight to the bucket. The message appears by itself, some time after the last byte."""
        message, outcome = item.message, Outcome()
        announced = patiently(self._connection.url, lambda last: self._announce(item, last))
        slots = body(announced).get("upload", {}).get("part", []) if announced else []
        if announced and len(slots) != len(message.parts):
            outcome.fail(message.number, fault(announced))
            return outcome
        for slot, part in zip(slots, message.parts, strict=False):
            answer = self._put(slot, part.data)
            if answer.is_error and answer.status_code != httpx.codes.PRECONDITION_FAILED:
                outcome.fail(message.number, f"upload {answer.status_code}")
                return outcome
        outcome.uploads.append(Upload(message.number, item.tag, message.size))
        return outcome

    def settle(self, outcome: Outcome) -> None:
        """Wait until uploaded messages have appeared; one that does not has failed."""
        deadline = time.monotonic() + ARRIVAL_PATIENCE
        while outcome.uploads and time.monotonic() < deadline:
            self._ledger.catch_up()
            missing = set(self._ledger.missing(upload.tag for upload in outcome.uploads))
            outcome.store(upload.size for upload in outcome.uploads if upload.tag not in missing)
            outcome.uploads = [upload for upload in outcome.uploads if upload.tag in missing]
            time.sleep(ARRIVAL_LOOK if missing else 0.0)
        for upload in outcome.uploads:
            outcome.fail(upload.number, "uploaded, but not in the box yet")
        outcome.uploads = []

    def _still_missing(self, items: Sequence[Item], outcome: Outcome, patience: float) -> list[Item]:
        self._ledger.catch_up()
        self._ledger.wait_for([item.tag for item in items], patience)
        missing = set(self._ledger.missing(item.tag for item in items))
        outcome.store(item.message.size for item in items if item.tag not in missing)
        return [item for item in items if item.tag in missing]

    def _create_once(self, items: Sequence[Item], outcome: Outcome) -> list[Item]:
        """Send one request; returns the items to try again."""
        content_type, form = bulk_creation(items)
        as_form = {"content": form, "headers": {"Content-Type": content_type}}
        answer = self._connection.ask("POST", "/objects/operations/bulkCreation", **as_form)
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise Unusable(f"the store does not allow it: {fault(answer)}")
        responses = body(answer).get("bulkResponseList", {}).get("response", [])
        if len(responses) != len(items):
            for item in items:
                outcome.fail(item.message.number, fault(answer))
            return []
        again = []
        for item, response in zip(items, responses, strict=True):
            code = int(response["code"])
            if code == httpx.codes.CREATED:
                outcome.store([item.message.size])
            elif code in _BUSY_CODES:
                again.append(item)
            else:
                outcome.fail(item.message.number, f"{code} {message_id(response.get('failure', {}))}")
        return again

    def _announce(self, item: Item, last: TryAgain | None) -> httpx.Response | None:
        """Announce the upload, which the store grants or refuses; None if an earlier try has stored it."""
        if last:
            self._ledger.catch_up()
            if self._ledger.holds(item.tag):
                return None
        announced = {"object": {**item.nms_object, "payloadPart": upload_parts(item.message)}}
        return self._connection.ask("POST", "/objects", json=announced)

    def _put(self, slot: dict[str, Any], content: bytes) -> httpx.Response:
        """Put content to its URL, which takes it only once; 412 says that an earlier try was enough."""
        href, headers = slot["href"], dict(slot["headers"])
        return patiently(self._connection.url, lambda _: self._connection.put(href, headers, content))
