"""Idempotency-Key: a repeated request does its work once, whatever happened to the first try."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack
from onecopy.domain.content import checksum
from onecopy.domain.errors import Busy, KeyReused, StillRunning
from onecopy.domain.ids import RCS_MESSAGE_STORE
from onecopy.domain.link import NewObject
from onecopy.handlers.edge.idempotency_key import OUTCOMES
from onecopy.store.box import copies, objects
from onecopy.store.box.objects import Item
from onecopy.store.commit.once import Repeated, begin
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.transact import Store
from tests.clients.box_client import STORE, BoxClient, id_of
from tests.clients.following import listing, told
from tests.stack.at_table import answering, refusal
from tests.stack.desk import Desk

Json = dict[str, Any]
Ask = Callable[[BoxClient, dict[str, str]], httpx.Response]


@pytest.fixture
def box(stack: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(stack) as client:
        client.folder_at(STORE)
        yield client


def key(name: str = "a key") -> dict[str, str]:
    return {"idempotency-key": name}


def plain_object(box: BoxClient, headers: dict[str, str]) -> httpx.Response:
    return box.post("/objects", {"object": {"correlationTag": "one"}}, headers=headers)


def form(box: BoxClient, headers: dict[str, str]) -> httpx.Response:
    """Each call uses a new boundary, as clients do."""
    files = {
        "root-fields": (None, '{"object":{}}', "application/json"),
        "attachments": (None, "x", "text/plain"),
    }
    return box.http.post("/objects", files=files, headers=headers)


def bulk(box: BoxClient, headers: dict[str, str]) -> httpx.Response:
    given = json.dumps({"objectList": {"object": [{"correlationTag": f"{n}"} for n in range(70)]}})
    files = [("root-fields", (None, given, "application/json"))]
    files += [("attachments", (None, f"text {n}", "text/plain")) for n in range(70)]
    return box.http.post("/objects/operations/bulkCreation", files=files, headers=headers)


def upload(box: BoxClient, headers: dict[str, str]) -> httpx.Response:
    part = {"contentType": "text/plain", "size": 5, "checksum": checksum(b"hello")}
    return box.post("/objects", {"object": {"payloadPart": [part]}}, headers=headers)


def folder(box: BoxClient, headers: dict[str, str]) -> httpx.Response:
    return box.post("/folders", {"folder": {"parentFolderPath": STORE, "name": "once"}}, headers=headers)


def subscription(box: BoxClient, headers: dict[str, str]) -> httpx.Response:
    callback = {"callbackReference": {"notifyURL": "http://127.0.0.1:9/nobody"}}
    return box.post("/subscriptions", {"nmsSubscription": callback}, headers=headers)


@pytest.mark.parametrize(
    "ask", [plain_object, form, bulk, folder, subscription], ids=lambda ask: ask.__name__
)
def test_a_repeat_is_answered_as_the_first_time_and_does_nothing(box: BoxClient, ask: Ask) -> None:
    first = ask(box, key())
    before = listing(box)[0]
    again = ask(box, key())
    assert first.status_code in (200, 201)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert [again.headers.get(name) for name in ("location", "etag")] == [
        first.headers.get(name) for name in ("location", "etag")
    ]
    assert listing(box)[0] == before
    box.http.delete("/subscriptions/" + first.headers.get("location", "/").rsplit("/", 1)[1])


@pytest.mark.whole
def test_a_repeated_upload_is_the_same_one_with_addresses_of_its_own(box: BoxClient) -> None:
    first, again = (upload(box, key()).json()["upload"] for _ in range(2))
    assert [first[name] == again[name] for name in ("resourceURL", "objectId", "expires")] == [True] * 3
    [slot] = again["part"]
    assert httpx.put(slot["href"], content=b"hello", headers=slot["headers"]).status_code == 200


@pytest.mark.parametrize("operation", ["copyToFolder", "moveToFolder"])
def test_a_repeated_copy_or_move_of_folders_and_objects_is_done_once(box: BoxClient, operation: str) -> None:
    source, target = box.folder("source"), box.folder("target")
    inside, one = box.plain_object(source), box.plain_object()
    refs = {
        "folders": {"folderReference": [{"resourceURL": source}]},
        "objects": {"objectReference": [{"resourceURL": one}, {"resourceURL": "nonsense"}]},
    }
    body = {"targetSourceRef": {"targetRef": {"resourceURL": target}, "sourceRefs": refs}}
    answers = [box.post(f"/folders/operations/{operation}", body, headers=key()) for _ in range(3)]
    assert [answer.json() for answer in answers] == [answers[0].json()] * 3
    assert [item["code"] for item in answers[0].json()["bulkResponseList"]["response"]] == [200, 200, 400]
    made = told(listing(box)[0], "changedObject")
    assert len(made) == (4 if operation == "copyToFolder" else 2)
    assert inside in [facts["resourceURL"] for facts in made]


def test_a_refusal_is_kept_though_the_reason_for_it_goes(box: BoxClient) -> None:
    in_the_way = box.folder("once")
    assert folder(box, key()).status_code == 409
    box.delete(in_the_way).raise_for_status()
    assert folder(box, key()).status_code == 409
    assert folder(box, key("another key")).status_code == 201


def test_a_refused_target_is_refused_again_as_a_whole(box: BoxClient) -> None:
    one, target = box.plain_object(), box.folder("target")
    box.delete(target)
    refs = {"objects": {"objectReference": [{"resourceURL": one}]}}
    body = {"targetSourceRef": {"targetRef": {"resourceURL": target}, "sourceRefs": refs}}
    answers = [box.post("/folders/operations/copyToFolder", body, headers=key()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json() == answers[1].json()


def test_another_request_under_the_key_is_refused(box: BoxClient) -> None:
    assert plain_object(box, key()).status_code == 201
    assert folder(box, key()).status_code == 422
    other = box.post("/objects", {"object": {"correlationTag": "two"}}, headers=key())
    assert other.status_code == 422
    assert other.json()["requestError"]["serviceException"]["messageId"] == "SVC0002"
    assert len(told(listing(box)[0], "changedObject")) == 1


def test_a_key_is_of_one_box_alone(stack: LocalStack, box: BoxClient) -> None:
    with BoxClient(stack) as other:
        assert {plain_object(one, key()).status_code for one in (box, other)} == {201}
        assert len(told(listing(other)[0], "changedObject")) == 1


@pytest.mark.parametrize("name", ["", "x" * 256, "sch\u00f6n", "tab\tin"])
def test_a_key_is_printable_ascii_of_one_to_255_characters(box: BoxClient, name: str) -> None:
    answer = plain_object(box, {b"idempotency-key": name.encode()})  # type: ignore[dict-item]
    assert answer.status_code == 400
    assert not told(listing(box)[0], "changedObject")


def test_what_cannot_be_parsed_is_refused_before_the_key_is_looked_at(box: BoxClient) -> None:
    assert box.http.post("/objects", content=b"{", headers=key()).status_code == 400
    assert plain_object(box, key()).status_code == 201


@pytest.mark.whole
def test_many_at_once_do_the_work_once(box: BoxClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: plain_object(box, key()), range(8)))
    made = [answer for answer in answers if answer.status_code == 201]
    assert made
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert len({answer.headers["location"] for answer in made}) == 1
    assert len(told(listing(box)[0], "changedObject")) == 1


# Tries that die, tested directly on the store


def started(desk: Desk, total: int, now: datetime | None = None) -> Store:
    """The store for one try of the request; every call is a try of the same request."""
    store = replace(desk.store, now=lambda: now) if now else desk.store
    return replace(store, once=begin(store, str(desk.key), "name", "request", OUTCOMES, total))


ITEMS = [Item(RCS_MESSAGE_STORE, NewObject(correlation_tag=f"{n}")) for n in range(80)]


@pytest.mark.whole
def test_a_repeat_goes_on_from_where_a_try_died(desk: Desk) -> None:
    commits: list[str] = []

    def dies(operation, call):  # type: ignore[no-untyped-def]
        commits.extend([operation] if operation == "TransactWriteItems" else [])
        if len(commits) > 1:
            raise ConnectionError
        return call()

    first = started(desk, len(ITEMS))
    creation = objects._Creation(objects.Paths(first, desk.key), ITEMS, False, None)
    with answering(dies):
        done = creation.commit(0)
        with pytest.raises(ConnectionError):
            creation.commit(len(done))
    with pytest.raises(StillRunning):
        started(desk, len(ITEMS))
    later = started(desk, len(ITEMS), datetime.now(UTC) + timedelta(minutes=1))
    results = objects.create(later, desk.key, ITEMS, False, None)
    assert len({one.thing_id for one in results if isinstance(one, Outcome)}) == len(ITEMS)
    tags = [facts["correlationTag"] for facts in told(listing(desk.box)[0], "changedObject")]
    assert sorted(tags, key=int) == [f"{n}" for n in range(80)]


def test_a_try_that_was_taken_for_dead_does_no_more(desk: Desk) -> None:
    slow = started(desk, len(ITEMS))
    objects._Creation(objects.Paths(slow, desk.key), ITEMS, False, None).commit(0)
    later = started(desk, len(ITEMS), datetime.now(UTC) + timedelta(minutes=1))
    objects.create(later, desk.key, ITEMS, False, None)
    with pytest.raises(Repeated):
        objects.create(slow, desk.key, ITEMS, False, None)
    assert len(told(listing(desk.box)[0], "changedObject")) == len(ITEMS)


def test_a_day_later_the_key_is_free_again(desk: Desk) -> None:
    [first] = objects.create(started(desk, 1), desk.key, ITEMS[:1], False, None)
    later = started(desk, 1, datetime.now(UTC) + timedelta(hours=25))
    [second] = objects.create(later, desk.key, ITEMS[:1], False, None)
    assert first != second


@pytest.mark.whole
def test_items_that_were_not_begun_stay_so_under_their_key(desk: Desk) -> None:
    """To do them, the client uses another key."""
    source, target = desk.folder("source"), desk.folder("target")
    ids = desk.fill(source, *[f"{n}" for n in range(60)])
    writes: list[str] = []

    def busy(operation, call):  # type: ignore[no-untyped-def]
        writes.extend([operation] if operation == "TransactWriteItems" else [])
        return refusal("ThrottlingException") if len(writes) > 1 else call()

    attempt = replace(started(desk, 60), deadline=desk.store.now() + timedelta(seconds=5))
    with answering(busy):
        results = copies.copy_objects(attempt, desk.key, ids, target, False)
    assert attempt.once
    attempt.once.close(Busy())
    codes = [type(one) for one in results]
    again = copies.copy_objects(started(desk, 60), desk.key, ids, target, False)
    assert [type(one) for one in again] == codes
    assert {Outcome, Busy} == set(codes)
    assert len(desk.tree(target)[""]) == codes.count(Outcome)


def test_a_key_with_another_fingerprint_is_told_apart_at_once(desk: Desk) -> None:
    objects.create(started(desk, 1), desk.key, ITEMS[:1], False, None)
    with pytest.raises(KeyReused):
        begin(desk.store, str(desk.key), "name", "another request", OUTCOMES, 1)


def test_a_request_without_a_key_writes_no_row_of_one(box: BoxClient, desk: Desk) -> None:
    plain_object(box, {})
    assert not list(desk.behind.rows(desk.behind.box, "K#"))
    assert id_of(plain_object(box, key()).headers["location"])
    assert len(list(desk.behind.rows(desk.behind.box, "K#"))) == 1
