"""The subscription resource (NMS): create, read, renew, delete, refuse. test_push covers the pushes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, Json, fault
from tests.clients.eventually import eventually
from tests.clients.following import now, since
from tests.clients.subscriber import Subscriber, ask, look, subscribe, update
from tests.stack.behind import Behind

LONGEST = timedelta(days=30).total_seconds()
PUBLIC = "https://hooks.example.com/events"


def listed(box: BoxClient) -> list[Json]:
    """The box's subscriptions."""
    answer = box.get("/subscriptions")
    assert answer.status_code == 200, answer.text
    found = answer.json()["nmsSubscriptionList"]
    assert found["resourceURL"] == f"{box.base}/subscriptions"
    subscriptions: list[Json] = found["subscription"]
    return subscriptions


def urls(box: BoxClient) -> set[str]:
    return {each["resourceURL"] for each in listed(box)}


def seconds_left(subscription: Json) -> float:
    """Until its expiry, which must agree with its duration."""
    assert subscription["expiry"].endswith("Z")
    left = (datetime.fromisoformat(subscription["expiry"]) - datetime.now(UTC)).total_seconds()
    assert abs(left - subscription["duration"]) < 60
    return left


def is_about(seconds: float, subscription: Json) -> bool:
    return abs(seconds_left(subscription) - seconds) < 60


@pytest.mark.nms("POST /subscriptions", "201 with Location; the index of the first list is 1")
@pytest.mark.nms(
    "nmsSubscription",
    "callbackReference, duration and clientCorrelator are kept; resourceURL and index are given",
)
def test_a_new_subscription_says_where_it_stands_and_tells_its_secret(
    box: BoxClient, subscriber: Subscriber
) -> None:
    answer = ask(box, subscriber.url, {"callbackData": "mine"}, clientCorrelator="c-1", duration=3600)
    assert answer.status_code == 201, answer.text
    made = answer.json()["nmsSubscription"]
    assert answer.headers["location"] == made["resourceURL"]
    assert made["resourceURL"].startswith(f"{box.base}/subscriptions/")
    assert "no-store" in answer.headers["cache-control"]
    assert made["callbackReference"] == {"notifyURL": subscriber.url, "callbackData": "mine"}
    assert (made["clientCorrelator"], made["state"], made["index"]) == ("c-1", "unverified", 1)
    assert made["secret"].startswith("whsec_")
    assert is_about(3600, made)
    assert "lastError" not in made


@pytest.mark.nms("GET /subscriptions/{subscriptionId}", "The subscription is shown, without its secret")
def test_the_secret_is_told_once_and_each_subscription_has_its_own(
    box: BoxClient, subscriber: Subscriber
) -> None:
    one, two = subscribe(box, subscriber), subscribe(box, subscriber)
    assert one["secret"] != two["secret"]
    again = [look(box, one), update(box, one, duration=60), *listed(box)]
    assert len(again) == 4
    assert not any("secret" in shown for shown in again)
    assert "whsec_" not in box.get("/subscriptions").text


@pytest.mark.nms("POST /subscriptions", "The answer's restartToken says from where on it is told")
def test_its_restart_token_says_from_where_on_it_is_told(box: BoxClient, subscriber: Subscriber) -> None:
    box.folder("before")
    made = subscribe(box, subscriber)
    assert since(box, made["restartToken"]) == []
    box.folder("after")
    assert [event["changedFolder"]["name"] for event in since(box, made["restartToken"])] == ["after"]


