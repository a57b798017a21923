"""An erasure request: the box is closed and emptied, with its content, and nothing of it comes back."""

from collections.abc import Iterator

import httpx
import pytest
from botocore.awsrequest import AWSResponse

from infra.local.stack import LocalStack
from infra.ops import cli
from infra.ops.rows import empty_box
from tests.clients.box_client import NETWORK, BoxClient, fault, id_of
from tests.clients.following import listing, names, now, page
from tests.clients.subscriber import Subscriber, active
from tests.stack.at_table import Call, answering, until_write
from tests.stack.behind import Behind


@pytest.fixture
def box(stack: LocalStack) -> Iterator[BoxClient]:
    """A box with some of everything."""
    with BoxClient(stack) as client:
        folder = client.folder("private")
        inner = client.folder("inner", folder)
        texts = [client.text_object(f"text {n}", inner) for n in range(30)]
        client.copy(folder, texts[:3])
        client.delete(texts[-1])
        yield client


def operate(stack: LocalStack, verb: str, box: BoxClient, *more: str) -> int:
    return cli.main([verb, box.box, "--data", str(stack.data), *more])


def left(stack: LocalStack, box: BoxClient) -> list[str]:
    behind = Behind(stack, box.box)
    partitions = [behind.box, *(f"{behind.box}{apart}" for apart in ("#S", "#E", "#L0"))]
    return sorted(row["item"]["S"] for each in partitions for row in behind.rows(each, ""))


BEGINNING = sorted(item for _, item in empty_box.keys("main#any"))


def test_without_yes_it_only_says_what_it_would_erase(
    stack: LocalStack, box: BoxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    before = left(stack, box)
    assert operate(stack, "wipe", box) == 0
    assert capsys.readouterr().out.startswith("would be: ")
    assert left(stack, box) == before
    assert box.get("/changes").status_code == 200


def test_nothing_is_left_but_what_every_box_begins_with(
    stack: LocalStack, box: BoxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    behind = Behind(stack, box.box)
    keys = list(behind.linked())
    address = box.get(
        f"{listing(box)[0][-1]['changedObject']['resourceURL']}/payload", follow_redirects=False
    )
    with Subscriber() as subscriber:
        active(box, subscriber)
        assert operate(stack, "wipe", box, "--yes") == 0
    assert "contents; the box is closed" in capsys.readouterr().out
    assert left(stack, box) == BEGINNING
    assert all(behind.is_away(key) for key in keys)
    assert httpx.get(address.headers["location"]).status_code == 404
    assert fault(box.get("/changes")) == (403, "POL0001")
    assert cli.main(["check", "--box", box.box, "--data", str(stack.data)]) == 0


def test_opened_again_it_is_empty_and_gives_out_no_id_twice(stack: LocalStack, box: BoxClient) -> None:
    last, token = box.text_object("the last"), now(box)
    assert operate(stack, "wipe", box, "--yes") == 0
    assert operate(stack, "open", box) == 0
    assert names(page(box, token)[0]) == ["resetBox"]
    found, _ = listing(box)
    assert names(found) == ["changedFolder"] * 3
    assert int(id_of(box.text_object("anew")), 36) > int(id_of(last), 36)
    assert cli.main(["check", "--box", box.box, "--data", str(stack.data)]) == 0


def test_what_the_network_stores_meanwhile_is_erased_too(stack: LocalStack, box: BoxClient) -> None:
    written: list[str] = []
    network = BoxClient(stack, box.box, NETWORK)

    def instead(operation: str, call: Call) -> AWSResponse:
        if operation == "PutItem" and len(written) < 2:
            written.append(network.text_object("late", "/Default"))
        return call()

    with answering(instead):
        assert operate(stack, "wipe", box, "--yes") == 0
    assert len(written) == 2
    assert left(stack, box) == BEGINNING


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_broken_off_it_can_be_run_again(stack: LocalStack, box: BoxClient, writes: int) -> None:
    keys = list(Behind(stack, box.box).linked())
    with answering(until_write(writes)):
        assert operate(stack, "wipe", box, "--yes") == 1
    assert fault(box.get("/changes")) == (403, "POL0001")
    assert operate(stack, "wipe", box, "--yes") == 0
    assert left(stack, box) == BEGINNING
    assert all(Behind(stack, box.box).is_away(key) for key in keys)


def test_a_box_that_is_not_there_is_not_made(stack: LocalStack, capsys: pytest.CaptureFixture[str]) -> None:
    with BoxClient(stack) as nobody:
        assert operate(stack, "wipe", nobody, "--yes") == 1
        assert "there is no box" in capsys.readouterr().err
        assert left(stack, nobody) == []
