"""`onecopy restore`: the rows of the store, or of one box, as a restored table has them.

DynamoDB restores a point in time into a table of another name; this puts its rows back where the store's
functions, stream and alarms are, and takes away what came since. Each box gets a new validity, so that no
client goes on from a number that now means something else: every one of them lists anew.
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
from onecopy.store import table

_AT_ONCE = 25
_LONGEST_WAIT = 5.0
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
    since.execute("DROP TABLE IF EXISTS rows")
    since.execute("CREATE TABLE rows (box TEXT, item TEXT, PRIMARY KEY (box, item)) WITHOUT ROWID")
    for row in _rows(deployed, deployed.table, box):
        since.execute("INSERT INTO rows VALUES (?, ?)", _key_of(row))
    done, batch = Restored(), _Batch(deployed, do)
    for row in _rows(deployed, source, box):
        if row["item"]["S"] == table.BOX:
            row["validity"] = {"S": secrets.token_hex(6)}
            done.boxes += 1
        batch.add({"PutRequest": {"Item": row}})
        done.put += 1
        since.execute("DELETE FROM rows WHERE box = ? AND item = ?", _key_of(row))
    for partition, item in since.execute("SELECT box, item FROM rows"):
        batch.add({"DeleteRequest": {"Key": {"box": {"S": partition}, "item": {"S": item}}}})
        done.deleted += 1
    batch.send()
    return done


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
