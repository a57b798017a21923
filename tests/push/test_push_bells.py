"""No ring is lost: whatever happens to a stream record or a queue message, the subscriber hears of a change.

Every subscription has a time at which the sweep looks at it. These tests use `hasty`, with its shorter times.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import STORE, BoxClient, id_of
from tests.clients.eventually import eventually
from tests.clients.following import names, page, since
from tests.clients.subscriber import (
    TAKEN,
    Subscriber,
    active,
    assert_told,
    end_all,
    look,
    refusal,
    state,
    update,
)
from tests.stack.behind import Behind, Row

pytestmark = pytest.mark.whole

LONG_AGO = "2001-01-01T00:00:00.000000Z"


@pytest.fixture
def box(hasty: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(hasty) as client:
        yield client
        end_all(client)


@pytest.fixture
def behind(hasty: LocalStack, box: BoxClient) -> Behind:
    return Behind(hasty, box.box)


def resting(box: BoxClient, behind: Behind, subscriber: Subscriber) -> tuple[str, Row]:
    """Tell a subscriber of one change and no other; returns the subscription's id, and its row at rest."""
    made = active(box, subscriber)
    box.folder("one")
    assert eventually(lambda: subscriber.events)
    name = id_of(made["resourceURL"])
    assert eventually(lambda: behind.rests(name) and not messages(behind.stack))
    return name, behind.subscription(name)


def messages(stack: LocalStack) -> int:
    """Counts those that wait for a sender and those that one is working on."""
    sqs: Any = stack.aws("sqs")
    found = sqs.get_queue_attributes(QueueUrl=stack.name("DeliveryQueue"), AttributeNames=["All"])
    counts = found["Attributes"]
    return int(counts["ApproximateNumberOfMessages"]) + int(counts["ApproximateNumberOfMessagesNotVisible"])


def one_back(row: Row) -> Row:
    return {**row, "cursor": {"N": str(int(row["cursor"]["N"]) - 1)}}


def test_one_whose_bell_never_rang_is_told_all_the_same(
    box: BoxClient, behind: Behind, subscriber: Subscriber
) -> None:
    """There was no stream record, message or other change: the sweep's regular look finds it behind."""
    name, row = resting(box, behind, subscriber)
    behind.put(one_back(row))
    assert eventually(lambda: len(subscriber.lists) > 1)
    assert subscriber.lists[1]["nmsEvent"] == subscriber.lists[0]["nmsEvent"]
    assert eventually(lambda: behind.rests(name))


def test_one_that_the_sweep_finds_overdue_is_rung_for_and_rests_again(
    box: BoxClient, behind: Behind, subscriber: Subscriber
) -> None:
    name, row = resting(box, behind, subscriber)
    behind.put({**row, "due": {"S": LONG_AGO}})
    assert eventually(lambda: behind.rests(name))
    assert len(subscriber.posts) == 2
    work = row["work"]["S"].replace("due", "deliver")
    behind.put({**one_back(row), "work": {"S": work}, "due": {"S": LONG_AGO.replace("2001", "2002")}})
    assert eventually(lambda: len(subscriber.lists) > 1)
    assert eventually(lambda: behind.rests(name))


def test_one_that_fails_is_told_though_the_queue_has_forgotten_it(
    hasty: LocalStack, box: BoxClient, behind: Behind, subscriber: Subscriber
) -> None:
    """As after a restart, or when its message is in the dead-letter queue."""
    made = active(box, subscriber)
    subscriber.answer = refusal(500)
    box.folder("one")
    assert eventually(lambda: state(box, made)[0] == "failing")
    sqs: Any = hasty.aws("sqs")
    sqs.purge_queue(QueueUrl=hasty.name("DeliveryQueue"))
    subscriber.answer = TAKEN
    assert_told(subscriber, since(box, made["restartToken"]))
    assert eventually(lambda: behind.rests(id_of(made["resourceURL"])))


def assert_one_reset(box: BoxClient, subscriber: Subscriber) -> None:
    """The reset comes once, without a request, and the changes go on after it."""
    assert eventually(lambda: "resetBox" in str(subscriber.lists[-1]))
    box.folder("after the reset")
    assert eventually(lambda: "after the reset" in str(subscriber.events[-1:]))
    assert names(subscriber.events).count("resetBox") == 1
    assert subscriber.indexes == list(range(1, len(subscriber.indexes) + 1))


def test_one_that_was_told_all_hears_of_a_reset_without_another_change(
    box: BoxClient, behind: Behind, subscriber: Subscriber
) -> None:
    resting(box, behind, subscriber)
    behind.put({**behind.row(behind.box, "BOX"), "validity": {"S": "0123456789ab"}})
    assert_one_reset(box, subscriber)


