"""The local stack's log: a line for each request and each notable event, and the handlers' own logs.

It holds nothing that a user wrote: no path, no query, no box.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

# Powertools' own keys that tell nothing on one machine.
_USUAL = frozenset(
    "level location message timestamp service cold_start function_name function_memory_size function_arn "
    "function_request_id xray_trace_id sampling_rate exception exception_name stack_trace".split()
)


class Log:
    def __init__(self) -> None:
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        """Print a line as it is, even if nobody reads the output any more."""
        with self._lock:
            try:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
            except (BrokenPipeError, ValueError):
                pass

    def request(self, method: str, route: str, status: int, seconds: float, correlation: str) -> None:
        self.line(f"{_now()}  {method:<6} {route}  {status}  {seconds * 1000:.0f} ms  {correlation}".rstrip())

    def event(self, who: str, what: str) -> None:
        self.line(f"{_now()}  {who:<8} {what}")

    def follow(self, output: Connection, name: str) -> None:
        """Print what a worker prints, until it ends."""
        threading.Thread(target=self._read, args=(output, name), name=f"log-{name}", daemon=True).start()

    def _read(self, output: Connection, name: str) -> None:
        with os.fdopen(os.dup(output.fileno()), "r", errors="replace") as lines:
            output.close()
            for line in lines:
                if text := _readable(line.rstrip()):
                    self.event(name, text)


def _now() -> str:
    return datetime.now(UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]


def _readable(line: str) -> str:
    """A line of a structured log as plain text; empty for metrics, which are for a machine."""
    if not line.startswith("{"):
        return line
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return line
    if "_aws" in entry:
        return ""
    rest = " ".join(
        f"{key}={value}" for key, value in entry.items() if key not in _USUAL and value is not None
    )
    trace = entry.get("exception", "").replace("\n", "\n    ")
    text = f"{entry.get('level', '')} {entry.get('message', '')} {rest}".strip()
    return f"{text}\n    {trace}" if trace else text
