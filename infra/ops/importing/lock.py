"""Lets one import at a time into a box, and remembers what a killed one may have left under way.

The store goes on with a request whose sender has died. So a file on this machine notes what is under way, for
the next run. A run that ends well leaves no file.
"""

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.ops.importing.connection import Unusable

LONGEST_DOUBT = 3600.0
"""Seconds after which nothing in the file can be under way any more."""


class ImportLock:
    """Held by one process at a time; the others say that they wait. It is released when its process ends."""

    def __init__(self, what: str, say: Callable[[str], None]) -> None:
        name = hashlib.sha256(what.encode()).hexdigest()[:32]
        self._path = Path(tempfile.gettempdir()) / f"onecopy-import-{os.getuid()}-{name}"
        self._say = say
        self._file = -1
        self._under_way: tuple[str, ...] = ()

    @property
    def under_way(self) -> Sequence[str]:
        """The tags last noted; at first, those that an earlier run left unfinished."""
        return self._under_way

    def __enter__(self) -> Self:
        try:
            self._take()
        except OSError as error:
            raise Unusable(f"{self._path} cannot be used: {error.strerror}") from None
        self._under_way = self._noted()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if not self._under_way:
            self._path.unlink(missing_ok=True)
        self._let_go()

    def note(self, tags: Iterable[str]) -> None:
        """Note all that is under way now: before it is sent, and again when its outcome is known."""
        self._under_way = tuple(tags)
        noted = "".join(f"{tag}\n" for tag in self._under_way).encode()
        os.pwrite(self._file, noted, 0)
        os.ftruncate(self._file, len(noted))

    def _take(self) -> None:
        """Lock the file that exists now: the last holder may have removed the one waited for."""
        while self._file < 0 or not self._is_there():
            self._let_go()
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say("another import into this box is under way; waiting for its end")
                fcntl.flock(self._file, fcntl.LOCK_EX)

    def _noted(self) -> tuple[str, ...]:
        file = os.fstat(self._file)
        if time.time() - file.st_mtime > LONGEST_DOUBT:
            return ()
        return tuple(os.pread(self._file, file.st_size, 0).decode("ascii", "replace").split())

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return False

    def _let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
