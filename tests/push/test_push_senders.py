"""What a subscriber is sent when senders die or get in each other's way.

Each step may run twice, or stop half-way: the same list comes again, in the same order, and nothing is lost.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from secrets import token_hex
from socket import socket
from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, Json, id_of
from tests.clients.eventually import eventually
from tests.clients.following import since
from tests.clients.subscriber import TAKEN, Subscriber, active, assert_told, end_all, look, refusal, state
from tests.stack.behind import Behind

pytestmark = pytest.mark.whole


@pytest.fixture
def box(hasty: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(hasty) as client:
        yield client
        end_all(client)


def test_a_sender_that_is_cut_off_before_the_answer_is_followed_by_another(box: BoxClient) -> None:
    """The same list is sent once more, because nobody knows whether the subscriber took it."""
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


@cache
def sqs(stack: LocalStack) -> Any:
    return stack.aws("sqs")


def ring(stack: LocalStack, box: BoxClient, subscription: Json, times: int) -> None:
    """Give the same subscription to several senders at once, which the queue would never do."""
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
    """Otherwise it would count as failing with nothing to send, and no change would ring for it."""
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
        assert eventually(lambda: behind.rests(name))
        assert state(box, made) == ("active", None)
        box.folder("two")
        assert_told(subscriber, since(box, made["restartToken"]))
