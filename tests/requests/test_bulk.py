"""bulkUpdate and bulkDelete (NMS): many objects in one request, each with a code of its own."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack
from onecopy.domain.ids import RCS_MESSAGE_STORE, ObjectId
from onecopy.domain.link import NewObject
from onecopy.store.box import bulk, objects
from onecopy.store.box.objects import Item
from onecopy.store.commit.outcome import Outcome
from tests.clients.box_client import BoxClient, Json, codes, fault, id_of
from tests.clients.following import names, now, since, told
from tests.stack.at_table import operations
from tests.stack.behind import Behind
from tests.stack.desk import Desk

UPDATE, DELETE = "/objects/operations/bulkUpdate", "/objects/operations/bulkDelete"


def references(urls: Sequence[str]) -> Json:
    return {"objectReference": [{"resourceURL": url} for url in urls]}


def update(operation: str, flags: Sequence[str], urls: Sequence[str]) -> Json:
    return {"bulkUpdate": {"objects": references(urls), "operation": operation, "flags": {"flag": [*flags]}}}


def deletion(urls: Sequence[str]) -> Json:
    return {"bulkDelete": {"objects": references(urls)}}


def items(answer: httpx.Response) -> list[Json]:
    found: list[Json] = answer.raise_for_status().json()["bulkResponseList"]["response"]
    assert answer.status_code == 200
    return found


def flags_of(client: BoxClient, url: str) -> list[str]:
    found: list[str] = client.get(f"{url}/flags").raise_for_status().json()["flagList"]["flag"]
    return sorted(found)


@pytest.mark.nms(
    "POST /objects/operations/bulkUpdate", "AddFlag adds flags to each object beside those it has"
)
def test_flags_are_added_to_each_object_beside_those_it_has(client: BoxClient) -> None:
    urls = [client.plain_object(flags={"flag": [f"own {n}"]}) for n in range(3)]
    other = client.plain_object()
    done = items(client.post(UPDATE, update("AddFlag", ["\\Seen", "x"], urls)))
    assert codes(done) == [200] * 3
    assert [item["success"] for item in done] == [{"resourceURL": url} for url in urls]
    assert [flags_of(client, url) for url in urls] == [["\\Seen", f"own {n}", "x"] for n in range(3)]
    assert flags_of(client, other) == []


@pytest.mark.nms("POST /objects/operations/bulkUpdate", "RemoveFlag removes flags, whatever their case")
def test_flags_are_removed_whatever_their_case_and_the_others_stay(client: BoxClient) -> None:
    urls = [client.plain_object(flags={"flag": flags}) for flags in (["\\Seen", "a"], ["b"], ["\\seen"])]
    assert codes(items(client.post(UPDATE, update("RemoveFlag", ["\\SEEN", "c"], urls)))) == [200] * 3
    assert [flags_of(client, url) for url in urls] == [["a"], ["b"], []]


def test_each_change_is_told_and_what_changes_nothing_is_no_change(client: BoxClient) -> None:
    seen, unseen = client.plain_object(flags={"flag": ["\\Seen"]}), client.plain_object()
    before, token = client.get(seen).json()["object"]["lastModSeq"], now(client)
    client.post(UPDATE, update("AddFlag", ["\\SEEN"], [seen, unseen]))
    [change] = told(since(client, token), "changedObject")
    assert (change["resourceURL"], change["flags"]["flag"]) == (unseen, ["\\SEEN"])
    assert client.get(seen).json()["object"]["lastModSeq"] == before


def test_an_object_with_too_many_flags_fails_alone(client: BoxClient) -> None:
    full, empty = client.plain_object(flags={"flag": [str(n) for n in range(100)]}), client.plain_object()
    done = items(client.post(UPDATE, update("AddFlag", ["7", "more"], [full, empty])))
    assert codes(done) == [(400, "SVC0002"), 200]
    assert (len(flags_of(client, full)), flags_of(client, empty)) == (100, ["7", "more"])


@pytest.mark.nms("POST /objects/operations/bulkDelete")
@pytest.mark.nms("DELETE /objects/operations/bulkDelete", "DELETE with a body does the same as POST")
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_each_object_named_is_deleted_and_no_other(client: BoxClient, method: str) -> None:
    urls = [client.text_object(str(n)) for n in range(3)]
    other, token = client.text_object(), now(client)
    done = items(client.http.request(method, DELETE, json=deletion(urls)))
    assert codes(done) == [200] * 3
    assert [client.get(url).status_code for url in (*urls, other)] == [404] * 3 + [200]
    gone = told(since(client, token), "deletedObject")
    assert [one["resourceURL"] for one in gone] == urls


@pytest.mark.nms("POST /objects/operations/bulkUpdate", "A bad reference costs its own item alone")
def test_each_bad_reference_fails_alone(stack: LocalStack, client: BoxClient) -> None:
    good, gone, folder = client.plain_object(), client.plain_object(), client.folder("folder")
    client.delete(gone)
    with BoxClient(stack) as other:
        foreign = other.text_object()
        own = f"/nms/v1/main/acr:auth/objects/{id_of(good)}"
        unknown = [f"{client.base}/objects/{name}" for name in ("zz9", "operations", "b1")]
        asked = [gone, *unknown, foreign, folder, "nonsense", own]
        expected = [(404, "SVC0004")] * 4 + [(400, "SVC0002")] * 3 + [200]
        assert codes(items(client.post(UPDATE, update("AddFlag", ["x"], asked)))) == expected
        assert codes(items(client.post(DELETE, deletion(asked)))) == expected
        assert other.get(foreign).status_code == 200
    assert client.get(folder).status_code == 200


def test_a_reference_given_twice_is_done_once_and_answered_twice(client: BoxClient) -> None:
    one, two = client.text_object(), client.text_object()
    token = now(client)
    assert codes(items(client.post(UPDATE, update("AddFlag", ["x"], [one, two, one])))) == [200] * 3
    assert len(since(client, token)) == 2
    assert codes(items(client.post(DELETE, deletion([one, two, one])))) == [200] * 3
    assert names(since(client, token)) == ["changedObject"] * 2 + ["deletedObject"] * 2


def test_more_objects_than_a_transaction_holds_are_done_in_several(client: BoxClient) -> None:
    source = client.text_object()
    urls = [item["success"]["resourceURL"] for item in client.copy(client.folder("f"), [source] * 120)]
    token = now(client)
    assert codes(items(client.post(UPDATE, update("AddFlag", ["x"], urls)))) == [200] * 120
    assert codes(items(client.post(DELETE, deletion([*urls, source])))) == [200] * 121
    assert names(since(client, token)) == ["changedObject"] * 120 + ["deletedObject"] * 121


@pytest.mark.whole
def test_no_transaction_is_larger_than_dynamodb_takes(desk: Desk) -> None:
    """Twenty objects fit the rows of one, but at 280 kB each not its 4 MB."""
    large = NewObject(attributes=tuple((f"a{n}", ("é" * 14_000,)) for n in range(10)))
    made = objects.create(desk.store, desk.key, [Item(RCS_MESSAGE_STORE, large)] * 20, False, None)
    ids = [ObjectId(one.thing_id) for one in made if isinstance(one, Outcome)]
    for work in (
        partial(bulk.change_flags, desk.store, desk.key, lambda _: ("x",)),
        partial(bulk.delete, desk.store, desk.key),
    ):
        with operations() as asked:
            assert work(ids) == ids
        assert asked.count("TransactWriteItems") > 1


def test_content_goes_with_its_last_link_and_not_before(stack: LocalStack, client: BoxClient) -> None:
    source = client.text_object("shared")
    copies = [item["success"]["resourceURL"] for item in client.copy(client.folder("f"), [source] * 3)]
    behind = Behind(stack, client.box)
    content_key = behind.content_key(id_of(source))
    assert codes(items(client.post(DELETE, deletion([source, *copies[:2]])))) == [200] * 3
    assert behind.links(content_key) == 1
    assert codes(items(client.post(DELETE, deletion(copies)))) == [(404, "SVC0004")] * 2 + [200]
    assert behind.links(content_key) == 0


def test_a_conversations_messages_are_flagged_and_deleted_by_their_owner(stack: LocalStack) -> None:
    with BoxClient(stack, scope="oma_rest_nms.all_v1 onecopy.network") as network:
        message = network.text_object(parent="/Default/conversation")
        with BoxClient(stack, network.box) as owner:
            assert codes(items(owner.post(UPDATE, update("AddFlag", ["x"], [message])))) == [200]
            assert codes(items(owner.post(DELETE, deletion([message])))) == [200]


def test_objects_below_a_deleted_folder_are_unknown(client: BoxClient) -> None:
    folder = client.folder("folder")
    inside = client.plain_object(folder)
    client.delete(folder)
    assert codes(items(client.post(DELETE, deletion([inside])))) == [(404, "SVC0004")]


ONE = references(["http://x/nms/v1/main/acr:auth/objects/a4"])
BAD: dict[str, tuple[str, Any]] = {
    "no objects": (UPDATE, {"operation": "AddFlag", "flags": {"flag": ["x"]}}),
    "an empty list": (UPDATE, {"objects": references([]), "operation": "AddFlag", "flags": {"flag": ["x"]}}),
    "objects null": (UPDATE, {"objects": None, "operation": "AddFlag", "flags": {"flag": ["x"]}}),
    "a reference that is a text": (
        UPDATE,
        {"objects": {"objectReference": ["x"]}, "operation": "AddFlag", "flags": {"flag": ["x"]}},
    ),
    "no operation": (UPDATE, {"objects": ONE, "flags": {"flag": ["x"]}}),
    "another operation": (UPDATE, {"objects": ONE, "operation": "SetFlag", "flags": {"flag": ["x"]}}),
    "no flags": (UPDATE, {"objects": ONE, "operation": "AddFlag"}),
    "no flag": (UPDATE, {"objects": ONE, "operation": "AddFlag", "flags": {"flag": []}}),
    "an empty flag": (UPDATE, {"objects": ONE, "operation": "RemoveFlag", "flags": {"flag": [""]}}),
    "a flag with a control": (UPDATE, {"objects": ONE, "operation": "AddFlag", "flags": {"flag": ["a\n"]}}),
    "too many flags": (
        UPDATE,
        {"objects": ONE, "operation": "AddFlag", "flags": {"flag": [str(n) for n in range(101)]}},
    ),
    "nothing to delete": (DELETE, {}),
    "none to delete": (DELETE, {"objects": references([])}),
}


@pytest.mark.parametrize("what", BAD)
def test_a_request_that_says_too_little_is_refused_and_changes_nothing(client: BoxClient, what: str) -> None:
    path, asked = BAD[what]
    client.plain_object()
    token = now(client)
    name = path.rsplit("/", 1)[1]
    for body in ({name: asked}, {name: [asked]}, asked):
        assert fault(client.post(path, body)) == (400, "SVC0002")
    assert since(client, token) == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_request_names_at_most_a_thousand_objects(client: BoxClient, method: str) -> None:
    url = client.plain_object()
    assert fault(client.http.request(method, DELETE, json=deletion([url] * 1001))) == (400, "SVC0002")
    assert fault(client.post(UPDATE, update("AddFlag", ["x"], [url] * 1001))) == (400, "SVC0002")
    assert flags_of(client, url) == []
    assert codes(items(client.post(UPDATE, update("AddFlag", ["x"], [url] * 1000)))) == [200] * 1000
