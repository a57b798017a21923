"""The README's commands work exactly as written, and links and lists are complete."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from infra.local.stack import LocalStack

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "infra").rglob("*.md")),
]


def test_the_first_lines_to_copy_are_the_two_commands() -> None:
    assert BLOCKS[0] == "make demo\nmake test\n"
    assert README.index("```") == README.index("```sh\nmake demo")


def test_the_lines_for_a_store_on_this_machine_do_what_they_say(stack: LocalStack) -> None:
    lines = "".join(BLOCKS[BLOCKS.index("make serve\n") + 1 :])
    script = "set -euo pipefail\n" + lines.replace("http://127.0.0.1:8080", stack.url)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    ran = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=outside, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    imported, *answers = ran.stdout.strip().splitlines()
    copied, listed, changes = map(json.loads, answers)
    assert ", 0 failed" in imported
    assert [item["code"] for item in copied["bulkResponseList"]["response"]] == [200]
    assert len(listed["folder"]["objects"]["objectReference"]) == 3
    assert len(changes["nmsEventList"]["nmsEvent"]) == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_to_a_file_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_to_a_heading_leads_to_one(page: Path) -> None:
    text = page.read_text()
    headings = {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", text) if link not in headings] == []


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "infra" / "docs" / "decisions"
    pages = {page.name for page in folder.glob("*.md")} - {"README.md"}
    listed = re.findall(r"\(([\w-]+\.md)\)", (folder / "README.md").read_text())
    assert sorted(listed) == sorted(pages)
