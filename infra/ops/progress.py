"""Shows progress: a bar on a terminal, elsewhere a line every few seconds."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from infra.ops.importing.writer import Outcome
from infra.ops.phone.backup import Backup

PLAIN_EVERY = 5.0
BAR_EVERY = 0.1


class _Bar:
    """A bar on a terminal; elsewhere no bar, only lines that are printed every few seconds."""

    def __init__(self, begun: str, shown: str, total: int | None) -> None:
        console = Console(stderr=True)
        columns = (BarColumn(), TextColumn(shown), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(begun, total=total)
        self._every = BAR_EVERY if console.is_terminal else PLAIN_EVERY
        self._next = time.monotonic() + self._every

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _is_time(self) -> bool:
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._every
        return True

    def _show(self, told: str, plain: str, completed: int, total: int | None) -> None:
        self._bar.update(self._task, completed=completed, total=total, description=told)
        if self._bar.disable:
            print(plain, file=sys.stderr, flush=True)


class Shown(_Bar):
    def __init__(self, backup: Backup) -> None:
        self._backup, self._size = backup, max(backup.size, 1)
        super().__init__(
            "reading what the box holds", "{task.percentage:>3.0f} %  {task.description}", self._size
        )

    def update(self, outcome: Outcome) -> None:
        if self._is_time():
            told = f"{outcome.read:,} read, {outcome.stored:,} stored, {outcome.already:,} there before"
            at = self._backup.position
            self._show(told, f"{at / self._size:4.0%}  {told}", at, self._size)


class Steps(_Bar):
    """Counts finished things; their total may be unknown."""

    def __init__(self, what: str) -> None:
        self._what = what
        super().__init__(what, "{task.description}", None)

    def update(self, done: int, of: int | None = None) -> None:
        if self._is_time():
            told = f"{done:,}{f' of {of:,}' if of is not None else ''} {self._what}"
            self._show(told, told, done, of)
