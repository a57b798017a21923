"""Lambda's event sources: each pump is a thread that invokes a function with the events of one source.

This module holds what all pumps share, and the pumps of queues and schedules; the stream's is in `streams`.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.template import ACCOUNT, REGION
from infra.local.functions.declared import QueueSource
from infra.local.functions.workers import FunctionFailed, Pool
from infra.local.host.logs import Log

_TICK_SECONDS = 2.0
_WAIT_SECONDS = 2
_PAUSE_SECONDS = 1.0


class Pump(Protocol):
    def run(self, stopping: threading.Event) -> None: ...


class Pumps:
    """All pumps, from start to stop."""

    def __init__(self, log: Log) -> None:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._log = log

    def start(self, name: str, pump: Pump) -> None:
        thread = threading.Thread(
            target=self._keep_going, args=(name, pump), name=f"pump-{name}", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def stop(self, seconds: float) -> None:
        """Take in nothing more; work under way may take that long."""
        self._stopping.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _keep_going(self, name: str, pump: Pump) -> None:
        while not self._stopping.is_set():
            try:
                pump.run(self._stopping)
            except Exception as error:  # an event source outlives any error
                if not self._stopping.wait(_PAUSE_SECONDS):
                    self._log.event(name, f"event source interrupted: {type(error).__name__}; goes on")


def failed_items(answer: bytes) -> set[str] | None:
    """The items that a partial batch response names as failed; None if that is the whole batch."""
    result = json.loads(answer)
    if not isinstance(result, dict):
        return set()
    failures = result.get("batchItemFailures") or []
    names = {failure.get("itemIdentifier") for failure in failures}
    return None if names & {None, ""} else names


def queue_event(queue_arn: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Received messages as the event that a function gets."""
    return {"Records": [_record(queue_arn, message) for message in messages]}


def _record(queue_arn: str, message: dict[str, Any]) -> dict[str, Any]:
    attributes = {
        name: {_lower(key): value for key, value in one.items() if key in ("StringValue", "DataType")}
        for name, one in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


class QueuePump:
    """Brings messages to a function. Deletes those it has done; the others come back after their timeout.

    A message is received only when a worker is free for it, and never waits here.
    """

    def __init__(self, source: QueueSource, sqs: Any, pool: Pool, log: Log) -> None:
        self._arn, self._size = source.queue_arn, source.batch_size
        self._sqs, self._pool, self._log = sqs, pool, log
        self._url = sqs.get_queue_url(QueueName=source.queue_arn.rsplit(":", 1)[1])["QueueUrl"]
        self._free = threading.Semaphore(pool.size)

    def run(self, stopping: threading.Event) -> None:
        with ThreadPoolExecutor(self._pool.size, f"queue-{self._pool.function.name}") as invocations:
            while not stopping.is_set():
                if not self._free.acquire(timeout=_WAIT_SECONDS):
                    continue
                try:
                    messages = self._receive()
                except (BotoCoreError, ClientError):
                    self._free.release()
                    raise
                if messages and not stopping.is_set():
                    invocations.submit(self._hand_over, messages)
                else:
                    self._give_back(messages)
                    self._free.release()

    def _receive(self) -> list[dict[str, Any]]:
        received = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(self._size, 10),
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = received.get("Messages", [])
        return messages

    def _hand_over(self, messages: list[dict[str, Any]]) -> None:
        try:
            for message in self._done(messages):
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        except (BotoCoreError, ClientError) as error:
            self._log.event(
                self._pool.function.name, f"a message done may come again: {type(error).__name__}"
            )
        finally:
            self._free.release()

    def _done(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        event = queue_event(self._arn, messages)
        name = self._pool.function.name
        try:
            failed = failed_items(self._pool.invoke(json.dumps(event).encode()))
        except FunctionFailed as error:
            self._log.event(name, f"{_count(messages, 'message')}  FAILED  {error}")
            return []
        done = [] if failed is None else [one for one in messages if one["MessageId"] not in failed]
        if left := [one for one in messages if one not in done]:
            self._log.event(name, f"{_count(left, 'message')} not done, to be tried again")
        return done

    def _give_back(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )


class SchedulePump:
    """Ticks once the stack is up, then every two seconds, whatever the template's rate."""

    def __init__(self, rule: str, pool: Pool, log: Log) -> None:
        self._rule, self._pool, self._log = rule, pool, log

    def run(self, stopping: threading.Event) -> None:
        while True:
            try:
                self._pool.invoke(json.dumps(self._event()).encode())
            except FunctionFailed as error:
                self._log.event(self._pool.function.name, f"tick  FAILED  {error}")
            if stopping.wait(_TICK_SECONDS):
                return

    def _event(self) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{self._rule}"],
            "detail": {},
        }


def _count(things: list[Any], what: str) -> str:
    return f"{len(things)} {what}" + ("" if len(things) == 1 else "s")


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
