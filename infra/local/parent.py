"""Noticing that whoever started us is gone, or wants us gone and cannot say so."""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent(sign: signal.Signals) -> None:
    """Ask the kernel for a signal when the parent ends. Elsewhere than on Linux there is no such thing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, sign)


class Parent:
    """The process that started this one.

    GNU make hands a SIGTERM on to what it runs. At a SIGINT it only waits for it, because a terminal sends
    that to everyone; sent to make alone, nobody else hears of it. But while make waits so, it is inside its
    signal handler, and SIGINT is blocked: that can be seen.
    """

    def __init__(self) -> None:
        self._pid = os.getppid()
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
