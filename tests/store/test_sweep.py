"""The sweep in this process: what it reads in a quiet minute, and that no kind of work waits for the end of
another. The stand-ins that it rings for only note it.
"""

from collections.abc import Iterator
from math import inf
from secrets import token_hex
from typing import Any

import pytest

from infra.local.stack import LocalStack
from onecopy.store.commit import table
from tests.clients.box_client import new_box
from tests.clients.eventually import eventually
from tests.stack.at_table import handlers_on, operations
from tests.stack.behind import Behind
from tests.stack.stacks import standin_stack

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of stand-ins that no other test uses."""
    with standin_stack(tmp_path_factory.mktemp("quiet")) as running:
        yield running


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 55_000


@pytest.fixture
def sweep(quiet: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The sweep's module. Its `handler` makes one tick."""
    monkeypatch.setenv("RECLAIM_QUEUE_URL", quiet.name("ReclaimQueue"))
    with handlers_on(quiet):
        from onecopy.handlers import sweep

        yield sweep


def noted(stack: LocalStack) -> str:
    path = stack.data / "notes"
    return path.read_text() if path.exists() else ""


def test_where_nothing_is_due_each_shard_is_asked_once(sweep: Any) -> None:
    """That is one query for the deliveries that are owed, which are counted, and one for all other work."""
    sweep.handler({}, Context())
    with operations() as asked:
        sweep.handler({}, Context())
    assert asked == ["Query"] * 2 * table.SHARDS


def test_a_kind_with_more_than_its_share_keeps_no_other_in_its_shard_waiting(
    quiet: LocalStack, sweep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs were due long before the content. The sweep reports those left, and does them next time."""
    behind, name = Behind(quiet, new_box()), token_hex(6)
    jobs = [f"J#{name}-{number}" for number in range(130)]
    for job in jobs:
        due = {"work": {"S": "due#07"}, "due": {"S": "2001-01-01T00:00:00.000000Z"}}
        behind.put({"box": {"S": behind.box}, "item": {"S": job}, **due})
    due = {"work": {"S": "due#07"}, "due": {"S": "2002-01-01T00:00:00.000000Z"}}
    content = {"box": {"S": f"C#inline/{name}"}, "item": {"S": "CONTENT"}, "links": {"N": "0"}}
    behind.put({**content, "owner": {"S": behind.box}, "sizes": {"S": "[]"}, **due})

    monkeypatch.setattr(sweep, "SHARE", 0.0)
    with pytest.raises(sweep.NotAllSwept):
        sweep.handler({}, Context())
    assert eventually(lambda: f"inline/{name}" in noted(quiet))
    assert f"{name}-129" not in noted(quiet)

    monkeypatch.setattr(sweep, "SHARE", inf)
    sweep.handler({}, Context())
    assert eventually(lambda: all(job.removeprefix("J#") in noted(quiet) for job in jobs))
    for row in [*behind.rows(behind.box, ""), *behind.rows(f"C#inline/{name}", "")]:
        behind.delete(row)
