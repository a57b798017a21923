"""A slow host gets its share of the deliveries and no more; a subscription that waits for it says so.

These tests use `hasty`, which makes at most four calls to one host at once, and has eight senders.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from threading import Event, Lock, Thread
from typing import Any, Self

import pytest

from infra.local.stack import LocalStack
from onecopy.domain.subscription import WAITS
from onecopy.store.commit import table
from tests.clients.box_client import BoxClient, Json, id_of, new_box
from tests.clients.eventually import eventually
from tests.clients.subscriber import TAKEN, Subscriber, active, ask, end_all, look, shown, state
from tests.stack.behind import Behind
from tests.stack.lambdas import Lambdas

pytestmark = pytest.mark.whole

AT_ONCE = 4
DONE = {"batchItemFailures": []}
LATER = "2099-01-01T00:00:00.000000Z"


class SlowHost(ThreadingHTTPServer):
    """Answers a verification at once, and a list when `let_go` is set or after `seconds`. Counts the lists
    that it has not answered yet.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(("127.0.0.1", 0), _handler(self))
        self.let_go = Event()
        self.at_once = self.most = 0
        self.told: set[str] = set()
        self._counting = Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/events"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self.shutdown()
        self.server_close()

    def take(self, said: Json) -> Json | None:
        if "verification" in said:
            return {"code": said["verification"]["code"]}
        with self._counting:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.let_go.wait(self.seconds)
        with self._counting:
            self.at_once -= 1
            self.told.add(said["nmsEventList"]["link"][0]["href"])
        return None


def _handler(host: SlowHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = host.take(said)
            with suppress(OSError):  # the sender had timed out
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode() if answer else b"")

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    return Handler


@pytest.fixture
def boxes(hasty: LocalStack) -> Iterator[list[BoxClient]]:
    """Enough boxes for their subscriptions to be in every message group of one host."""
    with ExitStack() as closing:
        made = [closing.enter_context(BoxClient(hasty)) for _ in range(24)]
        yield made
        for box in made:
            end_all(box)


def test_a_slow_host_is_called_a_few_times_at_once_and_keeps_no_other_waiting(
    boxes: list[BoxClient],
) -> None:
    with SlowHost(30) as slow, Subscriber() as quick:
        made = [shown(ask(box, slow.url), 201) for box in boxes]
        other = active(boxes[0], quick)
        for box, subscription in zip(boxes, made, strict=True):
            assert eventually(lambda box=box, one=subscription: look(box, one)["state"] == "active")  # type: ignore[misc]
        for box in boxes:  # only now: an unanswered list would hold up another's verification
            box.folder("for the slow one")
        assert eventually(lambda: slow.at_once >= AT_ONCE - 1)
        for number in range(5):
            boxes[0].folder(f"folder {number}")
            assert eventually(lambda number=number: f"folder {number}" in str(quick.events))  # type: ignore[misc]
            assert slow.at_once
        assert state(boxes[0], other) == ("active", None)
        slow.let_go.set()
        assert eventually(lambda: slow.told >= {one["resourceURL"] for one in made})
    assert slow.most <= AT_ONCE


def test_a_subscription_says_that_it_waits_for_its_slow_host(boxes: list[BoxClient]) -> None:
    """Until it has been sent its changes."""
    with SlowHost(3) as slow:
        made = [(box, shown(ask(box, slow.url), 201)) for box in boxes]
        for box, subscription in made:
            assert eventually(lambda box=box, one=subscription: look(box, one)["state"] == "active")  # type: ignore[misc]
        for box in boxes:
            box.folder("for the slow one")
        assert eventually(lambda: ("active", WAITS) in [state(box, one) for box, one in made])
        slow.let_go.set()
        for box, subscription in made:
            assert eventually(lambda box=box, one=subscription: state(box, one) == ("active", None))  # type: ignore[misc]
        assert slow.told == {one["resourceURL"] for _, one in made}


@pytest.fixture
def lambdas(standins: LocalStack) -> Iterator[Lambdas]:
    """The functions of the stack with stand-ins: only the test rings or delivers."""
    running = Lambdas(standins, new_box())
    yield running
    running.close()


def subscribed(lambdas: Lambdas, url: str) -> str:
    """Create and verify a subscription; returns its id."""
    asked = {"nmsSubscription": {"callbackReference": {"notifyURL": url}}}
    made = lambdas.ask("POST", "/subscriptions", asked)["nmsSubscription"]
    name = id_of(made["resourceURL"])
    lambdas.invoke("deliver", lambdas.event("deliver", subscription=f'\\"{name}\\"'))
    return name


def waited_long(lambdas: Lambdas, name: str) -> Json:
    """The event of a ring that has been in the queue for a long time."""
    event = lambdas.event("deliver", subscription=f'\\"{name}\\"')
    event["Records"][0]["attributes"]["SentTimestamp"] = "978307200000"
    return event


def change(lambdas: Lambdas) -> None:
    folder = {"folder": {"parentFolderPath": "/RCSMessageStore"}}
    lambdas.ask("POST", "/folders", folder)


