"""Keeps one box's rows in a file during work on them: memory stays bounded, however large the box."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Self

from infra.ops.rows.reading import Key, Raw, contents

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE rows (box TEXT, item TEXT, raw TEXT, PRIMARY KEY (box, item)) WITHOUT ROWID;
CREATE TABLE contents (box TEXT, item TEXT, PRIMARY KEY (box, item)) WITHOUT ROWID;
"""
_PART = 100


class BoxFile:
    """The rows, and the keys of the content rows that they name."""

    def __init__(self, folder: Path) -> None:
        self._file = NamedTemporaryFile(dir=folder, suffix=".db")  # noqa: SIM115  closed in __exit__
        self._db = sqlite3.connect(self._file.name)
        self._db.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._db.close()
        self._file.close()

    def add(self, rows: Iterable[Raw]) -> None:
        for row in rows:
            key = row["box"]["S"], row["item"]["S"]
            self._db.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", (*key, json.dumps(row)))
            self._db.executemany("INSERT OR IGNORE INTO contents VALUES (?, ?)", contents(row))

    def rows(self) -> Iterator[Raw]:
        return (json.loads(raw) for (raw,) in self._db.execute("SELECT raw FROM rows"))

    def row(self, key: Key) -> Raw:
        """One row, empty if it does not exist."""
        found = self._db.execute("SELECT raw FROM rows WHERE box = ? AND item = ?", key).fetchone()
        row: Raw = json.loads(found[0]) if found else {}
        return row

    def has(self, key: Key) -> bool:
        return bool(self.row(key))

    def every_key(self) -> Iterator[Key]:
        yield from self._db.execute("SELECT box, item FROM rows")

    def contents(self) -> Iterator[list[Key]]:
        found = self._db.execute("SELECT box, item FROM contents")
        while part := found.fetchmany(_PART):
            yield part

    def forget(self, key: Key) -> None:
        for kind in ("rows", "contents"):
            self._db.execute(f"DELETE FROM {kind} WHERE box = ? AND item = ?", key)  # noqa: S608
