"""The provider's policy for every sync and push (`SyncPolicy`): clients can narrow it, and never widen it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.client.device import Device
from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, id_of
from tests.clients.eventually import eventually
from tests.clients.subscriber import Subscriber, active
from tests.clients.viewer import dated, follow, latest, objects, page, prefer
from tests.stack.signing import Signer

pytestmark = pytest.mark.whole

POLICY = {"folders": {"exclude": ["/RCSMessageStore/secret"]}, "days": 30}
RESET = [{"resetBox": {}}]


@pytest.fixture(scope="module")
def policed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    given = {"SyncPolicy": json.dumps(POLICY), "SyncPolicyVersion": "1"}
    with LocalStack(tmp_path_factory.mktemp("policed"), parameters=given) as running:
        yield running


@pytest.fixture
def box(policed: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(policed) as client:
        yield client


def test_the_policies_show_the_policy(box: BoxClient) -> None:
    assert box.get("/policies").json()["policies"]["syncPolicy"] == POLICY


def test_nobody_is_told_what_the_policy_leaves_out(box: BoxClient, subscriber: Subscriber) -> None:
    """Neither with preferences that ask for more, nor without any."""
    secret = box.folder("secret")
    prefer(box, minDate="2000-01-01T00:00:00Z")
    every = [{}, {"preferences": "phone"}]
    tokens = [latest(box, **query) for query in every]
    active(box, subscriber)
    box.plain_object(secret)
    box.plain_object(**dated("2020-01-01"))
    seen = box.plain_object()
    for token, query in zip(tokens, every, strict=True):
        assert objects(follow(box, **query)[0]) == objects(follow(box, token, **query)[0]) == [id_of(seen)]
    assert eventually(lambda: subscriber.events)
    assert objects(subscriber.events) == [id_of(seen)]


def test_preferences_narrow_the_policy(box: BoxClient) -> None:
    other = box.folder("other")
    now = datetime.now(UTC)
    older, newer = (box.plain_object(**dated(f"{now - timedelta(days=days):%Y-%m-%d}")) for days in (20, 5))
    hidden = [box.plain_object(other), box.plain_object(box.folder("secret"))]
    prefer(box, days=10, folders={"exclude": [other]})
    assert objects(follow(box, preferences="phone")[0]) == [id_of(newer)]
    assert set(objects(follow(box)[0])) == {id_of(url) for url in (older, newer, hidden[0])}


def test_a_folder_that_comes_to_have_a_path_of_the_policy_is_one_reset(box: BoxClient) -> None:
    """Or no longer has it."""
    folder = box.folder("open")
    inside = box.plain_object(folder)
    token = latest(box)
    box.put(f"{folder}/folderName", {"name": "secret"}).raise_for_status()
    events, hidden = follow(box, token)
    assert (page(box, token)[::2], objects(events)) == ((RESET, True), [])
    box.put(f"{folder}/folderName", {"name": "open"}).raise_for_status()
    events, shown = follow(box, hidden)
    assert (page(box, hidden)[::2], objects(events)) == ((RESET, True), [id_of(inside)])
    assert follow(box, shown)[0].count(RESET[0]) == 0


def test_a_device_drops_what_was_moved_out_of_its_sight(
    policed: LocalStack, box: BoxClient, tmp_path: Path
) -> None:
    secret, own = box.folder("secret"), box.folder("own")
    moved, kept, third = (box.plain_object() for _ in range(3))
    prefer(box, folders={"exclude": [own]})
    token = policed.token(box.box)
    device = Device(policed.url, box.box, lambda: token, tmp_path / "device.db", preferences="phone")
    device.sync()
    assert device.state()[0].keys() == {id_of(moved), id_of(kept), id_of(third)}
    box.move(secret, [moved])
    box.move(own, [third])
    device.sync()
    device.sync()
    assert device.state()[0].keys() == {id_of(kept)}
    assert {id_of(secret), id_of(own)} <= device.state()[1].keys()
    device.close()


def test_a_token_from_before_the_policy_is_reset(policed: LocalStack, box: BoxClient) -> None:
    box.plain_object()
    before = Signer(policed, box).without_policy(latest(box))
    assert page(box, before)[::2] == (RESET, True)
    assert follow(box, follow(box, before)[1])[0].count(RESET[0]) == 0
