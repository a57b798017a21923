"""How far something long has come: a bar on a terminal, elsewhere a line every few seconds."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from infra.ops.backup import Backup
from infra.ops.writer import Outcome

PLAIN_EVERY = 5.0
BAR_EVERY = 0.1


class Shown:
    def __init__(self, backup: Backup) -> None:
        self._backup = backup
        console = Console(stderr=True)
        text = TextColumn("{task.percentage:>3.0f} %  {task.description}")
        columns = (BarColumn(), text, TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("reading what the box has", total=max(backup.size, 1))
        self._every = BAR_EVERY if console.is_terminal else PLAIN_EVERY
        self._next = time.monotonic() + self._every

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, outcome: Outcome) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every
        told = f"{outcome.read:,} read, {outcome.stored:,} stored, {outcome.already:,} there before"
        self._bar.update(self._task, completed=self._backup.position, description=told)
        if self._bar.disable:
            share = self._backup.position / max(self._backup.size, 1)
            print(f"{share:4.0%}  {told}", file=sys.stderr, flush=True)


class Steps:
    """One thing after another; of how many may not be known."""

    def __init__(self, what: str) -> None:
        self._what = what
        console = Console(stderr=True)
        columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(what, total=None)
        self._every = BAR_EVERY if console.is_terminal else PLAIN_EVERY
        self._next = time.monotonic() + self._every

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, done: int, of: int | None = None) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every
        told = f"{done:,}{f' of {of:,}' if of is not None else ''} {self._what}"
        self._bar.update(self._task, completed=done, total=of, description=told)
        if self._bar.disable:
            print(told, file=sys.stderr, flush=True)
