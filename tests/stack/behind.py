"""Looks behind the API as an operator could: at rows of the table and objects of the bucket."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from infra.local.stack import LocalStack

Row = dict[str, Any]


class Behind:
    """What lies behind one box. Rows are in DynamoDB's JSON, with their types."""

    def __init__(self, stack: LocalStack, box: str) -> None:
        self.stack, self.box = stack, f"main#{box}"
        self._dynamodb, self._table = _client(stack, "dynamodb"), stack.name("Table")
        self._s3, self._bucket = _client(stack, "s3"), stack.name("ContentBucket")

    def row(self, partition: str, item: str) -> Row:
        """The row. Empty if it does not exist."""
        found = self._dynamodb.get_item(TableName=self._table, Key=_key(partition, item), ConsistentRead=True)
        row: Row = found.get("Item", {})
        return row

    def seq(self) -> int:
        """The last modification number given out."""
        return int(self.row(self.box, "BOX")["seq"]["N"])

    def content_key(self, object_id: str) -> str:
        key: str = self.row(self.box, f"O#{object_id}")["content_key"]["S"]
        return key

    def links(self, content_key: str) -> int:
        """The stored count of links. 0 also if the content is gone."""
        return int(self.row(f"C#{content_key}", "CONTENT").get("links", {"N": "0"})["N"])

    def linked(self) -> Counter[str]:
        """The number of the box's links to each content, counted from the links themselves."""
        rows = self.rows(self.box, "O#")
        return Counter(row["content_key"]["S"] for row in rows if "content_key" in row)

    def is_away(self, content_key: str) -> bool:
        """Whether it is gone from both the table and the bucket."""
        found = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=f"{content_key}/")
        return found["KeyCount"] == 0 and not self.row(f"C#{content_key}", "CONTENT")

    def subscription(self, subscription_id: str) -> Row:
        """The row of a subscription that has not been put away as expired."""
        return self.row(f"{self.box}#S", subscription_id)

    def rests(self, subscription_id: str) -> bool:
        """Whether it is up to date, and the sweep's next look at it is still ahead."""
        row = self.subscription(subscription_id)
        ahead = datetime.fromisoformat(row["due"]["S"]) > datetime.now(UTC)
        return bool(row["work"]["S"].startswith("due#") and ahead and "in_flight" not in row)

    def log(self) -> list[Row]:
        """All change rows of the box, in order."""
        partitions = range(self.seq() // 1000 + 1)
        return [row for number in partitions for row in self.rows(f"{self.box}#L{number}", "")]

    def age_log(self, rows: Iterable[Row], age: timedelta) -> None:
        """Makes these changes older by `age`."""
        for row in rows:
            self.put({**row, "at": {"S": _earlier(row["at"]["S"], age)}})

    def age_box(self, age: timedelta) -> None:
        """Makes the last commits older by `age`."""
        row = self.row(self.box, "BOX")
        marks = [[seq, _earlier(at, age)] for seq, at in json.loads(row["marks"]["S"])]
        self.put({**row, "at": {"S": _earlier(row["at"]["S"], age)}, "marks": {"S": json.dumps(marks)}})

    def rows(self, partition: str, prefix: str) -> Iterator[Row]:
        condition = "box = :box" + (" AND begins_with(#item, :prefix)" if prefix else "")
        asked = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": {":box": {"S": partition}}
            | ({":prefix": {"S": prefix}} if prefix else {}),
            "ConsistentRead": True,
        } | ({"ExpressionAttributeNames": {"#item": "item"}} if prefix else {})
        for page in self._dynamodb.get_paginator("query").paginate(**asked):
            yield from page["Items"]

    def take_change(self, number: int) -> Row:
        """Takes a change out of the log, as if its commit were still being applied. `put` puts it back."""
        row = self.change(number)
        self.delete(row)
        return row

    def change(self, number: int) -> Row:
        return self.row(f"{self.box}#L{number // 1000}", f"{number:020d}")

    def delete(self, row: Row) -> None:
        self._dynamodb.delete_item(TableName=self._table, Key=_key(row["box"]["S"], row["item"]["S"]))

    def put(self, row: Row) -> None:
        self._dynamodb.put_item(TableName=self._table, Item=row)


@cache
def _client(stack: LocalStack, service: str) -> Any:
    return stack.aws(service)


def _earlier(at: str, age: timedelta) -> str:
    return (datetime.fromisoformat(at) - age).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _key(partition: str, item: str) -> Row:
    return {"box": {"S": partition}, "item": {"S": item}}