@pytest.mark.nms("GET /subscriptions")
@pytest.mark.nms("nmsSubscriptionList", "The list of subscriptions has a resourceURL of its own")
def test_a_list_holds_the_subscriptions_of_the_box_and_no_others(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    assert listed(box) == []
    made = [subscribe(box, subscriber) for _ in range(3)]
    with BoxClient(stack) as other:
        foreign = subscribe(other, subscriber)
        assert urls(box) == {each["resourceURL"] for each in made}
        assert urls(other) == {foreign["resourceURL"]}


@pytest.mark.nms("acr:auth", "Subscriptions asked for by acr:auth name the box by its real id")
def test_asked_for_as_ones_own_box_it_names_the_real_one(box: BoxClient, subscriber: Subscriber) -> None:
    made = subscribe(box, subscriber)
    root, _, _ = box.base.rpartition("/")
    answer = box.get(f"{root}/acr%3Aauth/subscriptions")
    assert [each["resourceURL"] for each in answer.json()["nmsSubscriptionList"]["subscription"]] == [
        made["resourceURL"]
    ]


@pytest.mark.nms("nmsSubscription")
@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(None, LONGEST), (0, LONGEST), ("7200", 7200), (LONGEST - 100, LONGEST - 100), (2**32 - 1, LONGEST)],
)
def test_a_subscription_lasts_as_long_as_it_asks_for_and_at_most_thirty_days(
    box: BoxClient, subscriber: Subscriber, duration: float | str | None, seconds: float
) -> None:
    given = {} if duration is None else {"duration": duration}
    assert is_about(seconds, subscribe(box, subscriber, **given))


@pytest.mark.nms(
    "POST /subscriptions/{subscriptionId}", "200 with the subscription; duration counts from now on"
)
def test_an_update_sets_how_long_it_lasts_from_now_on(box: BoxClient, subscriber: Subscriber) -> None:
    made = subscribe(box, subscriber, duration=3600)
    assert is_about(7200, update(box, made, duration=7200))
    assert is_about(600, update(box, made, duration="600"))
    assert is_about(600, update(box, made))
    assert is_about(LONGEST, update(box, made, duration=0))
    assert is_about(LONGEST, look(box, made))


@pytest.mark.nms("nmsSubscriptionUpdate", "duration and restartToken can be updated, nothing else changes")
def test_an_update_changes_nothing_else(box: BoxClient, subscriber: Subscriber) -> None:
    made = subscribe(box, subscriber, duration=3600, clientCorrelator="c")
    assert eventually(lambda: look(box, made)["state"] == "active")
    before = look(box, made)
    after = update(box, made, duration=7200)
    assert after == before | {"duration": after["duration"], "expiry": after["expiry"]}


@pytest.mark.nms(
    "DELETE /subscriptions/{subscriptionId}", "204, and the subscription is unknown from then on"
)
def test_what_is_deleted_is_not_there_any_more(box: BoxClient, subscriber: Subscriber) -> None:
    made, kept = subscribe(box, subscriber), subscribe(box, subscriber)
    answer = box.delete(made["resourceURL"])
    assert (answer.status_code, answer.content) == (204, b"")
    update_body = {"nmsSubscriptionUpdate": {"duration": 60}}
    for again in (
        box.get(made["resourceURL"]),
        box.delete(made["resourceURL"]),
        box.post(made["resourceURL"], update_body),
    ):
        assert fault(again) == (404, "SVC0004")
    assert urls(box) == {kept["resourceURL"]}


@pytest.mark.nms("GET /subscriptions/{subscriptionId}", "An unknown subscription is a 404")
@pytest.mark.parametrize("unknown", ["zzzz", "0", "é", "S#1", "..%2F..", "1" * 2000])
def test_an_unknown_subscription(box: BoxClient, subscriber: Subscriber, unknown: str) -> None:
    subscribe(box, subscriber)
    assert fault(box.get(f"/subscriptions/{unknown}"))[0] == 404
    assert fault(box.delete(f"/subscriptions/{unknown}"))[0] == 404


def test_a_folder_is_no_subscription(box: BoxClient) -> None:
    folder = box.folder("folder").rpartition("/")[2]
    assert fault(box.delete(f"/subscriptions/{folder}")) == (404, "SVC0004")
    assert box.get(f"/folders/{folder}").status_code == 200


