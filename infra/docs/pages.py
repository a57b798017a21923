"""Tables in pages that a command writes, each between two marks. A test can compare a table with the code."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def put(page: Path, blocks: Mapping[str, str]) -> None:
    """Writes each block between its marks. Raises KeyError if its marks are missing."""
    text = page.read_text()
    for name, block in blocks.items():
        pattern = _pattern(name)
        if not pattern.search(text):
            raise KeyError(name)
        text = pattern.sub(lambda found, block=block: f"{found[1]}{block}{found[3]}", text)  # type: ignore[misc]
    page.write_text(text)


def get(page: Path, name: str) -> str:
    found = _pattern(name).search(page.read_text())
    if not found:
        raise KeyError(name)
    return found[2]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int | None = None) -> str:
    """A table in Markdown. The first `left` columns are text, the others numbers; all are text without it."""
    texts = len(heads) if left is None else left
    rules = ["---" if number < texts else "---:" for number in range(len(heads))]
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join(rules)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name} -->\n)(.*?)(\n<!-- /{name} -->)", re.DOTALL)
