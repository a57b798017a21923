"""How the demo is printed: in colours on a terminal, as plain lines on a pipe."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.demo.figures import Row

PIPE_WIDTH = 110
SHOWN = 3
"""How many lines of a long list are printed: it only gives an impression."""


class Telling:
    def __init__(self) -> None:
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        self._console = Console(width=width, highlight=False, emoji=False, markup=False)
        self._acts = 0

    def title(self, text: str) -> None:
        self._console.print(text, style="bold")

    def act(self, text: str) -> None:
        self._acts += 1
        self._console.print(f"\n{self._acts}. {text}", style="bold cyan")

    def line(self, text: str) -> None:
        self._console.print(f"   {text}")

    def some(self, lines: Sequence[str], what: str) -> None:
        for line in lines[:SHOWN]:
            self.line(f"  {line}")
        if len(lines) > SHOWN:
            self.line(f"  and {len(lines) - SHOWN:,} more {what}")

    def events(self, came: Sequence[tuple[dict[str, Any], float]]) -> None:
        """Show pushed events, each with the time from the request's answer to its arrival."""
        self.some([f"← {described(event)}  ({1000 * delay:.0f} ms)" for event, delay in came], "events")

    def table(self, caption: str, rows: Sequence[Row]) -> None:
        table = Table(
            "", "here", "otherwise", title=caption, title_justify="left", title_style="bold", box=None
        )
        for row in rows:
            table.add_row(*row)
        self._console.print()
        self._console.print(table)


def described(event: dict[str, Any]) -> str:
    """An nmsEvent in a few words: ids and flags, and nothing that a user wrote."""
    ((kind, facts),) = event.items()
    words = [kind, facts["resourceURL"].rsplit("/", 1)[1]]
    if kind == "changedObject":
        words += ["in folder", facts["parentFolder"].rsplit("/", 1)[1], *facts["flags"]["flag"]]
    return " ".join(words)
