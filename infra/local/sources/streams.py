"""The stream's pump: brings the table's records to a function, in order, through the template's filter.

A failed batch is retried from the first record that failed, as Lambda does with partial responses.

A stream in a file continues after a restart with the first record that it still keeps. Records handed over
are trimmed only now and then, so a few come twice. A stream in memory is empty after a restart: at the start
every row that passes the filter is handed over as if it had just changed.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from infra.aws.template import REGION
from infra.local.emulator.dynoxide import StreamFile
from infra.local.functions.activity import Activity
from infra.local.functions.declared import StreamSource
from infra.local.functions.workers import FunctionFailed, Pool
from infra.local.host.logs import Log
from infra.local.sources.event_filter import as_expression, matches
from infra.local.sources.pumps import failed_items

_POLL_SECONDS = 0.02
_RETRY_SECONDS = (0.2, 5.0)
_TRIM_SECONDS = 2.0
Record = dict[str, Any]


class StreamPump:
    def __init__(
        self,
        source: StreamSource,
        clients: dict[str, Any],
        pool: Pool,
        activity: Activity,
        log: Log,
        file: StreamFile | None,
    ) -> None:
        """`file`: the stream's file, if the stream outlives a restart."""
        self._source, self._pool, self._activity, self._log = source, pool, activity, log
        self._file, self._trimmed_at = file, 0.0
        self._dynamodb, self._streams, self._sqs = (
            clients[name] for name in ("dynamodb", "dynamodbstreams", "sqs")
        )
        self._arn = self._dynamodb.describe_table(TableName=source.table)["Table"]["LatestStreamArn"]
        self._started = file is not None
        self._position: str | None = None
        self._trimmed: str | None = None

    def run(self, stopping: threading.Event) -> None:
        iterator = self._iterator()
        if not self._started:
            self._hand_over(self._rows(), stopping)
            self._started = True
        while not stopping.is_set():
            polled = time.monotonic()
            page = self._streams.get_records(ShardIterator=iterator, Limit=1000)
            self._hand_over((self._record(record) for record in page["Records"]), stopping)
            iterator = page["NextShardIterator"]
            if page["Records"] and not stopping.is_set():
                self._position = page["Records"][-1]["dynamodb"]["SequenceNumber"]
            else:
                self._activity.wait()
            if time.monotonic() - self._trimmed_at > _TRIM_SECONDS:
                self._trim()
            time.sleep(max(0.0, polled + _POLL_SECONDS - time.monotonic()))
        self._trim()

    def _trim(self) -> None:
        """Delete the records that have been handed over, except the last."""
        self._trimmed_at = time.monotonic()
        if self._file and self._position and self._position != self._trimmed:
            self._file.trim(self._source.table, self._position)
            self._trimmed = self._position

    def _iterator(self) -> str:
        """An iterator from the start, or from after the last record that was handed over."""
        shard = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"][0]
        where = {"ShardIteratorType": "TRIM_HORIZON"}
        if self._position:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._position}
        answer = self._streams.get_shard_iterator(StreamArn=self._arn, ShardId=shard["ShardId"], **where)
        iterator: str = answer["ShardIterator"]
        return iterator

    def _rows(self) -> Iterator[Record]:
        """Every row that may pass the filter, as a record of a change."""
        query = {"TableName": self._source.table, **as_expression(self._source.patterns)}
        for page in self._dynamodb.get_paginator("scan").paginate(**query):
            for number, row in enumerate(page["Items"]):
                change = {"NewImage": row, "Keys": {}, "SequenceNumber": f"start-{number}-{uuid.uuid4().hex}"}
                yield self._record({"eventID": uuid.uuid4().hex, "eventName": "MODIFY", "dynamodb": change})

    def _record(self, record: Record) -> Record:
        shared = {"eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": REGION}
        return {**record, **shared, "eventSourceARN": self._arn}

    def _hand_over(self, records: Iterable[Record], stopping: threading.Event) -> None:
        patterns, size = self._source.patterns, self._source.batch_size
        wanted = [
            one for one in records if not patterns or any(matches(pattern, one) for pattern in patterns)
        ]
        for at in range(0, len(wanted), size):
            self._insist(wanted[at : at + size], stopping)

    def _insist(self, records: list[Record], stopping: threading.Event) -> None:
        tries, pause = 0, _RETRY_SECONDS[0]
        while not stopping.is_set():
            first = self._first_failed(records)
            if first is None:
                return
            tries, records = 1 if first else tries + 1, records[first:]
            if self._source.bisect and len(records) > 1:
                middle = len(records) // 2
                self._insist(records[:middle], stopping)
                self._insist(records[middle:], stopping)
                return
            if self._source.retries is not None and tries > self._source.retries:
                self._give_up(records, tries)
                return
            stopping.wait(pause)
            pause = min(2 * pause, _RETRY_SECONDS[1])

    def _first_failed(self, records: list[Record]) -> int | None:
        """Invoke the function; the index of the first record to retry, None if all are done."""
        event = json.dumps({"Records": records}, default=_binary).encode()
        name = self._pool.function.name
        try:
            failed = failed_items(self._pool.invoke(event))
        except FunctionFailed as error:
            self._log.event(name, f"{len(records)} record(s)  FAILED  {error}")
            return 0
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        if failed is None or failed.difference(numbers):
            return 0
        first = min((numbers.index(number) for number in failed), default=None)
        if first is not None:
            self._log.event(name, f"{len(records) - first} record(s) not done, will be tried again")
        return first

    def _give_up(self, records: list[Record], tries: int) -> None:
        self._log.event(self._pool.function.name, f"{len(records)} record(s) given up after {tries} tries")
        if self._source.on_failure:
            name = self._source.on_failure.rsplit(":", 1)[1]
            url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
            self._sqs.send_message(QueueUrl=url, MessageBody=json.dumps(self._lost(records, tries)))

    def _lost(self, records: list[Record], tries: int) -> dict[str, Any]:
        """What Lambda sends to the destination: where the records are, not the records."""
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        return {
            "requestContext": {
                "functionArn": self._pool.function.logical_id,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": tries,
            },
            "DDBStreamBatchInfo": {
                "startSequenceNumber": numbers[0],
                "endSequenceNumber": numbers[-1],
                "batchSize": len(numbers),
                "streamArn": self._arn,
            },
        }


def _binary(value: Any) -> str | float:
    """The form that the SDK's bytes and times have in a stream's event."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return float(value.timestamp())
