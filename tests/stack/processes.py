"""A stack's processes, as the kernel sees them."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

from infra.local.stack import LocalStack
from tests.clients.eventually import eventually


def descendants(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(status.parent.name)
            found += [child, *descendants(child)]
    return found


def running(pids: Iterable[int]) -> list[int]:
    def is_running(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    return [pid for pid in pids if is_running(pid)]


def freeze(stack: LocalStack) -> None:
    """Stops all delivery to functions. The services behind them still answer."""
    os.kill(stack.pid, signal.SIGSTOP)


def cut_off(stack: LocalStack) -> None:
    """Sends SIGKILL to all of its processes, like a machine out of memory. None has time to save."""
    freeze(stack)  # or it would start new ones meanwhile
    processes = [stack.pid, *descendants(stack.pid)]
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
    stack.kill()
    assert eventually(lambda: not running(processes))
