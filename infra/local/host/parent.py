"""Notices that the process that started this one has ended, or wants this one to end and cannot say so."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a process; a stack's parent blocks them while it starts the stack."""

_PR_SET_PDEATHSIG = 1


@contextmanager
def held_back() -> Iterator[None]:
    """Delay ending signals until after the block: then what it started is known, and can be ended, too."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent(sign: signal.Signals) -> None:
    """Ask the kernel for a signal when the parent ends. Only Linux has that."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, sign)


class Parent:
    """The process that started this one.

    GNU make forwards a SIGTERM to the command it runs. At a SIGINT it only waits for the command, because a
    terminal sends SIGINT to both; if only make gets it, the command does not learn of it. But while make
    waits, it is in its signal handler with SIGINT blocked, and that can be seen.
    """

    def __init__(self, pid: int | None = None) -> None:
        """`pid`: the expected parent; it may have ended before this process could look for the first time."""
        self._pid = pid or os.getppid()
        self._status = Path(f"/proc/{self._pid}/status")
        self.is_make = self._field("Name:") in ("make", "gmake")

    def wants_us_gone(self) -> bool:
        return os.getppid() != self._pid or (self.is_make and self._blocks(signal.SIGINT))

    def _blocks(self, sign: signal.Signals) -> bool:
        mask = self._field("SigBlk:")
        return bool(mask) and bool(int(mask, 16) >> (sign - 1) & 1)

    def _field(self, name: str) -> str:
        try:
            lines = self._status.read_text().splitlines()
        except OSError:
            return ""
        return next((line.split()[1] for line in lines if line.startswith(name)), "")
