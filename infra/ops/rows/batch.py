"""Writes many rows to the table in one call."""

import time
from collections.abc import Callable

from infra.ops.rows.deployed import Deployed
from infra.ops.rows.reading import Key, Raw

_IN_A_CALL = 25
_LONGEST_WAIT = 5.0


class Batch:
    """Writes rows in the order in which they come, as many in a call as DynamoDB takes."""

    def __init__(self, deployed: Deployed, do: bool, sleep: Callable[[float], None] = time.sleep) -> None:
        self._deployed, self._do, self._sleep = deployed, do, sleep
        self._requests: list[Raw] = []

    def put(self, row: Raw) -> None:
        self._add({"PutRequest": {"Item": row}})

    def delete(self, key: Key) -> None:
        self._add({"DeleteRequest": {"Key": {"box": {"S": key[0]}, "item": {"S": key[1]}}}})

    def _add(self, request: Raw) -> None:
        self._requests.append(request)
        if len(self._requests) == _IN_A_CALL:
            self.send()

    def send(self) -> None:
        requests, self._requests = self._requests, []
        wait = 0.05
        while requests and self._do:
            answer = self._deployed.dynamodb.batch_write_item(RequestItems={self._deployed.table: requests})
            requests = answer.get("UnprocessedItems", {}).get(self._deployed.table, [])
            if requests:
                self._sleep(wait)
                wait = min(_LONGEST_WAIT, wait * 2)