def test_one_hears_of_a_reset_though_no_bell_rang_for_it(
    box: BoxClient, behind: Behind, subscriber: Subscriber
) -> None:
    """The subscription's row names another validity than the box's. A write to that row rings for nobody."""
    _, row = resting(box, behind, subscriber)
    behind.put({**row, "validity": {"S": "0123456789ab"}})
    assert_one_reset(box, subscriber)


def test_one_of_a_box_that_was_made_anew_hears_of_it(
    box: BoxClient, behind: Behind, subscriber: Subscriber
) -> None:
    """Its numbers start again, below those that the subscriber was told."""
    for number in range(12):
        box.folder(f"folder {number}")
    resting(box, behind, subscriber)
    for row in [*behind.rows(behind.box, ""), *behind.log()]:
        behind.delete(row)
    box.folder_at(STORE)
    assert_one_reset(box, subscriber)


def test_a_list_under_way_when_the_box_was_reset_is_replaced_by_the_reset(
    box: BoxClient, behind: Behind, subscriber: Subscriber
) -> None:
    """Its changes may no longer exist. The reset comes under the list's index, with another id."""
    made = active(box, subscriber)
    subscriber.answer = refusal(500)
    box.folder("one")
    assert eventually(lambda: state(box, made)[0] == "failing")
    before = subscriber.posts[-1].webhook_id
    behind.put({**behind.row(behind.box, "BOX"), "validity": {"S": "0123456789ab"}})
    assert eventually(lambda: subscriber.posts[-1].webhook_id != before)
    again = subscriber.posts[-1]
    assert (again.list["index"], again.list["nmsEvent"]) == (1, [{"resetBox": {}}])
    subscriber.answer = TAKEN
    assert eventually(lambda: state(box, made)[0] == "active")
    box.folder("after the reset")
    assert eventually(lambda: "after the reset" in str(subscriber.events[-1:]))
    assert names(subscriber.events).count("resetBox") == 1


def test_a_subscriptions_token_is_of_the_box_that_it_was_told_of(
    box: BoxClient, behind: Behind, subscriber: Subscriber
) -> None:
    """Not to the box as it is since the reset: a client that follows the token hears of the reset, too."""
    made = active(box, subscriber)
    subscriber.answer = refusal(500)
    box.folder("one")
    behind.put({**behind.row(behind.box, "BOX"), "validity": {"S": "0123456789ab"}})
    for token in (look(box, made)["restartToken"], listed_token(box)):
        assert names(page(box, token)[0]) == ["resetBox"]


def listed_token(box: BoxClient) -> str:
    [found] = box.get("/subscriptions").json()["nmsSubscriptionList"]["subscription"]
    return str(found["restartToken"])


def test_a_replay_asked_for_after_a_reset_is_no_reset(
    box: BoxClient, behind: Behind, subscriber: Subscriber
) -> None:
    """The owner knows of the reset: the token is of the box as it is now."""
    made = active(box, subscriber)
    subscriber.answer = refusal(500)
    behind.put({**behind.row(behind.box, "BOX"), "validity": {"S": "0123456789ab"}})
    assert eventually(lambda: subscriber.lists)
    token = page(box, look(box, made)["restartToken"])[1]
    answer = update(box, made, restartToken=token)
    subscriber.answer = TAKEN
    box.folder("told in the replay")
    assert eventually(lambda: "told in the replay" in str(subscriber.events))
    replay = [each for each in subscriber.lists if each["index"] >= answer["index"]]
    assert not any("resetBox" in str(each["nmsEvent"]) for each in replay)


def test_a_hundred_rows_that_cannot_be_swept_keep_no_other_from_it(behind: Behind, hasty: LocalStack) -> None:
    """All are in one shard, and each is due before the sound row behind them."""
    old = {"work": {"S": "due#00"}, "due": {"S": LONG_AGO}}
    broken = [
        {"box": {"S": f"C#broken{n}"}, "item": {"S": "UPLOAD"}, "parts": {"N": "7"}, **old}
        for n in range(150)
    ]
    for row in broken:
        behind.put(row)
    later = {"due": {"S": LONG_AGO.replace("2001", "2002")}}
    sound = {"box": {"S": "C#sound"}, "item": {"S": "UPLOAD"}, "owner": {"S": behind.box}}
    behind.put({**sound, "parts": {"S": "[]"}, **old, **later})
    try:
        assert eventually(lambda: not behind.row("C#sound", "UPLOAD"))
    finally:
        for row in broken:
            behind.delete(row)
