"""What a subscriber is sent (NMS): every change, in order, signed, and nothing else."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from socket import socket
from threading import Event

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from infra.local.stack import LocalStack
from onecopy.push.webhook import new_secret
from tests.clients.box_client import BoxClient, Json
from tests.clients.eventually import eventually
from tests.clients.following import now, since, told
from tests.clients.subscriber import (
    TAKEN,
    Post,
    Subscriber,
    active,
    ask,
    assert_told,
    look,
    refusal,
    some_of_everything,
    subscribe,
)
from tests.stack.behind import Behind
from tests.stack.signing import Signer

pytestmark = pytest.mark.whole


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


@pytest.mark.nms("POST {notifyURL}", "The nmsEventLists hold every change, in order")
@pytest.mark.nms("nmsEventList", "nmsEvent, index, restartToken and a link to the subscription")
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


@pytest.mark.nms("nmsEventList")
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


@pytest.mark.nms("restartToken", "A token from a notification leads on in the box's changes")
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
    """Changes in bulk and one by one: 60 links in one request, then 20 flags with folders in between."""
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


def subject(text: str) -> Json:
    return {"attributes": {"attribute": [{"name": "Subject", "value": [text]}]}}


def test_a_list_holds_no_more_than_64_kilobytes(box: BoxClient, subscriber: Subscriber) -> None:
    """Counted as bytes on the wire: each of these letters has three. Nothing is left out or out of order."""
    made = active(box, subscriber)
    subscriber.answer = refusal(500)
    for _ in range(6):
        box.plain_object(**subject("日" * 6_000))
        box.plain_object(**subject("x" * 9_000))
    assert eventually(lambda: len(subscriber.posts) > 2)
    subscriber.answer = TAKEN
    assert_told(subscriber, since(box, made["restartToken"]))
    sizes = [len(post.body) for post in subscriber.posts if not post.verification]
    assert max(sizes) <= 64_000
    assert max(len(each["nmsEvent"]) for each in subscriber.lists) > 1


def test_an_event_that_is_too_large_alone_is_told_without_attributes_and_payload(
    box: BoxClient, subscriber: Subscriber
) -> None:
    """A retry is the same; the events before and after it are whole."""
    made = active(box, subscriber)
    subscriber.answer = refusal(500)
    many = [{"name": f"X-{n}", "value": ["日" * 8_000]} for n in range(4)]
    first = box.plain_object(attributes={"attribute": many})
    assert eventually(lambda: len(subscriber.posts) > 2)
    box.plain_object(correlationTag="between", **subject("whole"))
    second = box.plain_object(attributes={"attribute": many})
    box.plain_object(correlationTag="after", **subject("whole"))
    subscriber.answer = TAKEN
    expected = since(box, made["restartToken"])
    for event in expected:
        if event["changedObject"]["resourceURL"] in (first, second):
            del event["changedObject"]["attributes"]
    assert_told(subscriber, expected)
    assert max(len(post.body) for post in subscriber.posts) <= 64_000


def test_tokens_of_an_old_history_are_as_old_as_their_lists(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    """A token with a later date would outlive the log behind it, and lead nowhere."""
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


@pytest.mark.nms("index", "Each subscription has an index of its own, which begins at 1 and has no holes")
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
