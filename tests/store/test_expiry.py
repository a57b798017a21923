"""Objects expire by the provider's retention: when, where, exactly once, and what is left of them.

The store's clock runs far ahead of the real one, so the sweep of a running stack takes no part.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from infra.client.device import Device
from infra.local.stack import LocalStack
from infra.ops.check.checking import check
from infra.ops.rows.deployed import on_this_machine
from onecopy.domain.box import BoxKey
from onecopy.domain.content import ContentKey, Part
from onecopy.domain.ids import DEFAULT, RCS_MESSAGE_STORE, FolderId, ObjectId
from onecopy.domain.link import NewObject
from onecopy.domain.retention import Retention, parse
from onecopy.store.box import commits, copies, expiry, folders, jobs, objects
from onecopy.store.box.expiry import Progress
from onecopy.store.box.objects import Item
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.transact import Store
from tests.clients.box_client import STORE, BoxClient, id_of
from tests.clients.eventually import eventually
from tests.clients.following import now, since, told
from tests.clients.subscriber import Subscriber, active
from tests.stack.at_table import Call, answering, operations, store_of
from tests.stack.behind import Behind

START = datetime.now(UTC) + timedelta(days=3000)
LONG = timedelta(seconds=60)
NINETY = '[{"folder":"/Default","days":90}]'


class Desk:
    """A box whose objects come of age as the test says. `at` gives the store as it is on a day."""

    def __init__(self, stack: LocalStack, box: BoxClient) -> None:
        self.box, self.key, self.behind = box, BoxKey("main", box.box), Behind(stack, box.box)
        self._store = replace(store_of(stack), retains=True)

    def at(self, day: float) -> Store:
        return replace(self._store, now=lambda: START + timedelta(days=day))

    def store(
        self, day: float, folder: FolderId = DEFAULT, tag: str = "", content: str = "", **attributes: str
    ) -> ObjectId:
        given = NewObject(tuple((name.replace("_", "-"), (value,)) for name, value in attributes.items()))
        item = Item(folder, replace(given, correlation_tag=tag or None, correlation_id=tag or None))
        if content:
            part = Part("text/plain", 5, "sha256:")
            item = replace(item, content_key=ContentKey(content), parts=(part,))
        [made] = objects.create(self.at(day), self.key, [item], True, None)
        assert isinstance(made, Outcome)
        return ObjectId(made.thing_id)

    def fill(self, count: int, folder: FolderId = DEFAULT) -> list[ObjectId]:
        """Objects of day 0."""
        made = objects.create(self.at(0), self.key, [Item(folder, NewObject())] * count, True, None)
        return [ObjectId(one.thing_id) for one in made if isinstance(one, Outcome)]

    def folder(self, name: str, parent: FolderId = RCS_MESSAGE_STORE) -> FolderId:
        return folders.create(self.at(0), self.key, parent, name, (), True).folder_id

    def look(self, day: float, policy: str | Retention = NINETY, time: timedelta = LONG) -> Progress:
        retention = policy if isinstance(policy, Retention) else parse(policy)
        return expiry.look(self.at(day), self.key, retention, time)

    def there(self) -> set[str]:
        return {row["item"]["S"].removeprefix("O#") for row in self.behind.rows(self.behind.box, "O#")}

    def expired(self) -> list[str]:
        """The ids that the log tells as expired, in order."""
        events = [json.loads(row["event"]["S"]) for row in self.behind.log()]
        return [event["deleted_object"] for event in events if "expired" in event]


@pytest.fixture
def desk(stack: LocalStack) -> Iterator[Desk]:
    with BoxClient(stack) as client:
        client.folder_at(STORE)
        yield Desk(stack, client)


def iso(day: float) -> str:
    return (START + timedelta(days=day)).isoformat()


# What expires ----------------------------------------------------------------------------------------------


@pytest.mark.nms("expiredObject")
@pytest.mark.nms("deletion and expiry", "User deletion and expiry are different events")
def test_an_expired_object_is_told_as_expired_and_not_as_deleted(desk: Desk) -> None:
    tagged, plain = desk.store(0, tag="t"), desk.store(0)
    young = desk.store(1)
    token = now(desk.box)
    seq = desk.behind.seq()

    assert desk.look(90.5) == Progress(True, 2)

    events = since(desk.box, token)
    expired = told(events, "expiredObject")
    assert len(events) == 2
    assert [id_of(one.pop("resourceURL")) for one in expired] == [tagged, plain]
    correlation = {"correlationId": "t", "correlationTag": "t"}
    assert expired == [{"lastModSeq": seq + 1, **correlation}, {"lastModSeq": seq + 2}]
    assert desk.there() == {young}
    assert desk.box.get(f"/objects/{tagged}").status_code == 404


def test_what_no_rule_applies_to_never_expires(desk: Desk) -> None:
    mine = desk.store(0, RCS_MESSAGE_STORE)
    assert desk.look(90_000) == Progress(True, 0)
    assert desk.there() == {mine}


def test_a_rule_holds_below_its_folder_and_for_its_context(desk: Desk) -> None:
    inner = desk.folder("inner", desk.folder("kept"))
    policy = json.dumps(
        [
            {"folder": "/RCSMessageStore/kept/inner", "messageContext": "pager-message", "days": 5},
            {"folder": "/RCSMessageStore/kept", "days": 1000},
            {"messageContext": "pager-message", "days": 30},
        ]
    )
    deep = desk.folder("deep", inner)
    five = desk.store(0, deep, Message_Context="pager-message")
    long = desk.store(0, deep, Message_Context="voice-message")
    thirty = desk.store(0, Message_Context="Pager-Message")
    never = desk.store(0, Message_Context="voice-message")

    for day, left in ((4, {five, long, thirty, never}), (6, {long, thirty, never}), (31, {long, never})):
        desk.look(day, policy)
        assert desk.there() == left
    desk.look(1001, policy)
    assert desk.there() == {never}


def test_what_is_stored_with_an_old_date_has_its_days_all_the_same(desk: Desk) -> None:
    old = desk.store(0, Date=iso(-500))
    desk.look(0.5)
    desk.look(89)
    assert desk.there() == {old}
    desk.look(90.5)
    assert desk.there() == set()


def test_what_was_there_before_the_retention_counts_from_its_date(desk: Desk) -> None:
    desk._store = replace(desk._store, retains=False)
    desk.store(0, Date=iso(-500))
    young = desk.store(0, Date=iso(-50))
    desk.look(1)
    assert desk.there() == {young}


def test_a_copy_in_the_users_own_folder_follows_the_rules_of_that_folder(desk: Desk) -> None:
    """The content stays as long as a link is left, and is given up with the last one."""
    original = desk.store(0, content="inline/expiring-copy")
    mine = desk.folder("mine")
    [copied] = copies.copy_objects(desk.at(80), desk.key, [original], mine, False)
    assert isinstance(copied, Outcome)
    policy = '[{"folder":"/RCSMessageStore/mine","days":100},{"folder":"/Default","days":90}]'

    desk.look(91, policy)
    assert desk.there() == {copied.thing_id}
    assert desk.behind.links("inline/expiring-copy") == 1
    desk.look(179, policy)
    assert desk.there() == {copied.thing_id}
    desk.look(181, policy)
    assert desk.there() == set()
    content = desk.behind.row("C#inline/expiring-copy", "CONTENT")
    assert content["links"]["N"] == "0"
    assert content["work"]["S"].startswith("due#")


def test_what_is_moved_or_renamed_into_a_rules_folder_expires_by_it(desk: Desk) -> None:
    """A whole look comes at least once a week; it is what finds these."""
    policy = '[{"folder":"/RCSMessageStore/bin","days":10}]'
    elsewhere, other = desk.folder("elsewhere"), desk.folder("other")
    moved, renamed = desk.store(0, elsewhere), desk.store(0, other)
    desk.look(20, policy)
    assert desk.there() == {moved, renamed}

    folders.rename(desk.at(20), desk.key, other, "bin")
    copies.move_objects(desk.at(20), desk.key, [moved], other, False)
    for day in range(21, 28):
        desk.look(day, policy)
    assert desk.there() == set()


def test_a_changed_retention_is_met_by_the_next_look(desk: Desk) -> None:
    desk.store(0)
    desk.look(40)
    assert desk.look(41, '[{"folder":"/Default","days":30}]') == Progress(True, 1)


def test_folders_stay(desk: Desk) -> None:
    conversation = desk.folder("conversation", DEFAULT)
    desk.store(0, conversation)
    desk.look(91)
    assert desk.there() == set()
    assert folders.find(desk.at(91), desk.key, conversation).name == "conversation"


# Looks -----------------------------------------------------------------------------------------------------


def test_a_box_is_looked_at_every_day_from_its_first_commit_on(desk: Desk) -> None:
    assert "due" not in desk.behind.row(desk.behind.box, "BOX")
    desk.store(3)
    row = desk.behind.row(desk.behind.box, "BOX")
    assert row["work"]["S"].startswith("due#")
    assert datetime.fromisoformat(row["due"]["S"]) == START + timedelta(days=3)

    desk.look(3.5)
    due = desk.behind.row(desk.behind.box, "BOX")["due"]["S"]
    desk.store(4)
    assert desk.behind.row(desk.behind.box, "BOX")["due"]["S"] == due
    assert datetime.fromisoformat(due) == START + timedelta(days=4.5)


def test_without_a_retention_a_commit_writes_nothing_for_it(desk: Desk) -> None:
    desk._store = replace(desk._store, retains=False)
    old = desk.store(0, Date=iso(-500))
    assert not {"due", "work", "looked"} & desk.behind.row(desk.behind.box, "BOX").keys()
    assert "stored" not in desk.behind.row(desk.behind.box, f"O#{old}")


def test_a_look_that_is_asked_for_twice_is_made_once(desk: Desk) -> None:
    desk.store(0)
    desk.look(1)
    before = desk.behind.row(desk.behind.box, "BOX")
    assert desk.look(1.1) == Progress(True, 0)
    assert desk.behind.row(desk.behind.box, "BOX") == before


def test_a_look_without_time_is_gone_on_with(desk: Desk) -> None:
    desk.fill(40)
    ticks = iter(range(1000))
    short = replace(desk.at(91), now=lambda: START + timedelta(days=91, seconds=next(ticks)))
    retention, looks = parse(NINETY), 0
    while not expiry.look(short, desk.key, retention, timedelta(seconds=2)).finished:
        looks += 1
        left = json.loads(desk.behind.row(desk.behind.box, "BOX")["looked"]["S"])[3]
        assert left
    assert looks
    assert desk.there() == set()
    assert len(desk.expired()) == len(set(desk.expired())) == 40


def test_what_a_deletion_has_hidden_is_left_to_it(desk: Desk) -> None:
    doomed = desk.folder("doomed", DEFAULT)
    inside = desk.store(0, doomed)
    job = folders.delete(desk.at(91), desk.key, doomed)
    assert desk.look(91) == Progress(True, 0)
    assert desk.there() == {inside}
    for day in (92, 93):
        jobs.run(desk.at(day), desk.key, job, 1000, LONG)
    assert desk.there() == set()
    assert desk.expired() == []


# Faults: of what moto cannot show --------------------------------------------------------------------------


@pytest.mark.whole
def test_where_nothing_is_old_a_look_is_one_query(desk: Desk) -> None:
    """Beside it, the box's row is read, and in the end written."""
    desk.fill(40)
    for day in (1, 2):  # the first is a whole look, the second is not
        with operations() as asked:
            desk.look(day)
        assert asked == ["GetItem", "Query", "TransactGetItems", "TransactWriteItems"]


