"""A closed box refuses its owner on every route at once. When it opens, subscribers hear what they missed."""

from urllib.parse import quote

import pytest

from infra.local.stack import LocalStack
from infra.ops import cli
from onecopy.domain.ids import compact
from tests.access.test_rights import ROUTES, ask
from tests.clients.box_client import NETWORK, BoxClient, fault, new_box
from tests.clients.eventually import eventually
from tests.clients.subscriber import Subscriber, active

pytestmark = pytest.mark.whole


def operate(stack: LocalStack, verb: str, box: str) -> int:
    return cli.main([verb, box, "--data", str(stack.data)])


def test_every_route_is_shut_to_the_owner(stack: LocalStack) -> None:
    """Even for a box that nobody has used yet."""
    box = new_box()
    base = f"{stack.url}/nms/v1/main/{quote(box, safe='')}"
    assert operate(stack, "close", box) == 0
    answers = {
        f"{method} {path}": ask(method, base + path.replace("zz9", compact(9)), stack.token(box))
        for method, path, _ in ROUTES
    }
    assert not [name for name, answer in answers.items() if answer.status_code < 400]
    partly = ("pathToId", "bulkDelete")  # they need more than a path, and are refused without it
    complete = [
        name
        for name in answers
        if name.startswith(("GET", "DELETE")) and not any(one in name for one in partly)
    ]
    assert {name: fault(answers[name]) for name in complete} == dict.fromkeys(complete, (403, "POL0001"))


def test_opening_says_what_it_found(stack: LocalStack, capsys: pytest.CaptureFixture[str]) -> None:
    box = new_box()
    said = []
    for verb in ("open", "close", "close", "open"):
        assert operate(stack, verb, box) == 0
        said.append(capsys.readouterr().out.strip().removeprefix(f"main#{box} "))
    assert said == ["was open already", "is closed", "was closed already", "is open"]


def test_silence_at_once_and_all_of_it_after_opening(stack: LocalStack) -> None:
    with BoxClient(stack) as box, BoxClient(stack, box.box, NETWORK) as network, Subscriber() as subscriber:
        active(box, subscriber)
        folder = box.folder()
        assert eventually(lambda: len(subscriber.events) == 1)
        assert operate(stack, "close", box.box) == 0
        came = network.plain_object("/Default")
        assert fault(box.get(folder)) == (403, "POL0001")
        assert not eventually(lambda: len(subscriber.events) > 1, 5)
        assert operate(stack, "open", box.box) == 0
        assert eventually(lambda: len(subscriber.events) == 2)
        assert subscriber.events[-1]["changedObject"]["resourceURL"] == came
        assert box.get(folder).status_code == 200
