"""The tables that the documentation makes from the code are those of the code, and a stale one is named."""

import shutil
from pathlib import Path

import pytest

from infra.docs import __main__ as command
from infra.docs.tables import PAGES, TABLES


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the pages, for the command to work on."""
    for page in TABLES:
        shutil.copy(PAGES / page, tmp_path)
    monkeypatch.setattr(command, "PAGES", tmp_path)
    return tmp_path


def test_every_table_is_what_the_code_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert (command.main([]), *capsys.readouterr()) == (0, "", "")


@pytest.mark.parametrize(
    ("page", "cell", "table"),
    [
        ("reference.md", "| 32 levels |", "limits"),
        ("reference.md", "| `oma_rest_nms.create` | yes |", "routes"),
        ("reference.md", "| `HISTORY_DAYS` |", "settings"),
        ("reference.md", "| at least `5` in 3 of 5", "alarms"),
        ("operating.md", "| `RestoreDays` | `7` |", "parameters"),
        ("conformance.md", "| `POST /folders` |", "resources"),
    ],
)
def test_a_stale_table_is_named_and_written_anew(
    pages: Path, capsys: pytest.CaptureFixture[str], page: str, cell: str, table: str
) -> None:
    text = (pages / page).read_text()
    assert cell in text
    (pages / page).write_text(text.replace(cell, "| other |"))

    assert command.main([]) == 1
    assert f"{page}: {table}" in capsys.readouterr().err
    assert command.main(["--write"]) == 0
    assert (pages / page).read_text() == text
