"""Counts the functions' calls to AWS and their bytes on the wire by operation, and capacity units.

It hooks into the one class through which both boto3 and PynamoDB send, and changes nothing that is sent.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.httpsession import URLLib3Session

from infra.bench import capacity

Request = AWSRequest | AWSPreparedRequest


@dataclass
class Counts:
    """Counts everything inside a `with meter()`. Bytes are those of the bodies.

    Writes to local and global indexes are counted apart from those to the table itself.
    """

    calls: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    received: int = 0
    read_units: float = 0
    write_units: float = 0
    local_units: float = 0
    global_units: float = 0

    @property
    def total(self) -> int:
        return self.calls.total()

    def of(self, service: str) -> int:
        """The number of calls to `dynamodb`, `s3` or `sqs`."""
        return sum(count for name, count in self.calls.items() if name.startswith(service))

    @property
    def wire(self) -> int:
        return self.sent + self.received

    def __str__(self) -> str:
        calls = ", ".join(f"{count} {name}" for name, count in sorted(self.calls.items()))
        indexes = self.local_units + self.global_units
        units = f"{self.read_units:g} read and {self.write_units:g} write units ({indexes:g} more of indexes)"
        return f"{self.total} calls ({calls}), {units}, {self.wire:,} B"


@contextmanager
def meter() -> Iterator[Counts]:
    counts = Counts()
    send = URLLib3Session.send
    items = _Items()
    lock = threading.Lock()

    def counted(session: URLLib3Session, request: Request) -> AWSResponse:
        if items.looking:
            return send(session, request)
        service, operation = _operation(request)
        asked = _json(request.body) if service == "dynamodb" else {}
        keys = capacity.written_keys(operation, asked)
        before = items.of(keys)
        answer = send(session, request)
        done = service == "dynamodb" and answer.status_code == 200
        after = items.of(keys) if done else before
        with lock:
            counts.calls[f"{service} {operation}"] += 1
            counts.sent += _length(request.body)
            counts.received += len(answer.content)
            if done:
                counts.read_units += capacity.of_read(operation, asked, json.loads(answer.content))
                _count_writes(counts, 2 if operation == "TransactWriteItems" else 1, before, after)
        return answer

    URLLib3Session.send = counted  # type: ignore[method-assign, assignment]
    try:
        yield counts
    finally:
        URLLib3Session.send = send  # type: ignore[method-assign]


def _count_writes(
    counts: Counts, each: int, before: Sequence[capacity.Item], after: Sequence[capacity.Item]
) -> None:
    """Count a write's units; `each` is the units of the smallest write, two in a transaction."""
    for old, new in zip(before, after, strict=True):
        larger = max(capacity.item_size(old), capacity.item_size(new))
        counts.write_units += each * capacity.units([larger], capacity.WRITE)
        counts.local_units += capacity.index_writes(capacity.LOCAL_INDEXES.values(), old, new)
        counts.global_units += capacity.index_writes(capacity.GLOBAL_INDEXES.values(), old, new)


_one_client_at_a_time = threading.Lock()
"""boto3 makes its clients in one thread only."""


class _Items(threading.local):
    """Reads the items of a write, without counting these reads. What one thread reads, no other notices."""

    looking = False

    def of(self, keys: list[capacity.Key]) -> list[capacity.Item]:
        """Each item, empty if it does not exist."""
        if not keys:
            return []
        self.looking = True
        try:
            with _one_client_at_a_time:
                dynamodb: Any = boto3.client("dynamodb")
            asked = {keys[0][0]: {"Keys": [key for _, key in keys], "ConsistentRead": True}}
            (found,) = dynamodb.batch_get_item(RequestItems=asked)["Responses"].values()
        finally:
            self.looking = False
        items = {(item["box"]["S"], item["item"]["S"]): item for item in found}
        return [items.get((key["box"]["S"], key["item"]["S"]), {}) for _, key in keys]


def _operation(request: Request) -> tuple[str, str]:
    """`dynamodb TransactGetItems`, `sqs SendMessage`, `s3 PUT`."""
    target = request.headers.get("X-Amz-Target")
    if target:
        service, operation = (target if isinstance(target, str) else bytes(target).decode()).split(".", 1)
        return ("sqs" if "SQS" in service else "dynamodb"), operation
    return "s3", str(request.method)


def _json(body: Any) -> dict[str, Any]:
    asked: dict[str, Any] = json.loads(body)
    return asked


def _length(body: Any) -> int:
    if body is None:
        return 0
    return len(body) if isinstance(body, (bytes, bytearray, str)) else len(json.dumps(str(body)))