def test_another_boxs_subscription_cannot_be_seen_or_ended(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    made = subscribe(box, subscriber)
    with BoxClient(stack) as other:
        assert fault(other.get(made["resourceURL"])) == (403, "POL0001")
        assert fault(other.delete(made["resourceURL"])) == (403, "POL0001")
        assert fault(ask(other, subscriber.url, restartToken=made["restartToken"])) == (400, "SVC0002")
        assert listed(other) == []
    assert urls(box) == {made["resourceURL"]}


def test_only_the_scope_for_it_opens_subscriptions(stack: LocalStack, subscriber: Subscriber) -> None:
    with BoxClient(stack, scope="oma_rest_nms.subscription") as own:
        made = subscribe(own, subscriber)
        rest = "oma_rest_nms.read oma_rest_nms.create oma_rest_nms.modify"
        with BoxClient(stack, own.box, rest) as lesser:
            assert fault(ask(lesser, subscriber.url)) == (403, "POL0001")
            assert fault(lesser.get("/subscriptions")) == (403, "POL0001")
            assert fault(lesser.get(made["resourceURL"])) == (403, "POL0001")
            assert fault(lesser.delete(made["resourceURL"])) == (403, "POL0001")
        assert urls(own) == {made["resourceURL"]}


def test_methods_it_does_not_have_are_named_by_those_it_has(box: BoxClient, subscriber: Subscriber) -> None:
    made = subscribe(box, subscriber)
    for path, allowed in (
        ("/subscriptions", "GET, HEAD, POST"),
        (made["resourceURL"], "DELETE, GET, HEAD, POST"),
    ):
        answer = box.put(path, {})
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


NOTIFY_URLS = {
    "no scheme": "hooks.example.com/events",
    "another scheme": "ftp://hooks.example.com/",
    "a local file": "file:///etc/passwd",
    "credentials": "https://user:pass@hooks.example.com/",
    "a fragment": f"{PUBLIC}#part",
    "port 0": "https://hooks.example.com:0/",
    "no such port": "https://hooks.example.com:65536/",
    "a private address": "https://10.0.0.1/",
    "the cloud's metadata": "https://169.254.169.254/latest/meta-data",
    "another loopback": "http://127.0.0.2/",
    "an address as a number": "https://2130706433/",
    "an address in hexadecimal": "https://0x7f000001/",
    "an address in short": "https://127.1/",
    "IPv4 in IPv6": "https://[::ffff:10.0.0.1]/",
    "a private IPv6 address": "https://[fd00::1]/",
    "a space": "https://hooks.example.com/a b",
    "a line break": "https://hooks.example.com/\r\nHost: a",
    "other letters": "https://hooks.exämple.com/",
    "too long": "https://hooks.example.com/".ljust(2001, "x"),
    "nothing": "",
}


@pytest.mark.parametrize("url", NOTIFY_URLS.values(), ids=NOTIFY_URLS.keys())
def test_a_notify_url_that_may_not_be_is_refused(box: BoxClient, url: str) -> None:
    assert fault(ask(box, url)) == (400, "SVC0002")
    assert listed(box) == []


LOCALLY_ALLOWED = ["http://127.0.0.1:9/", "http://[::1]:9/x?y", "http://localhost:9/", "https://localhost:9/"]


@pytest.mark.parametrize("url", ["https://127.0.0.1:9/", *LOCALLY_ALLOWED])
def test_the_machine_itself_is_allowed_on_the_local_stack(box: BoxClient, url: str) -> None:
    assert ask(box, url).status_code == 201


HERE = {"callbackReference": {"notifyURL": "http://127.0.0.1:9/"}}
BAD = {
    "no subscription": {},
    "another structure": {"subscription": HERE},
    "a list": {"nmsSubscription": [HERE]},
    "nothing in it": {"nmsSubscription": None},
    "no callback": {"nmsSubscription": {}},
    "no address": {"nmsSubscription": {"callbackReference": {}}},
    "an address that is no text": {"nmsSubscription": {"callbackReference": {"notifyURL": 7}}},
    "a negative duration": {"nmsSubscription": {**HERE, "duration": -1}},
    "a duration in words": {"nmsSubscription": {**HERE, "duration": "an hour"}},
    "a truth as duration": {"nmsSubscription": {**HERE, "duration": True}},
    "more seconds than an unsignedInt": {"nmsSubscription": {**HERE, "duration": 2**32}},
    "half a second": {"nmsSubscription": {**HERE, "duration": 0.5}},
    "a forged token": {
        "nmsSubscription": {**HERE, "restartToken": "0123456789ab-1-1---AAAAAAAAAAAAAAAAAAAAAA"}
    },
    "an empty token": {"nmsSubscription": {**HERE, "restartToken": ""}},
    "a token that is no text": {"nmsSubscription": {**HERE, "restartToken": 1}},
    "a long correlator": {"nmsSubscription": {**HERE, "clientCorrelator": "x" * 256}},
    "long callback data": {
        "nmsSubscription": {"callbackReference": {**HERE["callbackReference"], "callbackData": "ü" * 501}}
    },
    "pushes in another form": {
        "nmsSubscription": {"callbackReference": {**HERE["callbackReference"], "notificationFormat": "YAML"}}
    },
    "pushes in no form": {
        "nmsSubscription": {"callbackReference": {**HERE["callbackReference"], "notificationFormat": ""}}
    },
}


@pytest.mark.nms("POST /subscriptions", "What is not a subscription is refused, and nothing is made")
@pytest.mark.nms("nmsSubscription", "A duration above an unsignedInt is refused")
@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_what_is_not_well_said_is_refused_and_nothing_made(box: BoxClient, body: Json) -> None:
    assert fault(box.post("/subscriptions", body)) == (400, "SVC0002")
    assert listed(box) == []


@pytest.mark.nms("nmsSubscriptionUpdate")
def test_an_update_that_is_refused_changes_nothing(box: BoxClient, subscriber: Subscriber) -> None:
    made = subscribe(box, subscriber, duration=3600)
    assert eventually(lambda: look(box, made)["state"] == "active")
    before = look(box, made)
    for bad in (
        {"duration": -1},
        {"duration": "x"},
        {"duration": 2**32},
        {"restartToken": "x"},
        {"restartToken": "", "duration": 9},
    ):
        answer = box.post(made["resourceURL"], {"nmsSubscriptionUpdate": bad})
        assert fault(answer) == (400, "SVC0002")
    assert fault(box.post(made["resourceURL"], {"nmsSubscription": {}})) == (400, "SVC0002")
    after = look(box, made)
    assert after == before | {"duration": after["duration"]}


def test_a_token_of_another_box_or_from_the_future_is_refused(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    """From the future: the store gave it out, then went back to an earlier state."""
    ahead = now(box)
    behind = Behind(stack, box.box)
    row = behind.row(behind.box, "BOX")
    behind.put({**row, "seq": {"N": str(int(row["seq"]["N"]) - 1)}})
    assert fault(ask(box, subscriber.url, restartToken=ahead)) == (400, "SVC0002")
    with BoxClient(stack) as other:
        assert fault(ask(other, subscriber.url, restartToken=ahead)) == (400, "SVC0002")
    behind.put(row)


def test_a_box_has_at_most_twenty_subscriptions_also_when_they_come_at_once(
    box: BoxClient, subscriber: Subscriber
) -> None:
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: ask(box, subscriber.url), range(23)))
    made = [answer.json()["nmsSubscription"] for answer in answers if answer.status_code == 201]
    refused = [fault(answer) for answer in answers if answer.status_code != 201]
    assert (len(made), refused) == (20, [(403, "POL0001")] * 3)
    assert urls(box) == {each["resourceURL"] for each in made}
    box.delete(made[0]["resourceURL"])
    assert ask(box, subscriber.url).status_code == 201


