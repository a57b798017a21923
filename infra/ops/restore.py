"""`onecopy restore`: the rows of the store, or of one box, as a restored table has them.

DynamoDB restores a point in time into a table of another name; this puts its rows back where the store's
functions, stream and alarms are, and takes away what came since. Each box gets a new validity, so that no
client goes on from a number that now means something else: every one of them lists anew, and every
subscriber hears of it. Its ids and numbers go on from where the present box has come to.
"""

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import ClientError

from infra.ops.deployed import Deployed, Unreachable
from onecopy.domain.box import BoxKey
from onecopy.store import subscriptions, table

_AT_ONCE = 25
_LONGEST_WAIT = 5.0
_ANSWERED = "K#"
Raw = dict[str, Any]


@dataclass
class Restored:
    """Rows put and deleted, or that would be; `boxes` among those put."""

    put: int = 0
    deleted: int = 0
    boxes: int = 0


def restore(deployed: Deployed, source: str, box: str | None, do: bool) -> Restored:
    """`box` as rows name it, None for all. Without `do` only counted. Broken off, it can be run again."""
    if source == deployed.table:
        raise Unreachable("that is the store's own table")
    with TemporaryDirectory(prefix="onecopy-restore-") as folder:
        since = sqlite3.connect(Path(folder) / "since.db")
        try:
            done = _restore(deployed, source, box, False, since)
            if not done.boxes:
                raise Unreachable(f"no {'such ' if box else ''}box in {source}")
            return _restore(deployed, source, box, True, since) if do else done
        except ClientError as error:
            raise Unreachable(str(error)) from None
        finally:
            since.close()


def _restore(
    deployed: Deployed, source: str, box: str | None, do: bool, since: sqlite3.Connection
) -> Restored:
    """Subscriptions are told when all else is in place: told before, they would still see the old box."""
    present = _Present(since)
    for row in _rows(deployed, deployed.table, box):
        present.add(row)
    done, batch, boxes = Restored(), _Batch(deployed, do), list[str]()
    for row in _rows(deployed, source, box):
        if not _is_put_back(row, present):
            continue
        if row["item"]["S"] == table.BOX:
            _renew(row, present)
            boxes.append(row["box"]["S"])
            done.boxes += 1
        batch.add({"PutRequest": {"Item": row}})
        done.put += 1
        present.keep(row)
    for partition, item in present.left_over(set(boxes)):
        batch.add({"DeleteRequest": {"Key": {"box": {"S": partition}, "item": {"S": item}}}})
        done.deleted += 1
    batch.send()
    if do:
        store = deployed.store()
        for each in boxes:
            subscriptions.tell_anew(BoxKey.parse(each), store.now())
    return done


def _is_put_back(row: Raw, present: "_Present") -> bool:
    """Not the log, which nobody can follow; not what answers a repeated request, whose work may be undone.
    A subscription that is there stays as it is: it is its owner's present wish, and its index has moved on.
    """
    partition, item = _key_of(row)
    if _is_log(item) or item.startswith(_ANSWERED):
        return False
    if not table.is_subscription_partition(partition):
        return True
    for under_way in ("in_flight", "flight", "work", "due"):
        row.pop(under_way, None)
    return not present.has(row)


def _renew(row: Raw, present: "_Present") -> None:
    """Another box with the same contents. No id and no number that was given out since is given out again,
    and whether it is closed was decided since, too.
    """
    name = row["box"]["S"]
    row["validity"] = {"S": secrets.token_hex(6)}
    row["seq"] = {"N": str(max(int(row["seq"]["N"]), present.seq(name)))}
    row["ids"] = {"N": str(max(int(row["ids"]["N"]), present.ids.get(name, 0)))}
    for past in ("at", "marks"):
        row.pop(past, None)
    if name in present.ids:
        row.pop("closed", None)
    if name in present.closed:
        row["closed"] = present.closed[name]


class _Present:
    """What the store's own table holds: every key, and of each box how far it has come."""

    def __init__(self, since: sqlite3.Connection) -> None:
        self._since = since
        self.ids: dict[str, int] = {}
        self.closed: dict[str, Raw] = {}
        self._seq: dict[str, int] = {}
        since.execute("DROP TABLE IF EXISTS rows")
        since.execute("CREATE TABLE rows (box TEXT, item TEXT, PRIMARY KEY (box, item)) WITHOUT ROWID")

    def add(self, row: Raw) -> None:
        partition, item = _key_of(row)
        self._since.execute("INSERT INTO rows VALUES (?, ?)", (partition, item))
        if item == table.BOX:
            self.ids[partition] = int(row["ids"]["N"])
            self._saw(partition, int(row["seq"]["N"]))
            if "closed" in row:
                self.closed[partition] = row["closed"]
        elif _is_log(item):
            self._saw(partition.rpartition("#L")[0], int(item))

    def _saw(self, box: str, seq: int) -> None:
        self._seq[box] = max(seq, self.seq(box))

    def seq(self, box: str) -> int:
        """The last number given out, by the log where the box's row is gone."""
        return self._seq.get(box, 0)

    def has(self, row: Raw) -> bool:
        found = self._since.execute("SELECT 1 FROM rows WHERE box = ? AND item = ?", _key_of(row))
        return found.fetchone() is not None

    def keep(self, row: Raw) -> None:
        self._since.execute("DELETE FROM rows WHERE box = ? AND item = ?", _key_of(row))

    def left_over(self, boxes: set[str]) -> Iterator[tuple[str, str]]:
        """All that was not put back, but for subscriptions to boxes that were."""
        for partition, item in self._since.execute("SELECT box, item FROM rows"):
            subscribed = table.is_subscription_partition(partition)
            if not (subscribed and table.box_of_subscription(partition) in boxes):
                yield partition, item


def _rows(deployed: Deployed, name: str, box: str | None) -> Iterator[Raw]:
    pages = deployed.dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    for page in pages:
        for row in page["Items"]:
            if box is None or _belongs(row, box):
                yield row


def _belongs(row: Raw, box: str) -> bool:
    partition = row["box"]["S"]
    if partition == box or partition.startswith((f"{box}#L", f"{box}#S", f"{box}#E")):
        return True
    return bool(row.get("owner", {}).get("S") == box)


def _key_of(row: Raw) -> tuple[str, str]:
    return row["box"]["S"], row["item"]["S"]


def _is_log(item: str) -> bool:
    """Numbers alone, as no other row's item is."""
    return item.isdigit() and len(item) == len(table.log_item(0))


class _Batch:
    """Writes as many at a time as DynamoDB takes."""

    def __init__(self, deployed: Deployed, do: bool, sleep: Callable[[float], None] = time.sleep) -> None:
        self._deployed, self._do, self._sleep = deployed, do, sleep
        self._requests: list[Raw] = []

    def add(self, request: Raw) -> None:
        self._requests.append(request)
        if len(self._requests) == _AT_ONCE:
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
