"""What the store holds, read once and kept in a file while it is looked at: memory stays bounded.

Rows are kept as DynamoDB gives them. A scan takes its time, and the store goes on meanwhile: what it shows
is a suspicion. `read_box` reads a box again, of one moment.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from infra.ops.deployed import Deployed
from onecopy.domain.box import BoxKey
from onecopy.domain.content import ContentKey
from onecopy.store import table
from onecopy.store.table import Row

_TABLES = """
CREATE TABLE rows (
    box TEXT, item TEXT, owner TEXT, content TEXT, raw TEXT, PRIMARY KEY (box, item)
) WITHOUT ROWID;
CREATE INDEX by_owner ON rows (owner, item) WHERE owner IS NOT NULL;
CREATE INDEX by_content ON rows (content) WHERE content IS NOT NULL;
CREATE TABLE objects (content TEXT, part INTEGER, size INTEGER, modified TEXT, PRIMARY KEY (content, part));
"""
_TRIES = 5
_RowT = TypeVar("_RowT", bound=Row)
Raw = dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """One object of the bucket: a part of a content. `size` in bytes."""

    part: int
    size: int
    modified: datetime


class Facts:
    def __init__(self, deployed: Deployed, file: Path) -> None:
        self._deployed = deployed
        self._db = sqlite3.connect(file)
        self._db.executescript(_TABLES)

    def close(self) -> None:
        self._db.close()

    def read(self) -> None:
        """Everything. The bucket first: what is put there is noted in the table before."""
        self._keep_objects("")
        pages = self._deployed.dynamodb.get_paginator("scan").paginate(
            TableName=self._deployed.table, ConsistentRead=True
        )
        for page in pages:
            self._keep_rows(page["Items"])

    def read_box(self, box: str) -> bool:
        """Once more all that belongs to it; whether it was one moment, in which nobody wrote."""
        return any(self._read_box_once(box) for _ in range(_TRIES))

    def _read_box_once(self, box: str) -> bool:
        contents = {row.box for row in self.of_owner(table.ContentRow, box)}
        for partition in self.partitions(box):
            self._forget_rows(partition)
        before = self._box_row(box)
        key, end = BoxKey.parse(box), int(before["seq"]["N"]) if before else 0
        logs = (table.log_partition(key, seq) for seq in range(0, end + 1, table.LOG_PARTITION))
        subscriptions = (table.subscription_partition(key), table.expired_partition(key))
        for partition in (box, *subscriptions, *logs):
            self._read_partition(partition)
        linked = (row.content_key for row in self.of(table.LinkRow, box, "O#") if row.content_key)
        contents |= {table.content_partition(ContentKey(content)) for content in linked}
        for partition in sorted(contents):
            self.read_content(partition)
        return self._box_row(box) == before

    def read_content(self, partition: str) -> None:
        """Once more what the table and the bucket hold of one content."""
        self._forget_rows(partition)
        content = partition.removeprefix("C#")
        self._db.execute("DELETE FROM objects WHERE content = ?", (content,))
        self._keep_objects(f"{content}/")
        self._read_partition(partition)

    def boxes(self) -> list[str]:
        return [box for (box,) in self._db.execute("SELECT box FROM rows WHERE item = 'BOX' ORDER BY box")]

    def partitions(self, box: str) -> list[str]:
        """The box's own, its log's and its subscriptions'."""
        between = (f"{box}#", f"{box}$")
        found = self._db.execute("SELECT DISTINCT box FROM rows WHERE box > ? AND box < ?", between)
        return [box, *(partition for (partition,) in found)]

    def logs(self, box: str) -> list[str]:
        """The partitions of its log, from the oldest on."""
        start = f"{box}#L"
        found = [partition for partition in self.partitions(box) if partition.startswith(start)]
        return sorted(found, key=lambda partition: int(partition.removeprefix(start)))

    def homeless(self) -> list[str]:
        """Partitions of a box that is not there, and of content that belongs to one."""
        boxes = set(self.boxes())
        known = {partition for box in boxes for partition in self.partitions(box)}
        found = self._db.execute("SELECT DISTINCT box, owner FROM rows ORDER BY box")
        return [
            partition
            for partition, owner in found
            if (partition not in known if owner is None else owner and owner not in boxes)
        ]

    def get(self, kind: type[_RowT], box: str, item: str) -> _RowT | None:
        found = self._db.execute("SELECT raw FROM rows WHERE box = ? AND item = ?", (box, item)).fetchone()
        return _row(kind, found[0]) if found else None

    def of(self, kind: type[_RowT], box: str, prefix: str) -> Iterator[_RowT]:
        """The rows of a partition whose item begins so, in order."""
        between = (box, prefix, f"{prefix}\U0010ffff")
        sql = "SELECT raw FROM rows WHERE box = ? AND item >= ? AND item < ? ORDER BY item"
        return (_row(kind, raw) for (raw,) in self._db.execute(sql, between))

    def of_owner(self, kind: type[_RowT], owner: str, item: str = table.CONTENT) -> Iterator[_RowT]:
        """Rows of content that belongs to a box; an intake belongs to none, its owner is empty."""
        sql = "SELECT raw FROM rows WHERE owner = ? AND item = ? ORDER BY box"
        return (_row(kind, raw) for (raw,) in self._db.execute(sql, (owner, item)))

    def parts(self, content: str) -> dict[int, Stored]:
        sql = "SELECT part, size, modified FROM objects WHERE content = ?"
        found = self._db.execute(sql, (content,))
        return {part: Stored(part, size, datetime.fromisoformat(at)) for part, size, at in found}

    def unnoted(self) -> list[str]:
        """Contents in the bucket that have no row of their own, and that no link points to."""
        sql = """SELECT DISTINCT content FROM objects
                 WHERE NOT EXISTS (SELECT 1 FROM rows WHERE rows.box = 'C#' || objects.content)
                 AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.content = objects.content) ORDER BY content"""
        return [content for (content,) in self._db.execute(sql)]

    def counts(self) -> dict[str, int]:
        """Boxes, messages, contents and bytes in the bucket, changes."""
        sql = """SELECT (SELECT count(*) FROM rows WHERE item = 'BOX'),
                        (SELECT count(*) FROM rows WHERE owner IS NULL AND item LIKE 'O#%'),
                        (SELECT count(*) FROM rows WHERE owner IS NOT NULL AND item = 'CONTENT'),
                        (SELECT coalesce(sum(size), 0) FROM objects),
                        (SELECT count(*) FROM rows WHERE owner IS NULL AND item GLOB '0[0-9]*')"""
        names = ("box", "message", "content", "byte", "change")
        return dict(zip(names, self._db.execute(sql).fetchone(), strict=True))

    def _box_row(self, box: str) -> Raw:
        found = self._deployed.dynamodb.get_item(
            TableName=self._deployed.table,
            Key={"box": {"S": box}, "item": {"S": table.BOX}},
            ConsistentRead=True,
        )
        row: Raw = found.get("Item", {})
        return row

    def _read_partition(self, partition: str) -> None:
        pages = self._deployed.dynamodb.get_paginator("query").paginate(
            TableName=self._deployed.table,
            KeyConditionExpression="box = :box",
            ExpressionAttributeValues={":box": {"S": partition}},
            ConsistentRead=True,
        )
        for page in pages:
            self._keep_rows(page["Items"])

    def _forget_rows(self, partition: str) -> None:
        self._db.execute("DELETE FROM rows WHERE box = ?", (partition,))

    def _keep_rows(self, items: Iterable[Raw]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)", map(_kept, items))

    def _keep_objects(self, prefix: str) -> None:
        pages = self._deployed.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._deployed.bucket, Prefix=prefix
        )
        for page in pages:
            found = (
                (*each["Key"].rpartition("/")[::2], each["Size"], each["LastModified"].isoformat())
                for each in page.get("Contents", ())
            )
            self._db.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", found)


def _kept(item: Raw) -> tuple[str, str, str | None, str | None, str]:
    name, partition = item["item"]["S"], item["box"]["S"]
    owner = None
    if name in (table.CONTENT, table.UPLOAD, table.INTAKE):
        owner = item.get("owner", {"S": ""})["S"]
    content = item.get("content_key", {}).get("S")
    return partition, name, owner, content, json.dumps(item)


def _row(kind: type[_RowT], raw: str) -> _RowT:
    return kind.from_raw_data(json.loads(raw))