def test_one_that_expired_counts_no_more_and_can_be_renewed(box: BoxClient, subscriber: Subscriber) -> None:
    expired = subscribe(box, subscriber, duration=1)
    for _ in range(19):
        subscribe(box, subscriber)
    assert eventually(lambda: look(box, expired)["state"] == "expired")
    assert look(box, expired)["duration"] == 0
    live = subscribe(box, subscriber)
    assert fault(ask(box, subscriber.url)) == (403, "POL0001")
    renewal = {"nmsSubscriptionUpdate": {"duration": 60}}
    assert fault(box.post(expired["resourceURL"], renewal)) == (403, "POL0001")
    box.delete(live["resourceURL"])
    renewed = update(box, expired)
    assert renewed["state"] != "expired"
    assert is_about(LONGEST, renewed)


@pytest.mark.nms(
    "POST /subscriptions", "The same clientCorrelator again answers with the subscription that is there"
)
def test_a_correlator_given_again_answers_with_the_subscription_that_is_there(
    box: BoxClient, subscriber: Subscriber
) -> None:
    """A client that lost the answer can ask again, and gets the secret that it never saw."""
    first = subscribe(box, subscriber, clientCorrelator="c-1", duration=3600)
    again = ask(box, "http://127.0.0.1:9/another", clientCorrelator="c-1")
    assert again.status_code == 201
    assert again.headers["location"] == first["resourceURL"]
    shown = again.json()["nmsSubscription"]
    assert [shown[name] for name in ("resourceURL", "secret", "callbackReference")] == [
        first[name] for name in ("resourceURL", "secret", "callbackReference")
    ]
    other = subscribe(box, subscriber, clientCorrelator="c-2")
    assert urls(box) == {first["resourceURL"], other["resourceURL"]}
    box.delete(first["resourceURL"])
    assert subscribe(box, subscriber, clientCorrelator="c-1")["resourceURL"] != first["resourceURL"]


