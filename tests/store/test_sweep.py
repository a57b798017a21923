"""The sweep in this process: what it reads in a quiet minute, and that no kind of work waits for the end of
another. The stand-ins that it rings for only note it.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from secrets import token_hex
from typing import Any

import pytest

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.ids import DEFAULT
from onecopy.domain.link import NewObject
from onecopy.store import expiring_boxes
from onecopy.store.box import folders, objects
from onecopy.store.box.expiry import AGAIN
from onecopy.store.box.objects import Item
from onecopy.store.commit import table
from tests.clients.box_client import new_box
from tests.clients.eventually import eventually
from tests.stack.at_table import handlers_on, operations, store_of
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
def retention(monkeypatch: pytest.MonkeyPatch) -> None:
    """To be asked for before `sweep`."""
    monkeypatch.setenv("RETAINS", "yes")
    monkeypatch.setenv("RETENTION", '[{"folder":"/Default","days":90}]')


@pytest.fixture
def sweep(quiet: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The sweep's module. Its `handler` makes one tick."""
    monkeypatch.setenv("RECLAIM_QUEUE_URL", quiet.name("ReclaimQueue"))
    with handlers_on(quiet):
        from onecopy.handlers import sweep

        yield sweep


@pytest.fixture
def dormant(quiet: LocalStack) -> Iterator[Behind]:
    """A box that was made before there was a retention, and that nobody writes to."""
    behind = Behind(quiet, new_box())
    folders.find_box(store_of(quiet), BoxKey.parse(behind.box))
    yield behind
    for row in [*behind.rows(behind.box, ""), *behind.rows("RETENTION", "")]:
        behind.delete(row)


def noted(stack: LocalStack) -> str:
    path = stack.data / "notes"
    return path.read_text() if path.exists() else ""


def given_to_jobs(stack: LocalStack) -> str:
    return "\n".join(line for line in noted(stack).splitlines() if line.startswith('["jobs"'))


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


# Retention -------------------------------------------------------------------------------------------------


def due(behind: Behind) -> datetime | None:
    row = behind.row(behind.box, "BOX")
    return datetime.fromisoformat(row["due"]["S"]) if "due" in row else None


def make_old(behind: Behind, **more: str) -> None:
    """Makes the box due since long ago."""
    row = {**behind.row(behind.box, "BOX"), "work": {"S": table.work(table.DUE, behind.box)}}
    behind.put({**row, "due": {"S": "2001-01-01T00:00:00.000000Z"}, **{k: {"S": v} for k, v in more.items()}})


def make_known(behind: Behind) -> None:
    """Makes the retention one that every function has known for long."""
    [row] = behind.rows("RETENTION", "")
    earlier = datetime.fromisoformat(row["since"]["S"]) - expiring_boxes.DEPLOYED
    behind.put({**row, "since": {"S": table.time_text(earlier)}})


def test_a_box_from_before_the_retention_is_found_once(retention: None, dormant: Behind, sweep: Any) -> None:
    assert list(expiring_boxes.in_force()) == []
    sweep.handler({}, Context())
    assert list(expiring_boxes.in_force()) == [{"folder": "/Default", "days": 90}]
    assert due(dormant) is None

    make_known(dormant)
    sweep.handler({}, Context())
    assert due(dormant)

    sweep.handler({}, Context())
    with operations() as asked:
        sweep.handler({}, Context())
    assert sorted(asked) == ["GetItem", *["Query"] * 2 * table.SHARDS]


def test_the_search_for_boxes_goes_on_where_it_was_cut(
    retention: None, dormant: Behind, sweep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick without time reads no part of the table; a part is 1 MB, all that there is here."""
    sweep.handler({}, Context())
    make_known(dormant)
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "SHARE", 0.0)
        sweep.handler({}, Context())
    assert due(dormant) is None

    sweep.handler({}, Context())
    assert due(dormant)


def test_a_box_that_is_due_is_given_to_jobs_and_looked_at_again_if_that_is_lost(
    quiet: LocalStack, retention: None, dormant: Behind, sweep: Any
) -> None:
    make_old(dormant)
    sweep.handler({}, Context())
    assert eventually(lambda: dormant.box in given_to_jobs(quiet))
    ahead = due(dormant)
    assert ahead
    assert datetime.now(UTC) < ahead <= datetime.now(UTC) + AGAIN


def test_jobs_looks_through_a_box(retention: None, dormant: Behind, sweep: Any) -> None:
    from onecopy.handlers import jobs
    from onecopy.handlers.edge import composition

    old = replace(composition.parts().store, now=lambda: datetime.now(UTC) - timedelta(days=91))
    objects.create(old, BoxKey.parse(dormant.box), [Item(DEFAULT, NewObject())] * 3, True, None)
    body = json.dumps({"box": dormant.box, "job": "look"})
    record = {"messageId": "1", "receiptHandle": "1", "body": body, "eventSource": "aws:sqs"}

    assert jobs.handler({"Records": [record]}, Context()) == {"batchItemFailures": []}

    assert [*dormant.rows(dormant.box, "O#")] == []
    assert "looked" in dormant.row(dormant.box, "BOX")


def test_without_a_retention_a_box_is_let_go(dormant: Behind, sweep: Any) -> None:
    """A retention that comes again finds it again, because nothing is left of the first search."""
    make_old(dormant, looked='["2001-01-01T00:00:00Z","2001-01-08T00:00:00Z","policy",[]]')
    dormant.put({"box": {"S": "RETENTION"}, "item": {"S": "RETENTION"}, "done": {"BOOL": True}})
    sweep.handler({}, Context())
    assert not {"due", "work", "looked"} & dormant.row(dormant.box, "BOX").keys()
    assert [*dormant.rows("RETENTION", "")] == []
