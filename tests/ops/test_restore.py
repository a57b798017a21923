"""A restore, rehearsed: rows come back from a restored table, content from versions that still exist."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.client.device import Device
from infra.local.stack import LocalStack
from infra.ops import cli
from infra.ops.rows import empty_box
from tests.clients.box_client import BoxClient, id_of
from tests.clients.eventually import eventually
from tests.clients.following import follow, names, now, page, shown, told
from tests.clients.subscriber import Subscriber, active, look
from tests.stack.at_table import answering, operations, until_write
from tests.stack.behind import Behind

RESTORED = "restored"


class Rehearsal:
    """A store whose bucket keeps old versions, as at AWS, and the commands that an operator types."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack, self.data = stack, str(stack.data)
        self._dynamodb, self._table = stack.aws("dynamodb"), stack.name("Table")
        stack.aws("s3").put_bucket_versioning(
            Bucket=stack.name("ContentBucket"), VersioningConfiguration={"Status": "Enabled"}
        )

    def point_in_time(self) -> None:
        """Make what DynamoDB restores: a table with the rows as they are now, and nothing else."""
        described = self._dynamodb.describe_table(TableName=self._table)["Table"]
        keys = described["KeySchema"]
        named = {key["AttributeName"] for key in keys}
        types = [each for each in described["AttributeDefinitions"] if each["AttributeName"] in named]
        self._dynamodb.create_table(
            TableName=RESTORED, KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST"
        )
        for page_ in self._dynamodb.get_paginator("scan").paginate(TableName=self._table):
            for row in page_["Items"]:
                self._dynamodb.put_item(TableName=RESTORED, Item=row)

    def restore(self, *more: str) -> int:
        return cli.main(["restore", "--data", self.data, "--from", RESTORED, *more])

    def check(self, *more: str) -> int:
        return cli.main(["check", "--data", self.data, *more])


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[Rehearsal]:
    with LocalStack(tmp_path / "stack") as stack:
        yield Rehearsal(stack)


@pytest.fixture
def box(rehearsal: Rehearsal) -> Iterator[BoxClient]:
    with BoxClient(rehearsal.stack) as client:
        yield client


def body(box: BoxClient, url: str) -> str:
    [part] = box.get(url).json()["object"]["payloadPart"]
    return httpx.get(box.get(part["href"]).headers["location"]).text


def state(device: Device) -> Any:
    device.sync()
    return device.state()