def test_one_correlator_given_many_times_at_once_makes_one_subscription(
    box: BoxClient, subscriber: Subscriber
) -> None:
    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(lambda _: subscribe(box, subscriber, clientCorrelator="c"), range(12)))
    assert len({each["resourceURL"] for each in made}) == len({each["secret"] for each in made}) == 1
    assert len(listed(box)) == 1


def test_one_that_has_expired_makes_way_for_another_of_its_correlator(
    box: BoxClient, subscriber: Subscriber
) -> None:
    expired = subscribe(box, subscriber, clientCorrelator="c", duration=1)
    assert eventually(lambda: look(box, expired)["state"] == "expired")
    assert subscribe(box, subscriber, clientCorrelator="c")["resourceURL"] != expired["resourceURL"]


A_SWEEP = 130
"""Seconds to wait for a sweep, which a deployment runs once a minute."""


def rung_for(behind: Behind) -> int:
    """How many rows each commit of the box has to read to find the subscriptions to ring for."""
    return len(list(behind.rows(f"{behind.box}#S", "")))


def test_one_that_has_expired_costs_no_commit_anything_and_comes_back_when_renewed(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    behind = Behind(stack, box.box)
    made = subscribe(box, subscriber, duration=2, clientCorrelator="c")
    assert eventually(lambda: not rung_for(behind), A_SWEEP)
    assert look(box, made)["state"] == "expired"
    assert [each["state"] for each in listed(box)] == ["expired"]
    renewed = update(box, made, duration=600)
    assert rung_for(behind) == 1
    assert is_about(600, renewed)
    assert renewed["clientCorrelator"] == "c"
    assert urls(box) == {made["resourceURL"]}
    assert box.delete(made["resourceURL"]).status_code == 204
    assert listed(box) == []


def test_one_that_has_expired_can_be_deleted(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    made, behind = subscribe(box, subscriber, duration=1), Behind(stack, box.box)
    assert eventually(lambda: not rung_for(behind), A_SWEEP)
    assert box.delete(made["resourceURL"]).status_code == 204
    assert fault(box.get(made["resourceURL"])) == (404, "SVC0004")


def test_twenty_expired_ones_are_kept_and_the_oldest_make_room(
    stack: LocalStack, box: BoxClient, subscriber: Subscriber
) -> None:
    behind, made = Behind(stack, box.box), []
    for _ in range(3):
        made += [subscribe(box, subscriber, duration=1)["resourceURL"] for _ in range(9)]
        assert eventually(lambda: not rung_for(behind), A_SWEEP)
    assert eventually(lambda: len(listed(box)) == 20)
    assert urls(box) >= set(made[9:])
