"""Knows which messages are in the box already, and how often each occurred in the file.

It uses a temporary SQLite file that is deleted as it is opened: memory stays small with a box of any size,
and not even a killed process leaves anything behind. Only the store's own log is kept between two runs.
"""

import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence

from infra.ops.importing.connection import Connection, Unusable, body, fault, patiently

PAGE = 1000
COMMIT_BEING_APPLIED = 0.1
LOOK = 0.25


class Ledger:
    """Threads may share it: a writer asks it before it repeats what may have been done."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._restart_token = ""
        self._lock = threading.Lock()
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._rows.execute("CREATE TABLE stored (tag TEXT PRIMARY KEY) WITHOUT ROWID")
        self._rows.execute("CREATE TABLE met (fingerprint INTEGER PRIMARY KEY, times INTEGER)")

    def catch_up(self) -> None:
        """Read the box's log on from where it was left, the first time from the beginning."""
        with self._lock:
            while self._page():
                pass

    def holds(self, tag: str) -> bool:
        with self._lock:
            return self._holds(tag)

    def missing(self, tags: Iterable[str]) -> list[str]:
        with self._lock:
            return [tag for tag in tags if not self._holds(tag)]

    def wait_for(self, tags: Sequence[str], seconds: float) -> None:
        """Wait until they are all in the box, or the time is over."""
        deadline = time.monotonic() + seconds
        while self.missing(tags) and time.monotonic() < deadline:
            time.sleep(LOOK)
            self.catch_up()

    def occurrence(self, fingerprint: bytes) -> int:
        """How many equal messages the file had before this one."""
        key = int.from_bytes(fingerprint[:8], "big", signed=True)
        once_more = "INSERT INTO met VALUES (?, 0) ON CONFLICT DO UPDATE SET times = times + 1"
        with self._lock:
            self._rows.execute(once_more, (key,))
            found = self._rows.execute("SELECT times FROM met WHERE fingerprint = ?", (key,)).fetchone()
        return int(found[0])

    def close(self) -> None:
        self._rows.close()

    def _holds(self, tag: str) -> bool:
        return self._rows.execute("SELECT 1 FROM stored WHERE tag = ?", (tag,)).fetchone() is not None

    def _page(self) -> bool:
        """Read one page of changes; returns whether there are more."""
        query = {"maxEntries": str(PAGE)}
        if self._restart_token:
            query["restartToken"] = self._restart_token
        ask = self._connection.ask
        answer = patiently(self._connection.url, lambda _: ask("GET", "/changes", params=query))
        page = body(answer)
        try:
            changes = page["nmsEventList"]
            events, self._restart_token = changes.get("nmsEvent", []), changes["restartToken"]
            more = bool(page["more"])
            tags = [event.get("changedObject", {}).get("correlationTag") for event in events]
        except (KeyError, TypeError, AttributeError):
            raise Unusable(f"the box cannot be read: {fault(answer)}") from None
        self._rows.execute("BEGIN")
        self._rows.executemany("INSERT OR IGNORE INTO stored VALUES (?)", [(tag,) for tag in tags if tag])
        self._rows.execute("COMMIT")
        if more and not events:
            time.sleep(COMMIT_BEING_APPLIED)
        return more or any("resetBox" in event for event in events)