@pytest.mark.whole
def test_a_commit_makes_no_call_more_because_of_the_retention(desk: Desk) -> None:
    def calls(retains: bool) -> Sequence[str]:
        desk._store = replace(desk._store, retains=retains)
        with operations() as asked:
            desk.store(0, RCS_MESSAGE_STORE)
        return asked

    assert calls(False) == calls(True) == calls(True)


@pytest.mark.whole
def test_two_looks_at_once_let_each_object_expire_once(desk: Desk) -> None:
    ids = desk.fill(70)
    others: list[Callable[[], Any]] = [lambda: desk.look(91)] * 2

    def instead(operation: str, call: Call) -> AWSResponse:
        if operation == "TransactWriteItems" and others:
            others.pop()()
        return call()

    with answering(instead):
        desk.look(91)
    assert sorted(desk.expired()) == sorted(ids)
    assert [int(row["item"]["S"]) for row in desk.behind.log()] == list(range(1, desk.behind.seq() + 1))


@pytest.mark.whole
def test_a_look_that_is_cut_does_not_overwrite_one_that_has_ended_since(desk: Desk) -> None:
    desk.fill(3)
    others: list[Callable[[], Any]] = [lambda: desk.look(91)]

    def instead(operation: str, call: Call) -> AWSResponse:
        if operation == "TransactWriteItems" and others:
            others.pop()()
        return call()

    with answering(instead):
        assert desk.look(91, time=timedelta(0)) == Progress(True, 0)
    assert json.loads(desk.behind.row(desk.behind.box, "BOX")["looked"]["S"])[3] == []


