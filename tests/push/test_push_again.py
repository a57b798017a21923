"""What a subscriber is sent when it or a sender fails: the same list again, and in the end everything.

These tests use a stack with shorter times: a second between two tries, five seconds for a sender to run.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from socket import socket
from time import sleep
from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, Json
from tests.clients.eventually import eventually
from tests.clients.following import since
from tests.clients.subscriber import (
    TAKEN,
    Subscriber,
    active,
    assert_same_again,
    assert_told,
    echo,
    end_all,
    look,
    refusal,
    state,
    subscribe,
    update,
)

pytestmark = pytest.mark.whole


@pytest.fixture
def box(hasty: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(hasty) as client:
        yield client
        end_all(client)


WRONG_ANSWERS = {
    "no body": TAKEN,
    "another code": echo("0123456789abcdef"),
    "no code": echo(None),
    "a list": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    "no JSON": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
    "JSON without an end": b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 7000,
    "a redirect": refusal(302, "Location: http://127.0.0.1:9/"),
    "an error": refusal(500),
}
Unverified = dict[str, tuple[BoxClient, Subscriber, Json]]


@pytest.fixture(scope="module")
def unverified(hasty: LocalStack) -> Iterator[Unverified]:
    """Subscribers that fail their verification. Its three tries take a while: the last test checks them."""
    with ExitStack() as open_ones:
        found: Unverified = {}
        for name, answer in WRONG_ANSWERS.items():
            box, subscriber = open_ones.enter_context(BoxClient(hasty)), open_ones.enter_context(Subscriber())
            subscriber.verification = answer
            found[name] = box, subscriber, subscribe(box, subscriber)
            box.folder("one")
        yield found


def test_until_it_gave_the_code_back_an_address_gets_nothing_else(unverified: Unverified) -> None:
    for box, subscriber, made in unverified.values():
        assert eventually(lambda: subscriber.posts)  # noqa: B023  awaited at once
        assert eventually(lambda: "lastError" in look(box, made))  # noqa: B023
        box.folder("two")
        assert look(box, made)["state"] in ("unverified", "failed")
        assert all(post.verification for post in subscriber.posts)


def test_a_receiver_that_was_down_catches_up_in_order_and_misses_nothing(box: BoxClient) -> None:
    with Subscriber() as subscriber:
        made = active(box, subscriber)
        box.folder("heard")
        assert eventually(lambda: look(box, made)["restartToken"] != made["restartToken"])
    for number in range(5):
        box.folder(f"folder {number}")
    assert eventually(lambda: state(box, made) == ("failing", "connection refused"))
    source = box.text_object()
    box.copy(box.folder_at("/RCSMessageStore"), [source] * 60)
    with Subscriber(subscriber.port) as again:
        expected = since(box, made["restartToken"])
        assert eventually(lambda: len(subscriber.events + again.events) >= len(expected))
        assert subscriber.events + again.events == expected
        assert subscriber.indexes + again.indexes == list(range(1, again.indexes[-1] + 1))
        assert eventually(lambda: state(box, made) == ("active", None))
        box.folder("heard at once")
        assert eventually(lambda: "heard at once" in str(again.events[-1:]))


REFUSALS = {
    "500": (refusal(500), "answered 500"),
    "410": (refusal(410), "answered 410"),
    "429": (refusal(429, "Retry-After: 3600"), "answered 429"),
    "304": (refusal(304), "redirect not followed: answered 304"),
    "garbage": (b"\x00\xff garbage\r\n\r\n", "the answer is not HTTP"),
    "nothing": (b"", "connection closed without an answer"),
    "dies after the status": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        "the answer is not HTTP",
    ),
}


@pytest.mark.nms("POST {notifyURL}", "A list that was not taken is sent again with the same index")
def test_a_list_that_was_not_taken_comes_again_until_it_is(hasty: LocalStack) -> None:
    """With the same id, number and body, signed anew. Until then, the subscription shows the reason."""
    with ExitStack() as open_ones:
        cases = {}
        for name, (answer, reason) in REFUSALS.items():
            box, subscriber = open_ones.enter_context(BoxClient(hasty)), open_ones.enter_context(Subscriber())
            made = active(box, subscriber)
            subscriber.answer = answer
            box.folder("one")
            cases[name] = box, subscriber, made, reason
        for box, subscriber, made, reason in cases.values():
            assert eventually(lambda: state(box, made) == ("failing", reason)), reason  # noqa: B023
            box.folder("two")
            assert eventually(lambda: len(subscriber.posts) > 2)  # noqa: B023
            assert subscriber.indexes == [1]
            subscriber.answer = TAKEN
        for box, subscriber, made, _ in cases.values():
            assert_told(subscriber, since(box, made["restartToken"]))
            assert eventually(lambda: state(box, made) == ("active", None))  # noqa: B023
            tries = [post for post in subscriber.posts if not post.verification and post.list["index"] == 1]
            assert len({post.headers["webhook-timestamp"] for post in tries}) > 1
            for post in tries:
                post.verify(made["secret"])


def test_a_redirect_leads_nowhere(box: BoxClient) -> None:
    with Subscriber() as elsewhere, Subscriber() as subscriber:
        made = active(box, subscriber)
        subscriber.answer = refusal(307, f"Location: {elsewhere.url}")
        box.folder("one")
        assert eventually(lambda: len(subscriber.posts) > 2)
        assert eventually(lambda: state(box, made) == ("failing", "redirect not followed: answered 307"))
    assert elsewhere.connections == 0


def dead_letters(stack: LocalStack) -> Iterator[Any]:
    answer = stack.aws("sqs").receive_message(
        QueueUrl=stack.name("DeliveryDeadLetters"), MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    for message in answer.get("Messages", []):
        yield message["Body"]


def test_after_many_tries_the_subscriber_is_not_given_up_and_no_operator_is_bothered(
    hasty: LocalStack, box: BoxClient
) -> None:
    """Dead letters are for deliveries that broke off. A receiver that refuses is for its owner to mend."""
    with Subscriber() as subscriber:
        made = active(box, subscriber)
        subscriber.answer = refusal(503)
        box.folder("one")
        assert eventually(lambda: len(subscriber.posts) > 6)
        assert box.box not in str(list(dead_letters(hasty)))
        tries = len(subscriber.posts) - 1
        box.folder("two")
        assert eventually(lambda: len(subscriber.posts) - 1 > tries)
        assert eventually(lambda: state(box, made) == ("failing", "answered 503"))
        subscriber.answer = TAKEN
        assert_told(subscriber, since(box, made["restartToken"]))
        assert eventually(lambda: state(box, made) == ("active", None))


def test_one_that_is_deleted_while_it_fails_is_tried_no_more(box: BoxClient) -> None:
    with Subscriber() as ended, Subscriber() as witness:
        made = active(box, ended)
        ended.answer = refusal(500)
        box.folder("one")
        assert eventually(lambda: len(ended.posts) > 1)
        assert box.delete(made["resourceURL"]).status_code == 204
        heard = len(ended.posts)
        active(box, witness)
        witness.answer = refusal(500)
        box.folder("two")
        assert eventually(lambda: len(witness.posts) > 3)
        assert len(ended.posts) == heard


def test_a_replay_asked_for_while_it_fails_follows_the_list_in_flight(box: BoxClient) -> None:
    """The list in flight keeps its number and its events."""
    with Subscriber() as subscriber:
        made = active(box, subscriber)
        subscriber.answer = refusal(500)
        box.folder("one")
        assert eventually(lambda: subscriber.lists)
        box.folder("two")
        answer = update(box, made, restartToken=made["restartToken"])
        assert answer["index"] == 2
        subscriber.answer = TAKEN
        one, two = since(box, made["restartToken"])
        assert eventually(lambda: len(subscriber.lists) == 2)
        assert [each["nmsEvent"] for each in subscriber.lists] == [[one], [one, two]]
        assert subscriber.indexes == [1, 2]


def test_a_slow_receiver_gets_everything(box: BoxClient) -> None:
    with Subscriber() as subscriber:
        made = active(box, subscriber)

        def take_time(connection: socket) -> None:
            sleep(0.7)
            connection.sendall(TAKEN)

        subscriber.answer = take_time
        target, source = box.folder("target"), box.text_object()
        for _ in range(3):
            box.copy(target, [source] * 90)
        assert_told(subscriber, since(box, made["restartToken"]))


def test_after_three_tries_to_verify_it_nothing_more_is_sent_until_the_owner_starts_again(
    unverified: Unverified,
) -> None:
    for box, subscriber, made in unverified.values():
        assert eventually(lambda: look(box, made)["state"] == "failed")  # noqa: B023
        assert "lastError" in look(box, made)
        tries = [post for post in subscriber.posts if post.verification]
        assert len(tries) == len(subscriber.posts) == 3
        assert_same_again(subscriber)
        assert len({post.headers["webhook-timestamp"] for post in tries}) == 3
        subscriber.verification = None
        assert update(box, made)["state"] == "unverified"
    for box, subscriber, made in unverified.values():
        assert_told(subscriber, since(box, made["restartToken"]))
        assert eventually(lambda: state(box, made) == ("active", None))  # noqa: B023
