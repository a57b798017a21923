"""Where pushes begin and end (NMS). They begin at a token from the past, and again on request. They stop at a
hole in the log, and when the subscription ends. A reset is pushed as one resetBox.
"""

from datetime import timedelta
from secrets import token_hex

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, id_of
from tests.clients.eventually import eventually
from tests.clients.following import follow, listing, now, since, told
from tests.clients.subscriber import (
    Subscriber,
    active,
    assert_told,
    look,
    some_of_everything,
    subscribe,
    update,
)
from tests.stack.behind import Behind
from tests.stack.signing import Signer

pytestmark = pytest.mark.whole


@pytest.mark.nms("POST /subscriptions", "With a restartToken, notifications begin there")
def test_a_token_of_the_past_brings_the_history_since(box: BoxClient, subscriber: Subscriber) -> None:
    box.folder("before")
    token = now(box)
    some_of_everything(box)
    made = subscribe(box, subscriber, restartToken=token)
    assert (made["index"], since(box, made["restartToken"])) == (1, since(box, token))
    box.folder("after")
    assert_told(subscriber, since(box, token))


@pytest.mark.nms("restartToken", "A token is good for any subscription of its box")
def test_a_secret_is_changed_by_a_second_subscription_and_nothing_is_missed(
    box: BoxClient, subscriber: Subscriber
) -> None:
    start = now(box)
    first = active(box, subscriber)
    box.folder("under the first")
    with Subscriber() as anew:
        second = subscribe(box, anew, restartToken=look(box, first)["restartToken"])
        assert second["secret"] != first["secret"]
        box.folder("under both")
        assert eventually(lambda: look(box, second)["state"] == "active")
        box.delete(first["resourceURL"])
        box.folder("under the second")
        assert eventually(lambda: since(box, start)[-1] in anew.events)
        known = [event for event in subscriber.events if event not in anew.events]
        assert known + anew.events == since(box, start)
        for post in anew.posts:
            post.verify(second["secret"])


def test_a_token_from_the_middle_of_a_listing_brings_what_changed_since_the_listing_began(
    box: BoxClient, subscriber: Subscriber
) -> None:
    token = box.get("/changes", params={"maxEntries": 1}).json()["nmsEventList"]["restartToken"]
    box.folder("after")
    subscribe(box, subscriber, restartToken=token)
    assert eventually(lambda: told(subscriber.events, "changedFolder"))
    assert told(subscriber.events, "changedFolder")[-1]["name"] == "after"


@pytest.mark.nms(
    "POST /subscriptions/{subscriptionId}",
    "A restartToken replays from there, beginning with the index of the answer",
)
def test_a_replay_begins_with_the_list_that_the_update_names(box: BoxClient, subscriber: Subscriber) -> None:
    """The numbers go on, and the events come again from the token's position."""
    token = now(box)
    box.folder("before")
    made = active(box, subscriber)
    box.folder("after")
    assert eventually(lambda: subscriber.events)
    assert eventually(lambda: look(box, made)["restartToken"] == subscriber.lists[-1]["restartToken"])
    answer = update(box, made, restartToken=token)
    assert answer["index"] == 2
    assert since(box, answer["restartToken"]) == since(box, token)
    assert eventually(lambda: len(subscriber.lists) > 1)
    assert subscriber.indexes == [1, 2]
    assert subscriber.lists[1]["nmsEvent"] == since(box, token)


@pytest.mark.nms("index", "An update does not reset the index")
def test_a_replay_asked_for_amid_changes_begins_with_the_list_that_the_update_names(
    box: BoxClient, subscriber: Subscriber
) -> None:
    """Whatever the sender is doing at that moment."""
    token = now(box)
    box.folder("first")
    made = active(box, subscriber)
    for number in range(12):
        box.folder(f"folder {number}")
        index = update(box, made, restartToken=token)["index"]
        assert eventually(lambda: index in subscriber.indexes)  # noqa: B023  awaited at once
        replay = next(each for each in subscriber.lists if each["index"] == index)
        assert replay["nmsEvent"][0] == since(box, token)[0]
    indexes = subscriber.indexes
    assert indexes == list(range(1, len(indexes) + 1))


@pytest.mark.nms(
    "DELETE /subscriptions/{subscriptionId}", "After the deletion of a subscription nothing more is sent"
)
def test_after_its_deletion_there_is_silence(box: BoxClient, subscriber: Subscriber) -> None:
    ended = active(box, subscriber)
    with Subscriber() as witness:
        made = active(box, witness)
        box.folder("before")
        assert eventually(lambda: subscriber.events)
        assert box.delete(ended["resourceURL"]).status_code == 204
        heard = len(subscriber.posts)
        some_of_everything(box)
        assert_told(witness, since(box, made["restartToken"]))
    assert len(subscriber.posts) == heard


