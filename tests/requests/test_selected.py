"""bulkUpdate, bulkDelete, copyToFolder and moveToFolder for the objects that meet selectionCriteria."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack
from onecopy.domain.ids import ObjectId
from onecopy.handlers.edge.idempotency_key import OUTCOMES
from onecopy.store.box import bulk, copies, objects
from onecopy.store.commit.once import Plan, Repeated, begin
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.transact import Store
from tests.clients.box_client import NETWORK, STORE, BoxClient, Json, codes, fault
from tests.clients.following import now, since, told
from tests.clients.searching import attributes, by, criterion
from tests.stack.desk import Desk

SEEN = criterion("Flag", "true", "\\Seen")
WAYS = ["bulkUpdate", "bulkDelete", "copyToFolder", "moveToFolder"]


def criteria(*those: Json, most: int = 1000, **more: Any) -> Json:
    searched = {"searchCriteria": {"criterion": list(those)}} if those else {}
    return {"selectionCriteria": {"maxEntries": most, **searched, **more}}


def ask(client: BoxClient, way: str, asked: Json, target: str = "", **more: Any) -> httpx.Response:
    """`asked` is what a bulk request or a targetSourceRef holds beside the flags or the target."""
    if way == "bulkUpdate":
        how = {"operation": "AddFlag", "flags": {"flag": ["x"]}}
        return client.post("/objects/operations/bulkUpdate", {way: {**how, **asked}}, **more)
    if way == "bulkDelete":
        return client.post("/objects/operations/bulkDelete", {way: asked}, **more)
    body = {"targetSourceRef": {"targetRef": {"resourceURL": target}, **asked}}
    return client.post(f"/folders/operations/{way}", body, **more)


def answered(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()["bulkResponseList"]
    return found


def inside(client: BoxClient, folder: str) -> list[str]:
    """The correlationTags of the objects in a folder, in order."""
    asked = {"listFilter": "Objects", "maxEntries": 1000}
    found = client.get(folder, params=asked).json()["folder"]["objects"]["objectReference"]
    return sorted(client.get(one["resourceURL"]).json()["object"]["correlationTag"] for one in found)


def fill(client: BoxClient, count: int, parent: str = STORE) -> list[str]:
    """Objects with tags 0, 1, 2, …, each a day younger than the one before, every other one seen."""
    return [
        client.plain_object(
            parent,
            correlationTag=str(n),
            attributes=attributes(Date=f"2026-01-{n + 1:02}T00:00:00Z"),
            flags={"flag": ["\\Seen"] if n % 2 else []},
        )
        for n in range(count)
    ]


def flagged(client: BoxClient, urls: list[str]) -> list[str]:
    return [url for url in urls if "x" in client.get(f"{url}/flags").json()["flagList"]["flag"]]


@pytest.mark.nms("bulkResponseList", "Each item has a code, a reason and a reference")
@pytest.mark.nms("POST /objects/operations/bulkUpdate", "selectionCriteria may say which objects")
def test_flags_are_added_to_what_meets_the_criteria_and_each_object_has_an_item(client: BoxClient) -> None:
    urls = fill(client, 5)
    found = answered(ask(client, "bulkUpdate", criteria(SEEN)))
    assert found == {
        "response": [
            {"code": 200, "reason": "OK", "success": {"resourceURL": url}} for url in (urls[3], urls[1])
        ]
    }
    assert flagged(client, urls) == [urls[1], urls[3]]


@pytest.mark.nms("POST /objects/operations/bulkDelete", "selectionCriteria may say which objects")
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_what_meets_the_criteria_is_deleted_and_the_rest_stays(client: BoxClient, method: str) -> None:
    urls = fill(client, 4)
    body = {"bulkDelete": {**criteria(SEEN), "objects": {"objectReference": []}}}
    found = answered(client.http.request(method, "/objects/operations/bulkDelete", json=body))
    assert codes(found["response"]) == [200, 200]
    assert [client.get(url).status_code for url in urls] == [200, 404, 200, 404]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sort", [None, by("Date", "Ascending"), by("Subject")])
def test_a_cursor_leads_on_to_what_is_left_and_each_object_is_met_once(
    client: BoxClient, way: str, sort: Json | None
) -> None:
    """The whole box is the scope, so the copies are in it, and so is what was moved."""
    urls, target = fill(client, 5), client.folder("target")
    more: Json = {"sortCriteria": sort} if sort else {}
    counts = []
    while True:
        found = answered(ask(client, way, criteria(most=2, **more), target))
        counts.append(found["count"] if way.endswith("Folder") else len(found["response"]))
        if "cursor" not in found:
            break
        more["fromCursor"] = found["cursor"]
    assert counts == [2, 2, 1]
    if way.endswith("Folder"):
        assert inside(client, target) == list("01234")
    there = [url for url in urls if client.get(url).status_code == 200]
    assert there == ([] if way == "bulkDelete" else urls)
    assert flagged(client, there) == (urls if way == "bulkUpdate" else [])


@pytest.mark.nms(
    "POST /folders/operations/copyToFolder",
    "selectionCriteria may say which objects; the answer then gives their number",
)
def test_a_copy_of_everything_is_answered_by_its_number_and_told_by_the_changes(client: BoxClient) -> None:
    urls, target = fill(client, 4), client.folder("target")
    token = now(client)
    found = answered(ask(client, "copyToFolder", criteria(), target))
    assert found == {"response": [], "count": 4}
    made = told(since(client, token), "changedObject")
    assert sorted(one["correlationTag"] for one in made) == list("0123")
    assert {one["parentFolder"] for one in made} == {target}
    assert not {one["resourceURL"] for one in made} & set(urls)


def test_only_what_is_in_the_scope_is_moved(client: BoxClient) -> None:
    source, target = client.folder("source"), client.folder("target")
    below = client.folder("below", parent=source)
    fill(client, 2, source)
    fill(client, 3, below)
    fill(client, 4)
    scope = {"searchScope": {"resourceURL": source}, "nonRecursiveScope": "true"}
    assert answered(ask(client, "moveToFolder", criteria(**scope), target))["count"] == 2
    assert inside(client, target) == ["0", "1"]
    del scope["nonRecursiveScope"]
    assert answered(ask(client, "moveToFolder", criteria(**scope), target))["count"] == 3
    assert inside(client, below) == []


def test_an_object_that_fails_is_named_and_the_others_are_done(stack: LocalStack, client: BoxClient) -> None:
    with BoxClient(stack, client.box, NETWORK) as network:
        message = network.plain_object("/Default/conversation", correlationTag="message")
    urls, target = fill(client, 2), client.folder("target")
    found = answered(ask(client, "moveToFolder", criteria(), target))
    assert (found["count"], codes(found["response"])) == (2, [(403, "POL0001")])
    assert found["response"][0]["resourceURL"] == message
    full = client.plain_object(flags={"flag": [str(n) for n in range(100)]})
    found = answered(ask(client, "bulkUpdate", criteria()))
    assert [one.get("resourceURL") for one in found["response"] if one["code"] == 400] == [full]
    assert flagged(client, [*urls, message, full]) == [*urls, message]


def test_at_most_as_many_as_asked_for_are_done_and_never_more_than_a_thousand(client: BoxClient) -> None:
    fill(client, 3)
    for most, count in ((2, 2), ("1", 1), (10**9, 3)):
        found = answered(ask(client, "bulkUpdate", criteria(most=most)))  # type: ignore[arg-type]
        assert (len(found["response"]), "cursor" in found) == (count, count < 3)


def test_what_meets_nothing_is_no_error(client: BoxClient) -> None:
    target, token = client.folder("target"), now(client)
    for way in WAYS:
        found = answered(ask(client, way, criteria(SEEN), target))
        assert found == {"response": [], **({"count": 0} if way.endswith("Folder") else {})}
    assert since(client, token) == []


BAD: dict[str, Callable[[str], Json]] = {
    "neither": lambda url: {},
    "both": lambda url: {**criteria(), **sources(url)},
    "no maxEntries": lambda url: {"selectionCriteria": {}},
    "no entries": lambda url: criteria(most=0),
    "a text": lambda url: {"selectionCriteria": "x"},
    "an unknown type": lambda url: criteria(criterion("Nonsense", "x")),
    "what has vanished": lambda url: criteria(criterion("VanishedObjects", "")),
    "what was created": lambda url: criteria(criterion("CreatedObjects", "")),
    "an empty cursor": lambda url: criteria(fromCursor=""),
    "a forged cursor": lambda url: criteria(fromCursor="forged"),
    "an unknown scope": lambda url: criteria(
        searchScope={"resourceURL": url.replace("objects/", "folders/zz")}
    ),
}


def sources(url: str) -> Json:
    references = {"objectReference": [{"resourceURL": url}]}
    return {"objects": references, "sourceRefs": {"objects": references}}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("way", WAYS)
def test_a_selection_that_makes_no_sense_is_refused_and_changes_nothing(
    client: BoxClient, way: str, what: str
) -> None:
    url, target = client.plain_object(), client.folder("target")
    token = now(client)
    assert fault(ask(client, way, BAD[what](url), target)) == (400, "SVC0002")
    assert since(client, token) == []


def test_a_cursor_of_other_criteria_is_refused(client: BoxClient) -> None:
    fill(client, 4)
    cursor = answered(ask(client, "bulkUpdate", criteria(SEEN, most=1)))["cursor"]
    assert fault(ask(client, "bulkDelete", criteria(most=1, fromCursor=cursor))) == (400, "SVC0002")


@pytest.mark.parametrize("way", ["copyToFolder", "moveToFolder"])
def test_a_bad_target_fails_the_request_even_if_nothing_meets_the_criteria(
    client: BoxClient, way: str
) -> None:
    for one in (criteria(SEEN), criteria()):
        for target, refusal in [
            (f"{client.base}/folders/zz9", (400, "SVC0002")),
            (client.folder_at("/"), (403, "POL1031")),
            (client.folder_at("/Default"), (403, "POL1031")),
        ]:
            assert fault(ask(client, way, one, target)) == refusal


# Repeats


def test_a_repeat_of_a_copy_is_answered_like_the_first_and_copies_nothing(client: BoxClient) -> None:
    fill(client, 3)
    target, key = client.folder("target"), {"idempotency-key": "k"}
    first = ask(client, "copyToFolder", criteria(most=2), target, headers=key)
    again = ask(client, "copyToFolder", criteria(most=2), target, headers=key)
    assert (first.json(), first.json()["bulkResponseList"]["count"]) == (again.json(), 2)
    assert inside(client, target) == ["1", "2"]


@pytest.mark.parametrize("way", ["copyToFolder", "moveToFolder"])
def test_a_repeat_does_not_look_for_objects_again(client: BoxClient, way: str) -> None:
    target, key = client.folder("target"), {"idempotency-key": "k"}
    first = ask(client, way, criteria(SEEN), target, headers=key)
    fill(client, 4)
    again = ask(client, way, criteria(SEEN), target, headers=key)
    assert first.json() == again.json() == {"bulkResponseList": {"response": [], "count": 0}}
    assert inside(client, target) == []
    assert fault(ask(client, way, criteria(), target, headers=key)) == (422, "SVC0002")


def try_of(desk: Desk, minutes: int = 0) -> Store:
    """The store for one try of a copy by criteria. One that died is given up after half a minute."""
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    store = replace(desk.store, now=lambda: moment)
    return replace(store, once=begin(store, str(desk.key), "name", "request", OUTCOMES, 1))


def planned(store: Store, ids: list[ObjectId]) -> list[ObjectId]:
    assert store.once
    return list(map(ObjectId, store.once.plan(lambda: Plan([*ids], None)).items))


def test_a_try_that_died_is_continued_with_the_objects_it_had_found(desk: Desk) -> None:
    source, target = desk.folder("source"), desk.folder("target")
    ids = desk.fill(source, *(f"{n:02}" for n in range(60)))
    first = try_of(desk)
    work = copies._Objects(first, desk.key, planned(first, ids), target, False, copy_to(target), False)
    done = len(work._commit(0))
    assert 0 < done < 60
    later = try_of(desk, minutes=1)
    assert planned(later, desk.fill(source, "late")) == ids
    results = copies.copy_objects(later, desk.key, ids, target, False)
    assert len({one.thing_id for one in results if isinstance(one, Outcome)}) == 60
    assert desk.tree(target) == {"": [f"{n:02}" for n in range(60)]}
    with pytest.raises(Repeated):
        work._commit(done)


def copy_to(target: Any) -> Callable[..., Any]:
    return lambda view, draft, link: draft.copy_link(link, target)


def test_of_two_tries_at_once_one_finds_the_objects(desk: Desk) -> None:
    one, two = try_of(desk), try_of(desk)
    ids = desk.fill(desk.folder("source"), "a")
    assert planned(one, ids) == ids
    with pytest.raises(Repeated):
        planned(two, ids)


# Between search and commit


@pytest.mark.parametrize("way", [bulk.delete, partial(bulk.change_flags, changed=lambda _: ("x",))])
def test_what_has_changed_since_it_was_found_is_left_as_it_is(desk: Desk, way: Callable[..., Any]) -> None:
    same, flag_gone = desk.fill(desk.folder("source"), "same", "changed")
    found = {i: objects.find(desk.store, desk.key, i).last_mod_seq for i in (same, flag_gone)}
    objects.add_flag(desk.store, desk.key, flag_gone, "keep me")
    done = way(store=desk.store, key=desk.key, object_ids=[same, flag_gone], found=found)
    assert [getattr(one, "status", one) for one in done] == [same, 412]
    assert objects.find(desk.store, desk.key, flag_gone).flags == ("keep me",)


def test_objects_not_begun_in_time_are_left_for_another_request(desk: Desk) -> None:
    ids = desk.fill(desk.folder("source"), *map(str, range(60)))

    def now_() -> datetime:
        """It is late once the first objects have been committed."""
        late = objects_left(desk) < 60
        return datetime.now(UTC) + timedelta(hours=late)

    store = replace(desk.store, now=now_, deadline=datetime.now(UTC) + timedelta(minutes=10))
    done = bulk.delete(store, desk.key, ids)
    gone = [one for one in done if isinstance(one, str)]
    assert gone == ids[: len(gone)]
    assert 0 < len(gone) < 60
    assert {one.status for one in done if not isinstance(one, str)} == {503}
    assert objects_left(desk) == 60 - len(gone)


def objects_left(desk: Desk) -> int:
    return len(list(desk.behind.rows(desk.behind.box, "O#")))


# Size


@pytest.mark.whole
@pytest.mark.parametrize("way", ["copyToFolder", "moveToFolder"])
def test_a_thousand_objects_are_answered_in_two_kilobytes(desk: Desk, way: str) -> None:
    box, target = desk.box, desk.box.folder("target")
    desk.fill(desk.folder("source"), *map(str, range(1001)))
    answer = ask(box, way, criteria(), target)
    headers = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    found = answered(answer)
    assert (found["response"], found["count"]) == ([], 1000)
    assert headers + int(answer.headers["content-length"]) < 2_000
    again = criteria(fromCursor=found["cursor"])
    assert answered(ask(box, way, again, target)) == {"response": [], "count": 1}
