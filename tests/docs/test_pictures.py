"""The pictures in the documentation are Mermaid texts, and each can be drawn."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".venv" / "pictures"
PICTURES = {
    f"{page.name}-{number}": text
    for page in sorted((ROOT / "infra" / "docs").rglob("*.md"))
    for number, text in enumerate(re.findall(r"```mermaid\n(.*?)```", page.read_text(), re.DOTALL), start=1)
}


def faults(texts: list[str]) -> list[str | None]:
    """What Mermaid's own parser finds wrong with each; None if it can be drawn."""
    if not shutil.which("node") or not (INSTALLED / "node_modules" / "mermaid").is_dir():
        pytest.skip("Mermaid is not installed: make pictures (needs Node and npm)")
    ran = subprocess.run(
        ["node", ROOT / "infra" / "docs" / "pictures" / "parse.cjs", INSTALLED],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: list[str | None] = json.loads(ran.stdout)
    return found


def test_the_architecture_has_a_picture_of_the_whole_and_of_each_way() -> None:
    text = (ROOT / "infra" / "docs" / "architecture.md").read_text()
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    ways = [section for section in sections if section.startswith(("The parts", "The way of "))]

    assert len(ways) == 5
    assert [way.splitlines()[0] for way in ways if way.count("```mermaid") != 1] == []


def test_each_picture_can_be_drawn() -> None:
    assert dict(zip(PICTURES, faults(list(PICTURES.values())), strict=True)) == dict.fromkeys(PICTURES)


def test_a_picture_that_cannot_be_drawn_is_noticed() -> None:
    whole = next(iter(PICTURES.values()))

    assert faults([whole, whole.replace("]", "", 1)])[0] is None
    assert faults([whole, whole.replace("]", "", 1)])[1]
