"""What a subscriber is told when it, or a sender, fails (DESIGN 7): the same again, and at last everything.

On a stack of its own with less patience: a second between two tries, five for a sender to live.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from itertools import count
from pathlib import Path
from secrets import token_hex
from socket import socket
from time import sleep
from typing import Any

import pytest
from behind import Behind
from box_client import BoxClient, Json, id_of
from eventually import eventually
from following import since
from subscriber import TAKEN, Subscriber, echo, look, refusal, subscribe, update

from infra.local.stack import LocalStack

TEMPLATE = Path(__file__).parent.parent / "infra" / "template.yaml"
SENDER = "Handler: onecopy.handlers.deliver.handler\n"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The product, whole, with less patience."""
    data = tmp_path_factory.mktemp("hasty")
    text = TEMPLATE.read_text()
    for patient, impatient in (
        ("BACKOFF_MAX: !Ref BackoffMax", 'BACKOFF_MAX: "1"'),
        (SENDER, f"{SENDER}      Timeout: 5\n"),
        ("VisibilityTimeout: 30", "VisibilityTimeout: 6"),
    ):
        assert patient in text
        text = text.replace(patient, impatient)
    template = data / "template.yaml"
    template.write_text(text)
    with LocalStack(data, template=template) as running:
        yield running