def put_slow(behind: Behind, url: str, until: str = LATER) -> None:
    authority = url.split("/")[2]
    row = {"box": {"S": table.host_partition(authority)}, "item": {"S": table.SLOW}}
    behind.put({**row, "until": {"S": until}, "expires": {"N": "4070908800"}})


def rings(lambdas: Lambdas, name: str) -> int:
    """How often the stand-in for `deliver` has been rung for a subscription of the box."""
    path = lambdas.stack.data / "notes"
    ring = json.dumps(json.dumps({"box": f"main#{lambdas.box}", "subscription": name}))
    return path.read_text().count(ring) if path.exists() else 0


def test_a_ring_that_waited_long_for_a_slow_host_is_put_off(lambdas: Lambdas) -> None:
    """So a slow host's rings do not fill the queue. Nothing is lost: the change is sent when it is due."""
    behind = Behind(lambdas.stack, lambdas.box)
    with Subscriber() as subscriber:
        name = subscribed(lambdas, subscriber.url)
        change(lambdas)
        put_slow(behind, subscriber.url)
        assert lambdas.invoke("deliver", waited_long(lambdas, name)) == DONE
        row = behind.subscription(name)
        assert (row["work"]["S"][:8], row["state"]["S"]) == ("deliver#", "active")
        assert subscriber.lists == []

        before = rings(lambdas, name)
        behind.put({**row, "due": {"S": LATER}})
        change(lambdas)
        for _ in range(3):
            assert lambdas.invoke("changes", lambdas.event("changes")) == DONE
        lambdas.invoke("sweep", lambdas.event("sweep"))
        assert rings(lambdas, name) == before

        behind.put({**row, "due": {"S": "2001-01-01T00:00:00.000000Z"}})
        lambdas.invoke("sweep", lambdas.event("sweep"))
        assert eventually(lambda: rings(lambdas, name) == before + 1)
        deliver = lambdas.event("deliver", subscription=f'\\"{name}\\"')
        deliver["Records"][0]["attributes"]["SentTimestamp"] = "4070908800000"
        assert lambdas.invoke("deliver", deliver) == DONE
        assert len(subscriber.events) == 2
        assert behind.rests(name)


def test_a_ring_that_waited_long_for_a_host_that_is_not_slow_is_told(lambdas: Lambdas) -> None:
    """This happens after the whole store was paused."""
    behind = Behind(lambdas.stack, lambdas.box)
    with Subscriber() as subscriber:
        name = subscribed(lambdas, subscriber.url)
        change(lambdas)
        put_slow(behind, subscriber.url, until="2001-01-01T00:00:00.000000Z")
        assert lambdas.invoke("deliver", waited_long(lambdas, name)) == DONE
        assert len(subscriber.events) == 1


def test_changes_do_not_ring_for_one_that_fails_and_none_of_them_is_lost(lambdas: Lambdas) -> None:
    """The sweep makes the next try, whatever is committed until then."""
    behind = Behind(lambdas.stack, lambdas.box)
    with Subscriber() as subscriber:
        name = subscribed(lambdas, subscriber.url)
        row = behind.subscription(name)
        behind.put({**row, "state": {"S": "failing"}, "tries": {"N": "3"}, "due": {"S": LATER}})
        before = rings(lambdas, name)
        for _ in range(5):
            change(lambdas)
            assert lambdas.invoke("changes", lambdas.event("changes")) == DONE
        lambdas.invoke("sweep", lambdas.event("sweep"))
        assert rings(lambdas, name) == before

        row = behind.subscription(name)
        behind.put({**row, "due": {"S": "2001-01-01T00:00:00.000000Z"}})
        lambdas.invoke("sweep", lambdas.event("sweep"))
        assert eventually(lambda: rings(lambdas, name) == before + 1)
        lambdas.invoke("deliver", lambdas.event("deliver", subscription=f'\\"{name}\\"'))
        assert len(subscriber.events) == 5
        assert behind.rests(name)


def test_changes_ring_again_for_one_that_was_put_off_as_soon_as_its_turn_comes(lambdas: Lambdas) -> None:
    """That is, before the turn's last look. Otherwise a commit after that look would be lost."""
    behind = Behind(lambdas.stack, lambdas.box)
    with Subscriber() as subscriber:
        name = subscribed(lambdas, subscriber.url)
        change(lambdas)
        row = behind.subscription(name)
        work = row["work"]["S"].replace("due#", "deliver#")
        behind.put({**row, "work": {"S": work}, "due": {"S": LATER}})
        before = rings(lambdas, name)

        def change_meanwhile(connection: socket) -> None:
            assert lambdas.invoke("changes", lambdas.event("changes")) == DONE
            connection.sendall(TAKEN)

        subscriber.answer = change_meanwhile
        lambdas.invoke("deliver", lambdas.event("deliver", subscription=f'\\"{name}\\"'))
        assert eventually(lambda: rings(lambdas, name) == before + 1)
