"""dynoxide: DynamoDB on a SQLite file. A transaction is on disk when it is answered.

This module changes that file in two ways. It adds an index that finds the stream's next number: without it,
each write reads all records of the stream. It deletes records that have been handed over, as AWS deletes them
after a day. The last one stays, because the next number is counted on from it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from infra.local.emulator.child import EmulatorFailed, Recipe

_BUSY_SECONDS = 5
_INDEX = """CREATE INDEX IF NOT EXISTS _stream_numbers
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))"""
_TRIM = "DELETE FROM _stream_records WHERE table_name = ? AND CAST(sequence_number AS INTEGER) < ?"


def program() -> Path | None:
    """Where the set-up has installed it, if it exists for this platform."""
    found = Path(sys.prefix, "emulator").glob("node_modules/@dynoxide/*/dynoxide")
    return next((path for path in found if os.access(path, os.X_OK)), None)


def file(data: Path) -> Path:
    return data / "rows.sqlite"


def recipe(data: Path, binary: Path) -> Recipe:
    def command(port: int) -> list[str]:
        launcher = [sys.executable, "-m", "infra.local.emulator.run_binary", str(os.getpid())]
        where = ["--host", "127.0.0.1", "--port", str(port), "--db-path", str(file(data))]
        return [*launcher, str(binary), "serve", *where]

    return Recipe("dynoxide", command, lambda port: {}, "/")


class StreamFile:
    """The stream's records in the file. Any thread may use it; each call stands alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        self._write(_INDEX)

    def trim(self, table: str, number: str) -> None:
        """Delete the records before this one, which has been handed over, too."""
        self._write(_TRIM, table, int(number))

    def _write(self, statement: str, *values: object) -> None:
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as file, file:
                file.execute(statement, values)
        except sqlite3.Error as error:
            raise EmulatorFailed(f"{self._path}: {error}") from None
