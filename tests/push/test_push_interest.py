"""Subscriptions that follow preferences: lists hold what is in view, and all else goes by in silence."""

from collections.abc import Callable, Sequence

import pytest

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.change import Change, ResetBox
from onecopy.domain.ids import ObjectId
from onecopy.domain.interest import Policy
from onecopy.store.box import log, objects, preferences
from onecopy.store.subscribers import in_flight, subscriptions
from onecopy.wire import outward
from onecopy.wire.urls import Urls
from tests.clients.box_client import BoxClient, Json, fault, id_of
from tests.clients.eventually import eventually
from tests.clients.following import names, shown, told
from tests.clients.subscriber import Subscriber, active, ask, assert_told, look, subscribe, update
from tests.clients.viewer import follow, latest, page, prefer
from tests.stack.at_table import store_of
from tests.stack.behind import Behind

PUBLIC = "https://hooks.example.com/events"
PHONE = {"preferences": "phone"}
RESET: Json = {"resetBox": {}}


def test_a_subscription_shows_the_preferences_that_it_follows(box: BoxClient) -> None:
    prefer(box, days=7)
    made = ask(box, PUBLIC, preferences="phone").json()["nmsSubscription"]
    assert made["preferences"] == look(box, made)["preferences"] == "phone"
    assert "preferences" not in ask(box, PUBLIC).json()["nmsSubscription"]


@pytest.mark.parametrize("name", ["unknown", "", "Phone", 1])
def test_it_can_follow_only_preferences_that_are_there(box: BoxClient, name: object) -> None:
    assert fault(ask(box, PUBLIC, preferences=name)) == (400, "SVC0002")
    assert box.get("/subscriptions").json()["nmsSubscriptionList"]["subscription"] == []


def test_a_token_of_other_preferences_is_refused(box: BoxClient) -> None:
    prefer(box, days=7)
    prefer(box, "tablet", days=7)
    own, other = latest(box, preferences="phone"), latest(box, preferences="tablet")
    made = ask(box, PUBLIC, **PHONE, restartToken=own)
    assert made.status_code == 201
    assert fault(ask(box, PUBLIC, **PHONE, restartToken=other)) == (400, "SVC0002")
    assert fault(ask(box, PUBLIC, restartToken=own)) == (400, "SVC0002")
    url = made.json()["nmsSubscription"]["resourceURL"]
    wrong = {"nmsSubscriptionUpdate": {"restartToken": other}}
    assert fault(box.post(url, wrong)) == (400, "SVC0002")


@pytest.mark.whole
def test_lists_hold_what_is_in_view_and_are_numbered_without_a_gap(
    box: BoxClient, subscriber: Subscriber
) -> None:
    private, public = box.folder("private"), box.folder("public")
    coming, going = box.text_object("a", private), box.text_object("b", public)
    prefer(box, folders={"exclude": [private]})
    token = latest(box, **PHONE)
    active(box, subscriber, **PHONE)
    box.plain_object(private)
    box.move(public, [coming])
    box.put(f"{going}/flags/\\Seen").raise_for_status()
    box.move(private, [going])
    box.put(f"{going}/flags/\\Flagged").raise_for_status()
    expected = follow(box, token, **PHONE)[0]
    assert len(expected) == 3
    assert told(expected, "changedObject")[0] == shown(box, coming)
    assert_told(subscriber, expected)
    last = subscriber.lists[-1]["restartToken"]
    assert page(box, last)[::2] == page(box, last, **PHONE)[::2] == ([], False)


