"""Runs a server as a child process on a free loopback port.

The server has a session of its own, so a terminal's signals do not end it before its parent. It also holds
the data folder's lock, so the folder is free only when every server has ended.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_START_SECONDS = 300
"""At its start, ministack reads what it knows of every object: a minute for 200,000."""
_STOP_SECONDS = 12
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "SYSTEMROOT", "PYTHONPATH")


class EmulatorFailed(Exception):
    """An emulator did not come up, or cannot read the folder's data; the text says what to do."""


@dataclass(frozen=True)
class Recipe:
    """How to run a server on a given port, and the path that answers once it is ready."""

    name: str
    command: Callable[[int], Sequence[str]]
    environment: Callable[[int], dict[str, str]]
    ready: str


def free_port(wished: int = 0) -> int:
    """The wished port if it is free, otherwise any."""
    for candidate in (wished, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            port: int = probe.getsockname()[1]
            return port
    raise EmulatorFailed("no free port on 127.0.0.1")


class Child:
    """One server, from start to stop."""

    def __init__(self, recipe: Recipe, log: Path, lock: int) -> None:
        self._recipe, self._log, self._lock = recipe, log, lock
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, wished: int = 0) -> None:
        """Start it on the wished port, or on another one if that is taken."""
        for port in (wished, 0, 0):
            self._spawn(free_port(port))
            if self._answers():
                return
            self.terminate()
            self.ended()
        raise EmulatorFailed(f"{self._recipe.name} did not start; its log is {self._log}")

    def exited(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def terminate(self) -> None:
        """Ask it to end, without waiting."""
        if self._process is not None:
            self._process.terminate()

    def ended(self) -> bool:
        """Wait for its end; True if it ended by itself, and so has saved everything."""
        if self._process is None:
            return False
        process, self._process = self._process, None
        try:
            return process.wait(_STOP_SECONDS) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False

    def _spawn(self, port: int) -> None:
        self.port = port
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and modules
                self._recipe.command(port),
                env=kept | self._recipe.environment(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._lock,),
                start_new_session=True,
            )

    def _answers(self) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and not self.exited():
            try:
                with urllib.request.urlopen(self.url + self._recipe.ready, timeout=2):  # noqa: S310
                    return not self.exited()
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        return False