def test_after_its_expiry_there_is_silence_and_once_renewed_it_hears_all_that_it_missed(
    box: BoxClient, subscriber: Subscriber
) -> None:
    brief = active(box, subscriber, duration=2)
    with Subscriber() as witness:
        made = active(box, witness)
        assert eventually(lambda: look(box, brief)["state"] == "expired")
        some_of_everything(box)
        assert_told(witness, since(box, made["restartToken"]))
    assert len(subscriber.posts) == 1
    update(box, brief, duration=60)
    assert_told(subscriber, since(box, brief["restartToken"]))
    assert eventually(lambda: look(box, brief)["state"] == "active")


def test_one_that_has_expired_is_sent_nothing_though_rung_for(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    """Its row is still among the live ones: a sender checks the expiry before it sends."""
    made, behind = active(box, subscriber, duration=60), Behind(stack, box.box)
    row = behind.subscription(id_of(made["resourceURL"]))
    late = {"work": {"S": "nobody's"}, "expiry": {"S": "2026-01-01T00:00:00.000000Z"}}
    behind.put({**row, **late})
    box.folder("one")
    body = f'{{"box": "{behind.box}", "subscription": "{row["item"]["S"]}"}}'
    stack.aws("sqs").send_message(
        QueueUrl=stack.name("DeliveryQueue"),
        MessageBody=body,
        MessageGroupId=token_hex(8),
        MessageDeduplicationId=token_hex(8),
    )
    assert eventually(lambda: not behind.subscription(row["item"]["S"]))
    assert len(subscriber.posts) == 1
    assert look(box, made)["state"] == "expired"


def test_what_is_committed_in_part_is_not_told_and_nothing_behind_it(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    """A hole in the log is a commit that is still being applied. The lists wait for it and lose nothing."""
    token = now(box)
    box.folder("one")
    box.folder("two")
    box.folder("three")
    behind = Behind(stack, box.box)
    hole = behind.take_change(behind.seq() - 1)
    subscribe(box, subscriber, restartToken=token)
    assert eventually(lambda: subscriber.events)
    assert [event["changedFolder"]["name"] for event in subscriber.events] == ["one"]
    behind.put(hole)
    assert_told(subscriber, since(box, token))


def assert_reset(box: BoxClient, subscriber: Subscriber, index: int) -> None:
    """One resetBox, alone in its list, with a token that lists the box anew. Then the lists go on."""
    assert eventually(lambda: index in subscriber.indexes)
    reset = next(each for each in subscriber.lists if each["index"] == index)
    assert reset["nmsEvent"] == [{"resetBox": {}}]
    again, _ = follow(box, reset["restartToken"])
    assert [event for event in again if event in listing(box)[0]] == listing(box)[0]
    box.folder("after the reset")
    assert eventually(lambda: "after the reset" in str(subscriber.events[-1:]))
    assert subscriber.indexes == list(range(1, len(subscriber.indexes) + 1))


def test_who_asks_from_before_the_log_begins_is_told_to_list_anew(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    token = Signer(stack, box).aged(now(box), timedelta(days=31))
    box.plain_object()
    subscribe(box, subscriber, restartToken=token)
    assert_reset(box, subscriber, 1)


@pytest.mark.nms("resetBox")
def test_a_subscriber_of_a_box_that_was_reset_is_told_to_list_anew(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    active(box, subscriber)
    box.plain_object()
    assert eventually(lambda: subscriber.events)
    behind = Behind(stack, box.box)
    behind.put({**behind.row(behind.box, "BOX"), "validity": {"S": "0123456789ab"}})
    box.folder("something new")
    assert_reset(box, subscriber, 2)


def test_a_subscriber_whose_place_in_the_log_is_gone_is_told_to_list_anew(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    """It was away for longer than the history: the changes after its cursor have expired."""
    box.folder("something old")
    made = active(box, subscriber)
    behind = Behind(stack, box.box)
    assert eventually(lambda: behind.rests(id_of(made["resourceURL"])))
    row = behind.subscription(id_of(made["resourceURL"]))
    behind.put({**row, "cursor": {"N": "1"}, "cursor_at": {"S": "2001-01-01T00:00:00.000000Z"}})
    for change in behind.log():
        behind.delete(change)
    behind.age_box(timedelta(days=31))
    box.folder("something new")
    assert_reset(box, subscriber, 1)
