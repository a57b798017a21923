"""Tables in pages that a command writes, each between two marks. A test can compare a table with the code."""

import re
from collections.abc import Mapping
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


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name} -->\n)(.*?)(\n<!-- /{name} -->)", re.DOTALL)