@pytest.fixture
def box(hasty: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(hasty) as client:
        yield client
        end_all(client)


def end_all(box: BoxClient) -> None:
    """Their receivers are gone; they would be called on and on."""
    for left in box.get("/subscriptions").json()["nmsSubscriptionList"]["nmsSubscription"]:
        box.delete(left["resourceURL"])


def active(box: BoxClient, subscriber: Subscriber, **given: object) -> Json:
    made = subscribe(box, subscriber, **given)
    assert eventually(lambda: look(box, made)["state"] == "active")
    return made


def state(box: BoxClient, subscription: Json) -> tuple[str, str | None]:
    """And what went wrong last."""
    shown = look(box, subscription)
    return shown["state"], shown.get("lastError")


def assert_told(subscriber: Subscriber, expected: list[Json]) -> None:
    """All of it, by numbers without a gap, and whatever came twice was the same both times."""
    assert eventually(lambda: len(subscriber.events) >= len(expected))
    assert subscriber.events == expected
    assert subscriber.indexes == list(range(1, len(subscriber.indexes) + 1))
    assert_same_again(subscriber)


def assert_same_again(subscriber: Subscriber) -> None:
    posts = list(subscriber.posts)
    assert len({(post.webhook_id, post.body) for post in posts}) == len({post.webhook_id for post in posts})


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
    """Subscribers that do not show that they want it. Their three tries take a while: the last test looks."""
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


def test_a_list_that_was_not_taken_comes_again_until_it_is(hasty: LocalStack) -> None:
    """The same id, number and body, signed anew; and the reason can be seen meanwhile."""
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


@cache
def sqs(stack: LocalStack) -> Any:
    return stack.aws("sqs")


def dead_letters(stack: LocalStack) -> Iterator[Any]:
    answer = sqs(stack).receive_message(
        QueueUrl=stack.name("DeliveryDeadLetters"), MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    for message in answer.get("Messages", []):
        yield message["Body"]


def test_after_five_tries_the_operator_is_told_and_the_subscriber_is_not_given_up(
    hasty: LocalStack, box: BoxClient
) -> None:
    with Subscriber() as subscriber:
        made = active(box, subscriber)
        subscriber.answer = refusal(503)
        box.folder("one")
        told = f'{{"box": "main#{box.box}", "subscription": "{id_of(made["resourceURL"])}"}}'
        assert eventually(lambda: told in list(dead_letters(hasty)))
        tries = len(subscriber.posts) - 1
        assert tries >= 5
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
    """Which keeps its number and its events."""
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


def test_a_sender_that_is_cut_off_before_the_answer_is_followed_by_another(box: BoxClient) -> None:
    """The list it had sent comes once more, the same: whether it was taken nobody knows."""
    with Subscriber() as subscriber:
        made = active(box, subscriber)

        def hang(connection: socket) -> None:
            subscriber.answer = TAKEN
            connection.recv(1)  # until the sender is gone

        subscriber.answer = hang
        box.folder("one")
        assert eventually(lambda: subscriber.answer == TAKEN)
        box.folder("two")
        assert_told(subscriber, since(box, made["restartToken"]))
        assert [post.webhook_id for post in subscriber.posts].count(subscriber.posts[1].webhook_id) == 2


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


def ring(stack: LocalStack, box: BoxClient, subscription: Json, times: int) -> None:
    """As no queue would: the same subscriber's turn for several senders at once."""
    body = f'{{"box": "main#{box.box}", "subscription": "{id_of(subscription["resourceURL"])}"}}'
    for _ in range(times):
        sqs(stack).send_message(
            QueueUrl=stack.name("DeliveryQueue"),
            MessageBody=body,
            MessageGroupId=token_hex(8),
            MessageDeduplicationId=token_hex(8),
        )


def test_several_senders_at_once_tell_the_same_in_the_same_order(hasty: LocalStack, box: BoxClient) -> None:
    with Subscriber() as subscriber, ThreadPoolExecutor(1) as threads:
        made = active(box, subscriber)
        rings = threads.submit(ring, hasty, box, made, 60)
        for number in count():
            box.folder(f"folder {number}")
            if rings.done():
                break
        assert_told(subscriber, since(box, made["restartToken"]))
        box.folder("afterwards")
        assert_told(subscriber, since(box, made["restartToken"]))


def test_what_one_sender_settled_another_has_not_failed(hasty: LocalStack, box: BoxClient) -> None:
    """Else the subscriber would count as failing with nothing to send, and no change would ring for it."""
    held: list[socket] = []

    def hold(connection: socket) -> None:
        held.append(connection.dup())

    def answer(connection: socket, said: bytes) -> None:
        with connection:
            connection.sendall(said)

    def failures() -> int:
        return hasty.output.read_text().count("answered 599")

    with Subscriber() as subscriber:
        made = active(box, subscriber)
        subscriber.answer = hold
        box.folder("one")
        assert eventually(lambda: held)
        ring(hasty, box, made, 1)
        assert eventually(lambda: len(held) > 1)
        subscriber.answer = TAKEN
        answer(held[0], TAKEN)
        assert eventually(lambda: look(box, made)["restartToken"] != made["restartToken"])
        before = failures()
        answer(held[1], refusal(599))
        assert eventually(lambda: failures() > before)
        behind, name = Behind(hasty, box.box), id_of(made["resourceURL"])
        assert eventually(lambda: "due" not in behind.row(f"{behind.box}#S", name))
        assert state(box, made) == ("active", None)
        box.folder("two")
        assert_told(subscriber, since(box, made["restartToken"]))


def test_a_ring_that_was_lost_is_made_good_by_the_sweep(hasty: LocalStack, box: BoxClient) -> None:
    with Subscriber() as subscriber:
        made = active(box, subscriber)
        box.folder("one")
        assert eventually(lambda: look(box, made)["restartToken"] != made["restartToken"])
        behind = Behind(hasty, box.box)
        name = f"{behind.box}#S", id_of(made["resourceURL"])
        assert eventually(lambda: "due" not in behind.row(*name))
        row = behind.row(*name)
        before = {"N": str(int(row["cursor"]["N"]) - 1)}
        due = {"work": {"S": "deliver"}, "due": {"S": "2001-01-01T00:00:00.000000Z"}}
        behind.put({**row, "cursor": before, **due})
        assert eventually(lambda: len(subscriber.lists) > 1)
        assert subscriber.lists[1]["nmsEvent"] == subscriber.lists[0]["nmsEvent"]
        assert eventually(lambda: "due" not in behind.row(*name))


def test_one_row_that_the_sweep_cannot_take_keeps_no_other_from_it(hasty: LocalStack, box: BoxClient) -> None:
    """Nor does a subscription that is not there any more."""
    behind = Behind(hasty, box.box)
    due = {"work": {"S": "intake"}, "due": {"S": "2001-01-01T00:00:00.000000Z"}}
    broken = {"box": {"S": "C#broken"}, "item": {"S": "INTAKE"}, "content_keys": {"N": "7"}, **due}
    sound = {"box": {"S": "C#sound"}, "item": {"S": "INTAKE"}, "content_keys": {"S": "[]"}, **due}
    later = {"due": {"S": "2001-01-02T00:00:00.000000Z"}}
    behind.put(broken)
    behind.put({**sound, **later})
    assert eventually(lambda: not behind.row("C#sound", "INTAKE"))
    behind.delete(broken)


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