@pytest.mark.whole
@pytest.mark.parametrize("dies_at", [0, 1, 2, 3])
@pytest.mark.parametrize("done", [False, True], ids=["before the write", "after it"])
def test_a_look_that_dies_is_made_again(desk: Desk, dies_at: int, done: bool) -> None:
    """Three transactions of objects, and the note of the look."""
    ids = desk.fill(70)
    writes: list[str] = []

    def dies(operation: str, call: Call) -> AWSResponse:
        if operation == "TransactWriteItems":
            writes.append(operation)
        if len(writes) > dies_at:
            if done and len(writes) == dies_at + 1 and operation == "TransactWriteItems":
                call()
            raise ReadTimeoutError(endpoint_url="")
        return call()

    with answering(dies), suppress(Exception):
        desk.look(91)
    desk.look(91.1)
    assert sorted(desk.expired()) == sorted(ids)
    assert desk.there() == set()


@pytest.mark.whole
def test_a_copy_under_way_holds_what_expires_right_after_its_answer(desk: Desk) -> None:
    source, target = desk.folder("source"), desk.folder("target")
    ids = desk.fill(70, source)
    policy = '[{"folder":"/RCSMessageStore/source","days":90}]'
    copies.copy_folders(desk.at(91), desk.key, [source], target, False)

    assert desk.look(91, policy).expired == 70

    assert set(desk.expired()) == set(ids)
    assert len(desk.there()) == 70


