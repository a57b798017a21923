"""Runs the store's own functions in this process on the stack's table, and fakes answers that AWS may give.

An emulator always answers, and at once. Here answers are lost or replaced, and limits apply that the emulator
does not know.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

from infra.aws.template import REGION
from infra.bench.in_process import Api
from infra.local.stack import LocalStack
from onecopy.store.commit import table
from onecopy.store.commit.kinds import Row
from onecopy.store.commit.transact import Store

_MOST_READ = 4_000_000
Call = Callable[[], AWSResponse]
Instead = Callable[[str, Call], AWSResponse]
"""Decides a call's answer. It gets the operation and the call, to make once, many times or not at all."""


def store_of(stack: LocalStack) -> Store:
    meta: Any = Row.Meta
    meta.host, meta.region = stack.endpoints["dynamodb"], REGION
    meta.aws_access_key_id, meta.aws_secret_access_key = stack.credentials
    return Store(
        connection=table.bind(stack.name("Table")),
        history=timedelta(days=30),
        now=lambda: datetime.now(UTC),
        random=os.urandom,
        jitter=random.random,
        sleep=lambda _: None,
    )


@contextmanager
def handlers_on(stack: LocalStack) -> Iterator[Api]:
    """Runs the handlers in this process on that stack, even if an earlier test left them on another."""
    api = Api(stack)
    store_of(stack)
    from onecopy.handlers.edge import composition  # reads the environment that Api has set

    made = (composition.parts, composition.contents, composition.queues)
    for one in made:
        one.cache_clear()
    yield api
    for one in made:
        one.cache_clear()


@contextmanager
def answering(instead: Instead) -> Iterator[None]:
    """Sends every DynamoDB call of this process through `instead`."""
    send = URLLib3Session.send

    def other(session: Any, request: Any) -> AWSResponse:
        target = request.headers.get("X-Amz-Target") or b""
        operation = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
        return instead(operation, lambda: send(session, request))

    URLLib3Session.send = other
    try:
        yield
    finally:
        URLLib3Session.send = send


@contextmanager
def operations() -> Iterator[list[str]]:
    """The DynamoDB operations that this process calls, in order."""
    asked: list[str] = []

    def note(operation: str, call: Call) -> AWSResponse:
        asked.append(operation)
        return call()

    with answering(note):
        yield asked


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body


def answering_with(body: Any) -> AWSResponse:
    return AWSResponse("", 200, {}, _Raw(json.dumps(body).encode()))


def refusal(code: str, message: str = "") -> AWSResponse:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    return AWSResponse("", 400, {}, _Raw(json.dumps(body).encode()))


def until_write(last: int) -> Instead:
    """Refuses all BatchWriteItem calls after the first `last` ones."""
    done = 0

    def instead(operation: str, call: Call) -> AWSResponse:
        nonlocal done
        done += operation == "BatchWriteItem"
        return refusal("AccessDeniedException") if done > last else call()

    return instead


def limited(operation: str, call: Call) -> AWSResponse:
    """Holds the limit of AWS: the items of one TransactGetItems are at most 4 MB together."""
    answer = call()
    if operation == "TransactGetItems" and len(answer.content) > _MOST_READ:
        return refusal("ValidationException", "the items are too large together")
    return answer
