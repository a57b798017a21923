"""Counts what the functions ask of AWS: calls, bytes on the wire and capacity units, by service.

It sits on the one class through which both boto3 and PynamoDB send, and changes nothing that is sent but
to ask for the consumed capacity.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.httpsession import URLLib3Session


@dataclass
class Counts:
    """Of everything between the start and the end of a `with meter()`. Bytes are the bodies'."""

    calls: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    received: int = 0

    @property
    def total(self) -> int:
        return self.calls.total()

    def of(self, service: str) -> int:
        return sum(count for name, count in self.calls.items() if name.startswith(service))

    def __str__(self) -> str:
        calls = ", ".join(f"{count} {name}" for name, count in sorted(self.calls.items()))
        return f"{self.total} calls ({calls}), {self.sent + self.received:,} B"


@contextmanager
def meter() -> Iterator[Counts]:
    counts = Counts()
    send = URLLib3Session.send

    def counted(session: URLLib3Session, request: AWSRequest | AWSPreparedRequest) -> AWSResponse:
        answer = send(session, request)
        counts.calls[_operation(request)] += 1
        counts.sent += _length(request.body)
        counts.received += len(answer.content)
        return answer

    URLLib3Session.send = counted  # type: ignore[method-assign, assignment]
    try:
        yield counts
    finally:
        URLLib3Session.send = send  # type: ignore[method-assign]


def _operation(request: AWSRequest | AWSPreparedRequest) -> str:
    """`dynamodb TransactGetItems`, `sqs SendMessage`, `s3 PUT`."""
    target = request.headers.get("X-Amz-Target")
    if target:
        service, operation = (target if isinstance(target, str) else bytes(target).decode()).split(".", 1)
        return f"{'sqs' if 'SQS' in service else 'dynamodb'} {operation}"
    return f"s3 {request.method}"


def _length(body: Any) -> int:
    if body is None:
        return 0
    return len(body) if isinstance(body, (bytes, bytearray, str)) else len(json.dumps(str(body)))