@pytest.mark.whole
def test_a_copy_that_takes_long_puts_the_look_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "LONGEST", timedelta(0))
    source, target = desk.folder("source"), desk.folder("target")
    desk.store(0, source)
    policy = '[{"folder":"/RCSMessageStore/source","days":90}]'
    [copied] = copies.copy_folders(desk.at(91), desk.key, [source], target, False)
    assert desk.look(91, policy) == Progress(False, 0, expiry.BUSY)

    assert isinstance(copied, Outcome)
    for day in (92, 93):
        jobs.run(desk.at(day), desk.key, copied.job_id or "", 1000, LONG)
    assert desk.look(94, policy) == Progress(True, 1)


@pytest.mark.whole
def test_a_device_and_a_subscriber_learn_what_expires_once_a_store_has_a_retention(
    tmp_path: Path, subscriber: Subscriber
) -> None:
    """The message is there before the retention is; the box's next change lets it go."""
    old = {"attributes": {"attribute": [{"name": "Date", "value": ["2021-03-04T05:06:07Z"]}]}}
    with LocalStack(tmp_path / "stack") as stack, BoxClient(stack) as box:
        name, there = box.box, box.text_object("hello", **old)
        content = Behind(stack, name).content_key(id_of(there))
    policy = {"Retention": '[{"folder":"/RCSMessageStore","days":90}]'}
    with LocalStack(tmp_path / "stack", parameters=policy) as stack, BoxClient(stack, name) as box:
        device = Device(stack.url, name, lambda: stack.token(name), tmp_path / "mirror.db")
        device.sync()
        assert id_of(there) in device.state()[0]
        active(box, subscriber)

        young = box.plain_object(**old)

        assert eventually(lambda: told(subscriber.events, "expiredObject"))
        device.sync()
        assert set(device.state()[0]) == {id_of(young)}
        assert device.take_page() == (0, False)
        assert eventually(lambda: Behind(stack, name).is_away(content))
        device.close()
        assert not check(on_this_machine(stack.data)).findings
