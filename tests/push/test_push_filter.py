"""A subscription's filter (NMS): what is pushed are objects that meet it, folders and deletions."""

import subprocess
import sys
from typing import Any

import pytest

from tests.clients.box_client import BoxClient, Json, fault
from tests.clients.following import names, now, shown, since
from tests.clients.subscriber import Subscriber, active, ask, assert_told, look

PUBLIC = "https://hooks.example.com/events"
ANNE = {"type": "Attribute", "name": "From", "value": "tel:+99955501"}
UNSEEN = {"type": "Flag", "name": "\\Seen", "value": "false"}
RECENT = {"type": "Date", "value": "minDate=2020-01-01T00:00:00Z"}


def sent_by(number: str, date: str = "2021-05-01T10:00:00Z") -> Json:
    named = {"From": f"tel:+9995550{number}", "Date": date}
    return {"attributes": {"attribute": [{"name": name, "value": [value]} for name, value in named.items()]}}


@pytest.mark.nms("nmsSubscription")
def test_a_subscription_shows_its_filter(box: BoxClient) -> None:
    asked = {"criterion": [ANNE, UNSEEN], "operator": "Or"}
    made = ask(box, PUBLIC, filter=asked).json()["nmsSubscription"]
    assert made["filter"] == look(box, made)["filter"] == asked
    assert "filter" not in ask(box, PUBLIC).json()["nmsSubscription"]


def test_a_filter_may_name_its_structure_once_more(box: BoxClient) -> None:
    made = ask(box, PUBLIC, filter={"searchCriteria": {"criterion": [ANNE]}}).json()["nmsSubscription"]
    assert made["filter"] == {"criterion": [ANNE]}


@pytest.mark.nms("nmsSubscription")
@pytest.mark.parametrize(
    "wrong",
    [
        "everything",
        {},
        {"criterion": []},
        {"criterion": [ANNE] * 21},
        {"criterion": [ANNE], "operator": "Xor"},
        {"criterion": [{"type": "Sender", "value": "x"}]},
        {"criterion": [{"type": "CreatedObjects", "value": ""}]},
        {"criterion": [{"type": "VanishedObjects", "value": ""}]},
        {"criterion": [{"type": "Date", "value": "minDate=yesterday"}]},
        {"criterion": [{"type": "Flag", "name": "\\Seen", "value": "perhaps"}]},
    ],
)
def test_a_filter_that_no_object_can_meet_is_refused(box: BoxClient, wrong: Any) -> None:
    assert fault(ask(box, PUBLIC, filter=wrong)) == (400, "SVC0002")
    assert box.get("/subscriptions").json()["nmsSubscriptionList"]["subscription"] == []


def test_no_start_of_a_sender_loads_what_only_filters_need() -> None:
    code = "import sys, onecopy.push.delivery; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.nms(
    "nmsSubscription", "filter: changes of objects that meet it are pushed, besides folders and deletions"
)
@pytest.mark.whole
def test_only_what_meets_it_is_pushed_and_folders_and_deletions(
    box: BoxClient, subscriber: Subscriber
) -> None:
    kept, other = box.plain_object(**sent_by("1")), box.plain_object(**sent_by("2"))
    made = active(box, subscriber, filter={"criterion": [ANNE, RECENT]})
    token = now(box)
    box.plain_object(**sent_by("2"))
    box.plain_object(**sent_by("1", "2019-05-01T10:00:00Z"))
    wanted = box.plain_object(**sent_by("1"))
    expected = shown(box, wanted)
    box.put(f"{other}/flags/\\Seen").raise_for_status()
    box.put(f"{kept}/flags/\\Seen").raise_for_status()
    box.folder("for all")
    box.delete(other)
    every = since(box, token)
    assert_told(subscriber, [every[2], *every[4:]])
    assert names(subscriber.events) == ["changedObject", "changedObject", "changedFolder", "deletedObject"]
    assert subscriber.events[0]["changedObject"] == expected
    assert look(box, made)["state"] == "active"


@pytest.mark.whole
def test_a_filter_by_flags_judges_each_change_by_the_flags_after_it(
    box: BoxClient, subscriber: Subscriber
) -> None:
    active(box, subscriber, filter={"criterion": [UNSEEN]})
    token = now(box)
    made = box.plain_object()
    box.put(f"{made}/flags/\\Seen").raise_for_status()
    box.delete(f"{made}/flags/\\Seen").raise_for_status()
    every = since(box, token)
    assert_told(subscriber, [every[0], every[2]])