def test_what_was_deleted_is_there_again_with_its_content(
    rehearsal: Rehearsal, box: BoxClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    behind = Behind(rehearsal.stack, box.box)
    folder = box.folder("kept")
    urls = [box.text_object(f"text {n}", folder) for n in range(30)]
    token = rehearsal.stack.token(box.box)
    device = Device(rehearsal.stack.url, box.box, lambda: token, tmp_path / "mirror.db")
    before = state(device)
    keys = [behind.content_key(id_of(url)) for url in urls]
    rehearsal.point_in_time()

    box.delete(folder)
    late = box.text_object("after the point in time")
    late_key = behind.content_key(id_of(late))
    assert eventually(lambda: all(behind.is_away(key) for key in keys))
    followed = now(box)
    assert state(device) != before

    assert rehearsal.restore() == 0
    assert capsys.readouterr().out.startswith("would be: ")
    assert box.get(late).status_code == 200
    assert rehearsal.restore("--yes") == 0
    assert rehearsal.check() == 1
    assert rehearsal.check("--repair") == 0
    capsys.readouterr()

    assert box.get(late).status_code == 404
    assert [body(box, url) for url in urls] == [f"text {n}" for n in range(30)]
    assert names(page(box, followed)[0]) == ["resetBox"]
    assert state(device) == before
    device.close()
    assert eventually(lambda: behind.is_away(late_key))
    assert rehearsal.check() == 0
    assert box.copy(box.folder("works"), [urls[0]])[0]["code"] == 200


def test_one_box_is_put_back_and_no_other_changes(
    rehearsal: Rehearsal, box: BoxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    with BoxClient(rehearsal.stack) as other:
        kept, others = box.plain_object(correlationTag="kept"), other.plain_object(correlationTag="first")
        rehearsal.point_in_time()
        box.delete(kept)
        other.delete(others)
        token = now(other)
        assert rehearsal.restore("--box", box.box, "--yes") == 0
        assert "1 boxes to be listed anew" in capsys.readouterr().out
        assert box.get(kept).status_code == 200
        assert other.get(others).status_code == 404
        assert page(other, token)[::2] == ([], False)
    assert [event["correlationTag"] for event in told(follow(box, None)[0], "changedObject")] == ["kept"]
    assert rehearsal.check() == 0


def test_no_id_is_given_out_twice(rehearsal: Rehearsal, box: BoxClient) -> None:
    """A device keeps bodies by contentId: it would show one message's text in another."""
    folder = box.folder("kept")
    rehearsal.point_in_time()
    since = [box.text_object(f"since {n}", folder) for n in range(3)]
    contents = {shown(box, url)["contentId"] for url in since}
    before = Behind(rehearsal.stack, box.box).seq()
    assert rehearsal.restore("--yes") == 0
    anew = [box.text_object(f"anew {n}", folder) for n in range(3)]
    assert not {id_of(url) for url in anew} & {id_of(url) for url in since}
    assert not {shown(box, url)["contentId"] for url in anew} & contents
    assert min(shown(box, url)["lastModSeq"] for url in anew) > before
    assert rehearsal.check("--repair") == 0
    assert rehearsal.check() == 0


def test_a_box_from_before_the_retention_is_looked_at_all_the_same(
    rehearsal: Rehearsal, box: BoxClient
) -> None:
    """Otherwise nothing in it would expire until somebody writes to it."""
    behind = Behind(rehearsal.stack, box.box)
    box.plain_object()
    rehearsal.point_in_time()
    due = {"work": {"S": "due#00"}, "due": {"S": "2999-01-01T00:00:00.000000Z"}}
    behind.put({**behind.row(behind.box, "BOX"), **due})
    assert rehearsal.restore("--yes") == 0
    assert due.items() <= behind.row(behind.box, "BOX").items()


def test_every_subscriber_hears_of_it_once_and_unasked(rehearsal: Rehearsal, box: BoxClient) -> None:
    with Subscriber() as early, Subscriber() as late:
        first = active(box, early)
        rehearsal.point_in_time()
        second = active(box, late)
        box.plain_object()
        assert eventually(lambda: early.lists and late.lists)
        heard = {each: len(each.lists) for each in (early, late)}
        assert rehearsal.restore("--yes") == 0
        for each, made in ((early, first), (late, second)):
            assert eventually(lambda each=each: len(each.lists) > heard[each])  # type: ignore[misc]
            assert each.lists[-1]["nmsEvent"] == [{"resetBox": {}}]
            assert [one["index"] for one in each.lists] == list(range(1, len(each.lists) + 1))
            assert look(box, made)["state"] == "active"
        kept = box.plain_object()
        for each in (early, late):
            assert eventually(lambda each=each: len(each.lists) == heard[each] + 2)  # type: ignore[misc]
            [event] = each.lists[-1]["nmsEvent"]
            assert event["changedObject"]["resourceURL"] == kept


def test_one_box_is_put_back_without_reading_any_other(rehearsal: Rehearsal, box: BoxClient) -> None:
    """The store may hold ten million boxes."""
    with BoxClient(rehearsal.stack) as other:
        other.text_object("of another")
        kept = box.text_object("kept")
        rehearsal.point_in_time()
        box.delete(kept)
        with operations() as asked:
            assert rehearsal.restore("--box", box.box, "--yes") == 0
        assert "BatchWriteItem" in asked
        assert "Scan" not in asked
        with operations() as asked:
            assert rehearsal.check("--box", box.box, "--repair") == 0
        assert "Scan" not in asked
    assert body(box, kept) == "kept"


BEGINNING = sorted(item for _, item in empty_box.keys("main#any"))
"""The items of an empty box. Its ids and numbers are not given out again."""


def test_a_box_that_came_since_and_comes_back_gives_out_no_id_twice(
    rehearsal: Rehearsal, box: BoxClient
) -> None:
    box.text_object("kept")
    rehearsal.point_in_time()
    late = BoxClient(rehearsal.stack)
    before, token = late.text_object("came since"), now(late)
    assert rehearsal.restore("--yes") == 0
    assert names(page(late, token)[0]) == ["resetBox"]
    assert late.get(before).status_code == 404
    after = late.text_object("came back")
    assert int(id_of(after), 36) > int(id_of(before), 36)
    assert rehearsal.check("--repair") == 0
    assert rehearsal.check() == 0


def test_boxes_that_came_since_are_taken_away_with_all_that_is_theirs(
    rehearsal: Rehearsal, box: BoxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = box.text_object("kept")
    rehearsal.point_in_time()
    since = [BoxClient(rehearsal.stack) for _ in range(5)]
    keys = []
    for each in since:
        behind = Behind(rehearsal.stack, each.box)
        keys.append((behind, behind.content_key(id_of(each.text_object("came since")))))
    assert rehearsal.restore("--yes", "--at-once", "3") == 0
    assert "1 boxes to be listed anew" in capsys.readouterr().out
    assert body(box, kept) == "kept"
    for behind, key in keys:
        assert sorted(row["item"]["S"] for row in behind.rows(behind.box, "")) == BEGINNING
        assert not behind.row(f"C#{key}", "CONTENT")
        assert not list(behind.rows(f"{behind.box}#L0", ""))
    assert rehearsal.check("--repair", "--at-once", "3") == 0
    assert eventually(lambda: all(behind.is_away(key) for behind, key in keys))
    assert rehearsal.check() == 0


def test_a_restore_that_was_broken_off_is_run_again_and_comes_to_its_end(
    rehearsal: Rehearsal, box: BoxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it broke off: here, before its second, third and fourth batch of writes."""
    folder = box.folder("kept")
    kept = [box.text_object(f"text {n}", folder) for n in range(12)]
    rehearsal.point_in_time()
    box.delete(folder)
    late = [box.text_object(f"late {n}") for n in range(30)]
    behind = Behind(rehearsal.stack, box.box)
    keys = [behind.content_key(id_of(url)) for url in late]
    for writes in (1, 2, 3):
        with answering(until_write(writes)):
            assert rehearsal.restore("--box", box.box, "--yes") == 1
    assert rehearsal.restore("--box", box.box, "--yes") == 0
    assert rehearsal.check("--repair") == 0
    assert [body(box, url) for url in kept] == [f"text {n}" for n in range(12)]
    assert not any(behind.row(f"C#{key}", "CONTENT") for key in keys)
    assert eventually(lambda: all(behind.is_away(key) for key in keys))
    assert rehearsal.check() == 0


@pytest.mark.parametrize("more", [["--box", "tel:+99900000000"], []])
def test_a_table_without_the_box_takes_nothing_away(
    rehearsal: Rehearsal, box: BoxClient, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise an empty table would empty the store."""
    rehearsal.point_in_time()
    kept = box.plain_object()
    assert rehearsal.restore(*more, "--yes") == 1
    assert "box in restored" in capsys.readouterr().err
    assert box.get(kept).status_code == 200
