"""Deletes expired rows if the emulator does not: DynamoDB's TTL, slowly.

It scans the table page by page, over and over. A round of a large table takes hours; at AWS, too, an expired
row may stay for days.
"""

import contextlib
import threading
import time
from typing import Any

_PAUSE_SECONDS = 10.0
_ROWS = 1000


class ExpiryPump:
    """Expires the rows of one table; `attribute` holds the second in which a row expires."""

    def __init__(self, dynamodb: Any, table: str, attribute: str, pause: float = _PAUSE_SECONDS) -> None:
        self._dynamodb, self._attribute, self._pause = dynamodb, attribute, pause
        described = dynamodb.describe_table(TableName=table)["Table"]
        self._table, self._keys = table, [key["AttributeName"] for key in described["KeySchema"]]
        self._next: dict[str, Any] = {}

    def run(self, stopping: threading.Event) -> None:
        while not stopping.wait(self._pause):
            self._page()

    def _page(self) -> None:
        expired = {
            "TableName": self._table,
            "ExpressionAttributeNames": {"#expires": self._attribute},
            "ExpressionAttributeValues": {":now": {"N": str(int(time.time()))}},
        }
        page = self._dynamodb.scan(**expired, **self._next, Limit=_ROWS, FilterExpression="#expires < :now")
        for row in page["Items"]:
            key = {name: row[name] for name in self._keys}
            with contextlib.suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
                self._dynamodb.delete_item(Key=key, **expired, ConditionExpression="#expires < :now")
        last = page.get("LastEvaluatedKey")
        self._next = {"ExclusiveStartKey": last} if last else {}