@pytest.mark.whole
def test_what_nobody_wants_moves_the_cursor_and_is_not_sent(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    private, behind = box.folder("private"), Behind(stack, box.box)
    prefer(box, folders={"exclude": [private]})
    made = active(box, subscriber, **PHONE)
    box.copy(private, [box.plain_object(private)] * 150)
    row = id_of(made["resourceURL"])
    assert eventually(lambda: int(behind.subscription(row)["cursor"]["N"]) == behind.seq())
    assert eventually(lambda: behind.rests(row))
    assert (subscriber.lists, look(box, made)["index"]) == ([], 1)
    box.folder("seen")
    assert eventually(lambda: names(subscriber.events) == ["changedFolder"])
    assert subscriber.indexes == [1]


Deed = Callable[[BoxClient, str], object]


@pytest.mark.whole
@pytest.mark.parametrize(
    "change",
    [
        lambda box, _: prefer(box, days=30),
        lambda box, _: box.delete("/preferences/phone").raise_for_status(),
        lambda box, private: box.move(private, folders=[box.folder_at("/RCSMessageStore/public")]),
    ],
    ids=["changed", "deleted", "crossed"],
)
def test_a_subscriber_is_told_once_that_its_view_has_changed(
    box: BoxClient, subscriber: Subscriber, change: Deed
) -> None:
    """Without any other change of the box, and not again with the next ones."""
    private = box.folder("private")
    box.plain_object(box.folder("public"))
    prefer(box, folders={"exclude": [private]})
    active(box, subscriber, **PHONE)
    change(box, private)
    assert eventually(lambda: RESET in subscriber.events)
    [reset] = [one for one in subscriber.lists if RESET in one["nmsEvent"]]
    assert reset["nmsEvent"] == [RESET]
    listed, _ = follow(box, reset["restartToken"], **PHONE)
    assert RESET not in listed
    last = box.folder("last")
    assert eventually(
        lambda: last in [folder["resourceURL"] for folder in told(subscriber.events, "changedFolder")]
    )
    assert subscriber.events.count(RESET) == 1
    assert subscriber.indexes == list(range(1, len(subscriber.indexes) + 1))


@pytest.mark.whole
def test_a_replay_from_a_token_tells_what_the_token_leads_to(box: BoxClient, subscriber: Subscriber) -> None:
    private = box.folder("private")
    prefer(box, folders={"exclude": [private]})
    token = latest(box, **PHONE)
    made = active(box, subscriber, **PHONE)
    box.plain_object(private)
    seen = box.plain_object()
    assert eventually(lambda: len(subscriber.events) == 1)
    update(box, made, restartToken=token)
    assert eventually(lambda: len(subscriber.events) == 2)
    assert [one["resourceURL"] for one in told(subscriber.events, "changedObject")] == [seen, seen]


def test_a_list_that_was_begun_stays_the_same_whatever_happens_to_what_it_tells(
    stack: LocalStack, box: BoxClient
) -> None:
    private, public = box.folder("private"), box.folder("public")
    coming, staying = box.text_object("a", private, correlationTag="t"), box.plain_object(public)
    prefer(box, folders={"exclude": [private]})
    made = ask(box, PUBLIC, **PHONE).json()["nmsSubscription"]
    box.move(public, [coming])
    box.put(f"{staying}/flags/\\Seen").raise_for_status()
    store, key = store_of(stack), BoxKey("main", box.box)
    row = subscriptions.row(key, id_of(made["resourceURL"]))
    interest = preferences.interest(store, key, "phone", Policy())
    flight = in_flight.begin(store, row, log.read_box(store, key), interest=interest)
    assert flight
    before = rendered(box, in_flight.events(key, flight))
    objects.delete(store, key, ObjectId(id_of(coming)))
    box.move(private, folders=[public])
    prefer(box, days=1)
    again = in_flight.of(subscriptions.row(key, row.item))
    assert again
    assert rendered(box, in_flight.events(key, again)) == before
    assert ["attributes" in changed for changed in told(before, "changedObject")] == [True, False]


def rendered(box: BoxClient, events: Sequence[Change | ResetBox]) -> list[Json]:
    urls = Urls(box.base.split("/nms/")[0], "main", box.box, box.box)
    return [outward.event(event, urls) for event in events]


def test_a_repeated_creation_is_answered_as_the_first_time(box: BoxClient, subscriber: Subscriber) -> None:
    prefer(box, days=7)
    headers = {"idempotency-key": "once"}
    body = {"nmsSubscription": {"callbackReference": {"notifyURL": PUBLIC}, "preferences": "phone"}}
    first, again = (box.post("/subscriptions", body, headers=headers) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert subscribe(box, subscriber, **PHONE)["restartToken"]
