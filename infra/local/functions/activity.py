"""Tells the stream's pump when to look for records: while a function runs, and when one has just ended.

Without it, a quick pump would have to poll the emulator all the time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_WHILE_BUSY = 0.02
_WHILE_IDLE = 0.25


class Activity:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._ended = threading.Event()

    @contextmanager
    def of_a_function(self) -> Iterator[None]:
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
            self._ended.set()

    def wait(self) -> None:
        """Wait until there may be something new, at most a quarter of a second."""
        self._ended.wait(_WHILE_BUSY if self._running else _WHILE_IDLE)
        self._ended.clear()
