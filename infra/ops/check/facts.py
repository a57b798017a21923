"""What the store holds, kept in a file while it is checked: memory stays bounded.

There are two kinds. For one box: all its rows, read at one moment. For the whole store: the keys of its rows
and the objects of its bucket, read once while the store is in use. A disagreement is at first a suspicion.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from infra.ops.rows import reading
from infra.ops.rows.deployed import Deployed
from infra.ops.rows.reading import Key, Raw
from onecopy.domain.content import ContentKey, split_share
from onecopy.store.commit import table
from onecopy.store.commit.kinds import Row

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE rows (
    box TEXT, item TEXT, home TEXT, owner TEXT, content TEXT, raw TEXT, PRIMARY KEY (box, item)
) WITHOUT ROWID;
CREATE INDEX by_home ON rows (home) WHERE home IS NOT NULL;
CREATE INDEX by_owner ON rows (owner, item) WHERE owner IS NOT NULL;
CREATE INDEX by_content ON rows (content) WHERE content IS NOT NULL;
CREATE TABLE objects (content TEXT, part INTEGER, size INTEGER, modified TEXT, PRIMARY KEY (content, part));
"""
_TRIES = 5
_RowT = TypeVar("_RowT", bound=Row)
Object = tuple[Any, ...]


@dataclass(frozen=True)
class Stored:
    """One object in the bucket, which is one part of a content. `size` is in bytes."""

    part: int
    size: int
    modified: datetime


