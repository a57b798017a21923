"""What a subscriber is told (NMS 5.4, 6.21; DESIGN 7): everything, in order, signed, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from socket import socket
from threading import Event

import pytest
from behind import Behind
from box_client import BoxClient, Json, id_of
from eventually import eventually
from following import follow, listing, now, since, told
from signing import Signer
from standardwebhooks.webhooks import WebhookVerificationError
from subscriber import Post, Subscriber, ask, look, subscribe, update

from infra.local.stack import LocalStack
from onecopy.push.webhook import new_secret


@pytest.fixture
def box(stack: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(stack) as client:
        yield client


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber() as listening:
        yield listening


def active(box: BoxClient, subscriber: Subscriber, **given: object) -> Json:
    """A subscription whose verification is through."""
    made = subscribe(box, subscriber, **given)
    assert eventually(lambda: look(box, made)["state"] == "active")
    return made


def assert_told(subscriber: Subscriber, expected: list[Json]) -> None:
    """In just as many lists as it takes, numbered without a gap, each in the place of the one before."""
    assert eventually(lambda: len(subscriber.events) >= len(expected))
    assert subscriber.events == expected
    first = subscriber.indexes[0] if subscriber.indexes else 0
    assert subscriber.indexes == list(range(first, first + len(subscriber.indexes)))


def some_of_everything(box: BoxClient) -> None:
    folder, other = box.folder("one"), box.folder("two")
    first = box.text_object("hello", folder, correlationId="id", correlationTag="tag")
    box.put(f"{first}/flags/%5CSeen")
    [copied] = box.copy(other, [first])
    box.move(other, [first])
    box.put(f"{folder}/folderName", {"name": "renamed"})
    box.move(other, folders=[folder])
    box.delete(copied["success"]["resourceURL"])
    box.delete(other)


def test_the_address_is_verified_before_anything_else_is_sent(box: BoxClient, subscriber: Subscriber) -> None:
    made = active(box, subscriber)
    [post] = subscriber.posts
    assert post.said.keys() == {"verification"}
    assert post.said["verification"].keys() == {"subscription", "code"}
    assert post.said["verification"]["subscription"] == made["resourceURL"]
    post.verify(made["secret"])
    assert "lastError" not in look(box, made)


def test_every_verification_asks_for_a_code_of_its_own(box: BoxClient, subscriber: Subscriber) -> None:
    active(box, subscriber)
    active(box, subscriber)
    asked = [post.said["verification"]["code"] for post in subscriber.posts]
    assert len(set(asked)) == 2
    assert min(map(len, asked)) >= 16
    assert len({post.webhook_id for post in subscriber.posts}) == 2


def test_a_list_is_what_a_sync_would_have_told(box: BoxClient, subscriber: Subscriber) -> None:
    made = active(box, subscriber)
    some_of_everything(box)
    expected = since(box, made["restartToken"])
    assert {kind for event in expected for kind in event} == {
        "changedObject",
        "changedFolder",
        "deletedObject",
        "deletedFolder",
    }
    assert_told(subscriber, expected)
    assert subscriber.indexes[0] == 1
    for each in subscriber.lists:
        assert each.keys() == {"nmsEvent", "index", "restartToken", "link"}
        assert each["link"] == [{"rel": "NmsSubscription", "href": made["resourceURL"]}]


def test_callback_data_comes_back_with_every_list(box: BoxClient, subscriber: Subscriber) -> None:
    data = 'mine: "Grüße" \\ 😀\n'
    made = ask(box, subscriber.url, {"callbackData": data}).json()["nmsSubscription"]
    box.folder("one")
    box.folder("two")
    assert_told(subscriber, since(box, made["restartToken"]))
    assert {each["callbackData"] for each in subscriber.lists} == {data}


def test_no_list_holds_an_address_of_content(box: BoxClient, subscriber: Subscriber) -> None:
    made = active(box, subscriber)
    box.text_object("secret words", attributes={"attribute": [{"name": "Subject", "value": ["s"]}]})
    assert_told(subscriber, since(box, made["restartToken"]))
    body = b"".join(post.body for post in subscriber.posts)
    assert b"X-Amz-" not in body
    assert b"secret words" not in body


def refused(post: Post, secret: str) -> bool:
    try:
        post.verify(secret)
    except WebhookVerificationError:
        return True
    return False


def test_every_post_is_signed_and_no_other_secret_or_body_will_do(
    box: BoxClient, subscriber: Subscriber
) -> None:
    made = active(box, subscriber)
    box.folder("Ordner für Ünïcode")
    assert eventually(lambda: subscriber.lists)
    for post in subscriber.posts:
        post.verify(made["secret"])
        assert refused(post, new_secret(bytes(32)))
        assert refused(Post(post.headers, post.body + b" "), made["secret"])
        assert refused(Post({**post.headers, "webhook-id": "another"}, post.body), made["secret"])
        assert post.headers["content-type"] == "application/json"


def test_each_token_that_is_pushed_leads_on_from_just_behind_its_list(
    box: BoxClient, subscriber: Subscriber
) -> None:
    active(box, subscriber)
    for number in range(4):
        box.folder(f"folder {number}")
        assert eventually(lambda: len(subscriber.events) > number)  # noqa: B023  awaited at once
    lists = subscriber.lists
    for place, each in enumerate(lists):
        rest = [event for later in lists[place + 1 :] for event in later["nmsEvent"]]
        assert since(box, each["restartToken"]) == rest


def test_many_quick_changes_come_all_and_in_order(box: BoxClient, subscriber: Subscriber) -> None:
    """In bulk, and one after the other: 60 links in one request, 60 flags, and folders between."""
    made = active(box, subscriber)
    source, target = box.text_object(), box.folder("target")
    copies = [item["success"]["resourceURL"] for item in box.copy(target, [source] * 60)]
    for number, copy in enumerate(copies[:20]):
        box.put(f"{copy}/flags/%5CSeen")
        if not number % 5:
            box.folder(f"folder {number}")
    box.delete(target)
    assert eventually(lambda: len(told(since(box, made["restartToken"]), "deletedObject")) == 60)
    expected = since(box, made["restartToken"])
    assert_told(subscriber, expected)
    numbers = [next(iter(event.values()))["lastModSeq"] for event in subscriber.events]
    assert all(after == before + 1 for before, after in pairwise(numbers))


def test_a_long_history_comes_in_several_lists(box: BoxClient, subscriber: Subscriber) -> None:
    token, source = now(box), box.text_object()
    target = box.folder("target")
    for _ in range(3):
        box.copy(target, [source] * 80)
    subscribe(box, subscriber, restartToken=token)
    expected = since(box, token)
    assert len(expected) == 242
    assert_told(subscriber, expected)
    assert [len(each["nmsEvent"]) for each in subscriber.lists] == [100, 100, 42]


def test_tokens_of_an_old_history_are_as_old_as_their_lists(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    """One that was given young would outlive the log behind it, and lead nowhere."""
    token, source = now(box), box.text_object()
    box.copy(box.folder("target"), [source] * 60)
    box.copy(box.folder("another"), [source] * 60)
    behind, signer = Behind(stack, box.box), Signer(stack, box)
    last = behind.change(signer.read(token).position + 100)
    behind.age_log([last], timedelta(days=29))
    subscribe(box, subscriber, restartToken=token)
    assert_told(subscriber, since(box, token))
    ages = [datetime.now(UTC) - signer.read(each["restartToken"]).given for each in subscriber.lists]
    assert timedelta(days=29) <= ages[0] < timedelta(days=29, hours=1)
    assert ages[1] < timedelta(hours=1)


def test_every_subscription_of_a_box_is_told_everything_by_its_own_numbers(box: BoxClient) -> None:
    with Subscriber() as one, Subscriber() as two, Subscriber() as three:
        first = active(box, one)
        box.folder("before the others")
        second, third = active(box, two), active(box, three)
        some_of_everything(box)
        for subscriber, made in ((one, first), (two, second), (three, third)):
            assert_told(subscriber, since(box, made["restartToken"]))
            assert subscriber.indexes[0] == 1
            for post in subscriber.posts:
                post.verify(made["secret"])
        assert refused(one.posts[-1], second["secret"])
        ids = [post.webhook_id for each in (one, two, three) for post in each.posts]
        assert len(set(ids)) == len(ids)


def test_a_subscriber_that_does_not_answer_holds_up_no_other(box: BoxClient) -> None:
    over = Event()

    def wait(_: socket) -> None:
        over.wait()

    with Subscriber() as silent, Subscriber() as well:
        waiting = active(box, silent)
        silent.answer = wait
        made = active(box, well)
        for number in range(3):
            box.folder(f"folder {number}")
        assert_told(well, since(box, made["restartToken"]))
        assert look(box, waiting)["index"] <= 2
        over.set()


def test_one_subscriber_hears_nothing_of_another_box(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    made = active(box, subscriber)
    with BoxClient(stack) as other, Subscriber() as neighbour:
        theirs = active(other, neighbour)
        other.folder("theirs")
        assert_told(neighbour, since(other, theirs["restartToken"]))
    box.folder("ours")
    assert_told(subscriber, since(box, made["restartToken"]))


def test_a_token_of_the_past_brings_the_history_since(box: BoxClient, subscriber: Subscriber) -> None:
    box.folder("before")
    token = now(box)
    some_of_everything(box)
    made = subscribe(box, subscriber, restartToken=token)
    assert (made["index"], since(box, made["restartToken"])) == (1, since(box, token))
    box.folder("after")
    assert_told(subscriber, since(box, token))


def test_a_token_from_the_middle_of_a_listing_brings_what_changed_since_the_listing_began(
    box: BoxClient, subscriber: Subscriber
) -> None:
    token = box.get("/changes", params={"maxEntries": 1}).json()["nmsEventList"]["restartToken"]
    box.folder("after")
    subscribe(box, subscriber, restartToken=token)
    assert eventually(lambda: told(subscriber.events, "changedFolder"))
    assert told(subscriber.events, "changedFolder")[-1]["name"] == "after"


def test_a_replay_begins_with_the_list_that_the_update_names(box: BoxClient, subscriber: Subscriber) -> None:
    """The numbers go on, and the events come again from where the token says."""
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


def test_a_replay_asked_for_amid_changes_begins_with_the_list_that_the_update_names(
    box: BoxClient, subscriber: Subscriber
) -> None:
    """Whatever the sender is just doing."""
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


def test_what_is_committed_in_part_is_not_told_and_nothing_behind_it(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    """A hole in the log is a commit still being applied: the lists wait before it, and lose nothing."""
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
    """One resetBox, alone in its list, with a token that lists the box anew; then the lists go on."""
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
    """Away for longer than the history: its cursor's changes have expired."""
    box.folder("something old")
    made = active(box, subscriber)
    behind = Behind(stack, box.box)
    assert eventually(lambda: not behind.row(f"{behind.box}#S", id_of(made["resourceURL"])).get("due"))
    row = behind.row(f"{behind.box}#S", id_of(made["resourceURL"]))
    behind.put({**row, "cursor": {"N": "1"}, "cursor_at": {"S": "2001-01-01T00:00:00.000000Z"}})
    for change in behind.log():
        behind.delete(change)
    box.folder("something new")
    assert_reset(box, subscriber, 1)
