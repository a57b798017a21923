"""infra/docs/costs.md says what each operation costs; these tests measure it again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode

from infra.aws.template import TEMPLATE
from infra.bench import capacity, costs
from infra.bench.capacity import Item
from infra.docs import pages
from infra.scale import measured


def test_each_operation_costs_what_is_written_down(tmp_path: Path) -> None:
    """Both on the page and in the file that the model reads."""
    kept = tmp_path / "measured.json"
    printed = subprocess.run(
        [sys.executable, "-m", "infra.bench.costs", "--keep", str(kept)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout

    operations, month = printed.strip().split("\n\n")
    assert operations.count("\n") > 10
    assert operations == pages.get(costs.PAGE, "operations")
    assert month == pages.get(costs.PAGE, "month")
    assert json.loads(kept.read_text()) == json.loads(measured.FILE.read_text())


def test_the_indexes_that_are_reckoned_with_are_the_tables() -> None:
    table: dict[str, Any] = decode(str(TEMPLATE))[0]["Resources"]["Table"]["Properties"]

    def keys(indexes: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
        return {one["IndexName"]: tuple(key["AttributeName"] for key in one["KeySchema"]) for one in indexes}

    assert keys(table["LocalSecondaryIndexes"]) == capacity.LOCAL_INDEXES
    assert keys(table["GlobalSecondaryIndexes"]) == capacity.GLOBAL_INDEXES
    every = table["LocalSecondaryIndexes"] + table["GlobalSecondaryIndexes"]
    assert {one["Projection"]["ProjectionType"] for one in every} == {"KEYS_ONLY"}


LINK: Item = {"box": {"S": "main#b"}, "item": {"S": "O#1"}, "place": {"S": "f#1"}, "dated": {"S": "1"}}


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        pytest.param({}, LINK, 2, id="put"),
        pytest.param(LINK, {}, 2, id="deleted"),
        pytest.param(LINK, LINK | {"flags": {"S": "[]"}}, 0, id="nothing in the index changes"),
        pytest.param(LINK, LINK | {"place": {"S": "g#1"}}, 2, id="another key: one taken away, one put"),
        pytest.param({}, {"box": {"S": "main#b"}, "item": {"S": "BOX"}}, 0, id="not in an index"),
    ],
)
def test_an_index_is_written_where_its_entries_change(before: Item, after: Item, writes: int) -> None:
    assert capacity.index_writes(capacity.LOCAL_INDEXES.values(), before, after) == writes