class Facts:
    def __init__(self, deployed: Deployed, file: Path) -> None:
        self._deployed = deployed
        self._asking = Lock()
        self._db = sqlite3.connect(file, check_same_thread=False)
        self._db.executescript(_TABLES)

    def close(self) -> None:
        self._db.close()

    def read(self, at_once: int) -> None:
        """Read all keys. The bucket comes first, because the table notes an object before it is put there."""
        self._keep_objects(_objects(self._deployed, ""))
        for page in reading.keys(self._deployed, self._deployed.table, at_once):
            self._keep_rows(map(_kept_key, page))

    def read_box(self, box: str, store: "Facts", afresh: int = 0) -> bool:
        """Read all that belongs to a box; returns whether nobody wrote to it meanwhile. The whole store's
        facts say which content claims to be of the box, and what the bucket holds of it. With `afresh` the
        bucket itself is read, so many contents at once.
        """
        return any(self._read_box_once(box, store, afresh) for _ in range(_TRIES))

    def _read_box_once(self, box: str, store: "Facts", afresh: int) -> bool:
        self._db.executescript("DELETE FROM rows; DELETE FROM objects")
        name = self._deployed.table
        before = reading.row(self._deployed, name, (box, table.BOX))
        self._keep_rows(map(_kept, reading.box(self._deployed, name, box)))
        named = self._named(box) | store.owned(box)
        keys = named | {(partition, item) for partition, _ in named for item in (table.CONTENT, table.UPLOAD)}
        self._keep_rows(map(_kept, reading.rows(self._deployed, name, sorted(keys))))
        contents = sorted({partition.removeprefix("C#") for partition, _ in named})
        if afresh:
            for found in reading.in_parallel(self._listed, contents, afresh):
                self._keep_objects(found)
        else:
            self._keep_objects(store.objects(contents))
        return reading.row(self._deployed, name, (box, table.BOX)) == before

    def _named(self, box: str) -> set[Key]:
        """The content rows that the box's links and uploads name."""
        rows = (json.loads(raw) for (raw,) in self._db.execute("SELECT raw FROM rows WHERE home = ?", (box,)))
        return {key for row in rows for key in reading.contents(row)}

    def _listed(self, content: str) -> list[Object]:
        return list(_objects(self._deployed, f"{content}/"))

    def read_partition(self, partition: str) -> None:
        """Read again what the table and the bucket hold of one content, or of one partition of a box, and
        whether the box exists.
        """
        content = partition.removeprefix("C#")
        self._db.execute("DELETE FROM rows WHERE box = ?", (partition,))
        self._db.execute("DELETE FROM objects WHERE content = ?", (content,))
        self._keep_objects(self._listed(content))
        rows = [_kept(row) for row in reading.partition(self._deployed, self._deployed.table, partition)]
        self._keep_rows(rows)
        homes = {(str(home or owner), table.BOX) for _, _, home, owner, *_ in rows if home or owner}
        self._keep_rows(map(_kept, reading.rows(self._deployed, self._deployed.table, homes)))

    def owned(self, box: str) -> set[Key]:
        """The content rows that claim to be of the box."""
        with self._asking, closing(self._db.cursor()) as asked:
            return set(asked.execute("SELECT box, item FROM rows WHERE owner = ?", (box,)))

    def objects(self, contents: Iterable[str]) -> list[Object]:
        sql = "SELECT content, part, size, modified FROM objects WHERE content = ?"
        with self._asking, closing(self._db.cursor()) as asked:
            return [found for content in contents for found in asked.execute(sql, (content,)).fetchall()]

    def boxes(self) -> list[str]:
        return [box for (box,) in self._db.execute("SELECT box FROM rows WHERE item = 'BOX' ORDER BY box")]

    def logs(self, box: str) -> list[str]:
        """The partitions of its log, oldest first."""
        start = f"{box}#L"
        found = self._db.execute("SELECT DISTINCT box FROM rows WHERE home = ?", (box,))
        logs = [partition for (partition,) in found if partition.startswith(start)]
        return sorted(logs, key=lambda partition: int(partition.removeprefix(start)))

    def homeless(self) -> list[str]:
        """Partitions of boxes that do not exist, and of content that belongs to such a box."""
        sql = """SELECT DISTINCT box FROM rows WHERE coalesce(home, nullif(owner, '')) IS NOT NULL
                 AND coalesce(home, owner) NOT IN (SELECT box FROM rows WHERE item = 'BOX') ORDER BY box"""
        return [partition for (partition,) in self._db.execute(sql)]

    def get(self, kind: type[_RowT], box: str, item: str) -> _RowT | None:
        found = self._db.execute("SELECT raw FROM rows WHERE box = ? AND item = ?", (box, item)).fetchone()
        return _row(kind, found[0]) if found else None

    def of(self, kind: type[_RowT], box: str, prefix: str) -> Iterator[_RowT]:
        """The rows of a partition whose item begins with `prefix`, in order."""
        between = (box, prefix, f"{prefix}\U0010ffff")
        sql = "SELECT raw FROM rows WHERE box = ? AND item >= ? AND item < ? ORDER BY item"
        return (_row(kind, raw) for (raw,) in self._db.execute(sql, between))

    def of_owner(self, kind: type[_RowT], owner: str, item: str = table.CONTENT) -> Iterator[_RowT]:
        """Rows of content that belongs to a box, shares included; an intake and what a delivery holds belong
        to none, and have an empty owner.
        """
        sql = """SELECT raw FROM rows WHERE owner = :owner AND (item = :item OR item GLOB :item || '#*')
                 ORDER BY box, item"""
        return (_row(kind, raw) for (raw,) in self._db.execute(sql, {"owner": owner, "item": item}))

    def parts(self, content: str) -> dict[int, Stored]:
        sql = "SELECT part, size, modified FROM objects WHERE content = ?"
        found = self._db.execute(sql, (split_share(ContentKey(content))[0],))
        return {part: Stored(part, size, datetime.fromisoformat(at)) for part, size, at in found}

    def unnoted(self) -> list[str]:
        """Contents in the bucket that have no row of their own and no link."""
        sql = """SELECT DISTINCT content FROM objects
                 WHERE NOT EXISTS (SELECT 1 FROM rows WHERE rows.box = 'C#' || objects.content)
                 AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.content = objects.content) ORDER BY content"""
        return [content for (content,) in self._db.execute(sql)]

    def counts(self) -> dict[str, int]:
        """The numbers of boxes, messages, contents, bytes in the bucket, and changes."""
        sql = """SELECT (SELECT count(*) FROM rows WHERE item = 'BOX'),
                        (SELECT count(*) FROM rows WHERE owner IS NULL AND item LIKE 'O#%'),
                        (SELECT count(DISTINCT box) FROM rows
                         WHERE owner IS NOT NULL AND (item = 'CONTENT' OR item GLOB 'CONTENT#*')),
                        (SELECT coalesce(sum(size), 0) FROM objects),
                        (SELECT count(*) FROM rows WHERE owner IS NULL AND item GLOB '0[0-9]*')"""
        names = ("box", "message", "content", "byte", "change")
        return dict(zip(names, self._db.execute(sql).fetchone(), strict=True))

    def _keep_rows(self, rows: Iterable[tuple[str | None, ...]]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _keep_objects(self, objects: Iterable[Object]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", objects)


def _objects(deployed: Deployed, prefix: str) -> Iterator[Object]:
    """The objects in the bucket: content, part, size, and time of the last change."""
    pages = deployed.s3.get_paginator("list_objects_v2").paginate(Bucket=deployed.bucket, Prefix=prefix)
    for page in pages:
        for each in page.get("Contents", ()):
            content, _, part = each["Key"].rpartition("/")
            yield content, part, each["Size"], each["LastModified"].isoformat()


def _kept(item: Raw) -> tuple[str | None, ...]:
    name, partition = item["item"]["S"], item["box"]["S"]
    owner = home = None
    if table.is_content(name) or name in (table.UPLOAD, table.INTAKE, table.SHARED):
        owner = item.get("owner", {"S": ""})["S"]
    elif not table.is_of_no_box(partition):
        home = reading.box_of(partition)
    content, _ = split_share(ContentKey(item.get("content_key", {}).get("S", "")))
    return partition, name, home, owner, content or None, json.dumps(item)


def _kept_key(item: Raw) -> tuple[str | None, ...]:
    """Keep the key without the row itself; what belongs to no box is kept whole, because no box's facts hold
    it.
    """
    kept = _kept(item)
    return kept if item["item"]["S"] in (table.INTAKE, table.SHARED) else (*kept[:-1], "")


def _row(kind: type[_RowT], raw: str) -> _RowT:
    return kind.from_raw_data(json.loads(raw))
