"""An unfinished upload is a resource: clients can read and delete it. When its window ends, it is finished or
swept.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.content import ContentKey, Part, checksum
from onecopy.domain.errors import Unknown
from onecopy.domain.ids import RCS_MESSAGE_STORE, ObjectId
from onecopy.domain.link import NewObject
from onecopy.store.box import objects, uploads
from onecopy.store.box.contents import Contents
from onecopy.store.commit import table
from onecopy.store.commit.kinds import ContentRow, IntakeRow, UploadRow
from onecopy.store.commit.transact import Store
from tests.clients.box_client import NETWORK, BoxClient, fault, id_of, new_box
from tests.clients.eventually import eventually
from tests.clients.following import now, since
from tests.clients.uploading import DATA, announced, appeared, begin, object_url, put
from tests.stack.at_table import answering, store_of
from tests.stack.behind import Behind

pytestmark = pytest.mark.whole

UNKNOWN = (404, "SVC0004")


def content_of(upload: dict[str, Any]) -> str:
    """The content's key in S3, taken from the first part's URL."""
    return urlsplit(upload["part"][0]["href"]).path.split("/", 2)[2].rpartition("/")[0]


def missing(client: BoxClient, upload: dict[str, Any]) -> list[str]:
    """The checksums of the parts that are still missing."""
    parts = client.get(upload["resourceURL"]).raise_for_status().json()["upload"]["part"]
    return [part["headers"]["x-amz-checksum-sha256"] for part in parts]


def put_to_the_bucket(stack: LocalStack, row: UploadRow, number: int, body: bytes) -> None:
    key = f"{uploads.key_of(row)}/{number}"
    stack.aws("s3").put_object(Bucket=stack.name("ContentBucket"), Key=key, Body=body)


def contents_of(stack: LocalStack, client: Any = None) -> Contents:
    return Contents(client or stack.aws("s3"), stack.name("ContentBucket"), timedelta(minutes=1))


# The resource


def test_what_is_answered_at_first_is_the_upload_as_it_can_be_looked_at(client: BoxClient) -> None:
    answer = client.create({"payloadPart": [announced(), announced(b"x")]})
    upload = answer.json()["upload"]
    assert answer.headers["location"] == upload["resourceURL"]
    assert upload["resourceURL"] == f"{client.base}/uploads/{upload['objectId']}"
    again = client.get(upload["resourceURL"])
    assert again.headers["cache-control"] == "no-store"
    shown = again.json()["upload"]
    for part in upload["part"] + shown["part"]:
        assert part.keys() == {"method", "href", "headers", "expires"}
    assert shown.keys() == upload.keys() == {"resourceURL", "objectId", "expires", "part"}
    for same in ("resourceURL", "objectId", "expires"):
        assert shown[same] == upload[same]
    assert [part["headers"] for part in shown["part"]] == [part["headers"] for part in upload["part"]]


def test_an_upload_has_a_day_and_each_of_its_addresses_minutes(client: BoxClient) -> None:
    before = datetime.now(UTC)
    upload = begin(client, announced())
    window = datetime.fromisoformat(upload["expires"]) - before
    assert timedelta(hours=23, minutes=59) <= window <= timedelta(days=1, minutes=1)
    (part,) = upload["part"]
    signed = {name: value for name, (value,) in parse_qs(urlsplit(part["href"]).query).items()}
    at = datetime.strptime(signed["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
    end = at + timedelta(seconds=int(signed["X-Amz-Expires"]))
    assert abs(datetime.fromisoformat(part["expires"]) - end) <= timedelta(seconds=2)
    assert end - at <= timedelta(minutes=15)
    assert part["expires"].endswith("Z")
    assert upload["expires"].endswith("Z")


def test_an_address_is_good_for_the_window_at_most(stack: LocalStack) -> None:
    part, at = Part("text/plain", 1, checksum(b"x")), datetime.now(UTC)
    contents = contents_of(stack)
    href = contents.upload_href(ContentKey("direct/x"), 1, part, at, at + timedelta(seconds=20))
    assert href.expires == at + timedelta(seconds=20)
    assert parse_qs(urlsplit(href.href).query)["X-Amz-Expires"] == ["20"]


def test_an_upload_goes_on_with_fresh_addresses_for_what_is_missing(client: BoxClient) -> None:
    upload = begin(client, announced(), announced(b"x"), announced(b"y"))
    first, second, third = (part["headers"]["x-amz-checksum-sha256"] for part in upload["part"])
    assert put(upload["part"][1], b"x") == 200
    assert eventually(lambda: missing(client, upload) == [first, third])
    fresh = client.get(upload["resourceURL"]).json()["upload"]["part"]
    assert [put(fresh[0]), put(fresh[1], b"y")] == [200, 200]
    found = appeared(client, object_url(client, upload))
    assert [part["size"] for part in found["payloadPart"]] == [len(DATA), 1, 1]
    assert second not in {part["headers"]["x-amz-checksum-sha256"] for part in fresh}
    assert fault(client.get(upload["resourceURL"])) == UNKNOWN
    assert fault(client.delete(upload["resourceURL"])) == UNKNOWN
    assert client.get(object_url(client, upload)).status_code == 200


def test_an_upload_given_up_never_appears_and_its_bytes_go(stack: LocalStack, client: BoxClient) -> None:
    token = now(client)
    upload = begin(client, announced(), announced(b"x"))
    key, behind = content_of(upload), Behind(stack, client.box)
    assert put(upload["part"][0]) == 200
    answer = client.delete(upload["resourceURL"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert fault(client.get(upload["resourceURL"])) == UNKNOWN
    assert fault(client.delete(upload["resourceURL"])) == UNKNOWN
    assert put(upload["part"][1], b"x") == 200  # its URL stays valid for some minutes
    assert eventually(lambda: behind.is_away(key) and not behind.row(f"C#{key}", "UPLOAD"), 100)
    assert eventually(lambda: not behind.row(f"C#{key}", "INTAKE"), 100)
    assert behind.is_away(key)
    assert fault(client.get(object_url(client, upload))) == UNKNOWN
    assert since(client, token) == []


def test_an_upload_given_up_though_whole_never_appears(standins: LocalStack) -> None:
    """When the sweep deletes its bytes, all of them are there. No arrival function takes them first."""
    store, key, row = waiting(standins, b"x")
    put_to_the_bucket(standins, row, 1, b"x")
    uploads.give_up(store, key, ObjectId(row.object_id))
    given_up = table.get(UploadRow, row.box, row.item)
    assert given_up
    assert uploads.sweep_upload(store, contents_of(standins), given_up)
    assert contents_of(standins).sizes(uploads.key_of(row)) == {}
    assert not table.get(UploadRow, row.box, row.item)


@pytest.mark.parametrize(
    "what", ["zz9", "b9", "object", "anothers", "a" * 2000, "b4%2F", "%00", "U%23b4", "É"]
)
def test_what_is_no_upload_is_not_found_and_nothing_changes(
    stack: LocalStack, client: BoxClient, what: str
) -> None:
    upload = begin(client, announced())
    token = now(client)
    with BoxClient(stack) as other:
        other.folder_at("/")
        for _ in range(5):
            anothers = begin(other, announced())
        there = {"object": id_of(client.plain_object()), "anothers": anothers["objectId"]}
        assert there["anothers"] not in {upload["objectId"], there["object"]}
        token = now(client)
        url = f"{client.base}/uploads/{there.get(what, what)}"
        assert fault(client.get(url)) == UNKNOWN
        assert fault(client.delete(url)) == UNKNOWN
        assert since(client, token) == []
        for box, one in ((client, upload), (other, anothers)):
            assert box.get(one["resourceURL"]).status_code == 200


def test_the_network_ends_the_uploads_that_it_began(stack: LocalStack, client: BoxClient) -> None:
    with BoxClient(stack, new_box(), NETWORK) as network:
        at = f"{client.base}/objects"
        given = {"parentFolderPath": "/Default/talk", "payloadPart": [announced()]}
        upload = network.post(at, {"object": given}).json()["upload"]
        assert network.get(upload["resourceURL"]).json()["upload"]["objectId"] == upload["objectId"]
        assert network.delete(upload["resourceURL"]).status_code == 204


# When the window ends. S3's events have no effect here: the stack's functions are stand-ins.


def waiting(
    standins: LocalStack, *bodies: bytes, window: timedelta = timedelta(hours=1)
) -> tuple[Store, BoxKey, UploadRow]:
    store, key = store_of(standins), BoxKey("main", new_box())
    parts = tuple(Part("text/plain", len(body), checksum(body)) for body in bodies)
    return store, key, uploads.begin(store, key, RCS_MESSAGE_STORE, NewObject(), parts, False, window)


def is_there(store: Store, key: BoxKey, row: UploadRow) -> bool:
    """Whether the object that the upload was to become exists."""
    try:
        link = objects.find(store, key, ObjectId(row.object_id))
    except Unknown:
        assert not table.get(ContentRow, row.box, table.CONTENT)
        return False
    assert link.content
    return True


def test_an_upload_whose_parts_are_all_there_is_finished_and_not_swept(standins: LocalStack) -> None:
    """Whether or not S3's events for them arrived."""
    store, key, row = waiting(standins, b"one", b"two", window=timedelta(0))
    put_to_the_bucket(standins, row, 1, b"one")
    uploads.arrived(store, uploads.key_of(row), 1)
    put_to_the_bucket(standins, row, 2, b"two")
    contents = contents_of(standins)
    assert not uploads.sweep_upload(store, contents, row)
    uploads.finish(store, row)
    assert is_there(store, key, row)
    assert contents.sizes(uploads.key_of(row)) == {1: 3, 2: 3}
    assert not table.get(UploadRow, row.box, row.item)


@pytest.mark.parametrize("there", [{}, {1: b"one"}, {2: b"two"}, {1: b"one", 2: b"tw"}], ids=str)
def test_an_upload_of_which_a_part_is_missing_is_swept(standins: LocalStack, there: dict[int, bytes]) -> None:
    store, key, row = waiting(standins, b"one", b"two", window=timedelta(0))
    for number, body in there.items():
        put_to_the_bucket(standins, row, number, body)
    contents = contents_of(standins)
    assert uploads.sweep_upload(store, contents, row)
    assert not is_there(store, key, row)
    assert contents.sizes(uploads.key_of(row)) == {}
    with pytest.raises(Unknown):
        uploads.give_up(store, key, ObjectId(row.object_id))


def test_after_its_window_an_upload_is_not_renewed(standins: LocalStack) -> None:
    store, key, row = waiting(standins, b"x", window=timedelta(0))
    with pytest.raises(Unknown):
        uploads.find(store, key, ObjectId(row.object_id))


# At the same time


class Before:
    """S3 that still lists the bucket as it was before the last part arrived."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def list_objects_v2(self, **_: Any) -> dict[str, Any]:
        return {"KeyCount": 0}

    def delete_objects(self, **asked: Any) -> Any:
        return self._s3.delete_objects(**asked)


def _swept(stack: LocalStack, store: Store, key: BoxKey, row: UploadRow) -> None:
    uploads.sweep_upload(store, contents_of(stack, Before(stack.aws("s3"))), row)


def _given_up(stack: LocalStack, store: Store, key: BoxKey, row: UploadRow) -> None:
    uploads.give_up(store, key, ObjectId(row.object_id))


@pytest.mark.parametrize("ended", [_swept, _given_up], ids=lambda ended: ended.__name__)
def test_an_upload_that_ends_while_it_is_finished_does_not_appear(
    standins: LocalStack, ended: Callable[[LocalStack, Store, BoxKey, UploadRow], None]
) -> None:
    store, key, row = waiting(standins, b"x")
    put_to_the_bucket(standins, row, 1, b"x")
    still = [table.get(UploadRow, row.box, row.item)]

    def in_between(operation: str, call: Callable[[], Any]) -> Any:
        if operation == "TransactWriteItems" and (found := still.pop() if still else None):
            ended(standins, store, key, found)
        return call()

    with answering(in_between):
        uploads.arrived(store, uploads.key_of(row), 1)
    assert not still
    assert not is_there(store, key, row)


@pytest.mark.parametrize("ended", [_swept, _given_up], ids=lambda ended: ended.__name__)
def test_an_upload_that_is_finished_meanwhile_is_neither_swept_nor_given_up(
    standins: LocalStack, ended: Callable[[LocalStack, Store, BoxKey, UploadRow], None]
) -> None:
    store, key, row = waiting(standins, b"x")
    put_to_the_bucket(standins, row, 1, b"x")
    still = [True]

    def in_between(operation: str, call: Callable[[], Any]) -> Any:
        if operation == "TransactWriteItems" and still:
            still.clear()
            uploads.finish(store, row)
        return call()

    unknown = pytest.raises(Unknown) if ended is _given_up else nullcontext()
    with answering(in_between), unknown:
        ended(standins, store, key, row)
    assert is_there(store, key, row)
    assert not table.get(UploadRow, row.box, row.item)
    assert contents_of(standins).sizes(uploads.key_of(row)) == {1: 1}


# Content that a request noted but never linked


class Counting:
    """An S3 that records each call to delete, and deletes nothing."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def delete_objects(self, **asked: Any) -> dict[str, Any]:
        self.calls.append([each["Key"] for each in asked["Delete"]["Objects"]])
        return {}


def test_what_a_request_of_a_thousand_contents_left_goes_in_a_few_calls(standins: LocalStack) -> None:
    store, s3 = store_of(standins), Counting()
    row, keys = uploads.note_intake(store, 1000, [1, 3] * 500)
    linked = ContentRow(box=f"C#{keys[1]}", item="CONTENT", owner="main#nobody", links=1, sizes=[1, 1, 1])
    linked.save()
    uploads.sweep_intake(contents_of(standins, s3), row)
    wanted = {f"{key}/{n}" for i, key in enumerate(keys) if i != 1 for n in range(1, 2 + i % 2 * 2)}
    assert sorted(key for call in s3.calls for key in call) == sorted(wanted)
    assert len(s3.calls) == 2
    assert not table.get(IntakeRow, row.box, row.item)
    linked.delete()


def test_of_contents_noted_without_a_number_of_parts_all_are_deleted_that_there_can_be(
    standins: LocalStack,
) -> None:
    store, s3 = store_of(standins), Counting()
    row, keys = uploads.note_intake(store, 20)
    uploads.sweep_intake(contents_of(standins, s3), row)
    assert [len(call) for call in s3.calls] == [1000, 1000]
    assert {key.rpartition("/")[0] for call in s3.calls for key in call} == set(keys)


def test_bytes_that_come_while_their_note_is_swept_are_noted_again(standins: LocalStack) -> None:
    store, key = store_of(standins), ContentKey(f"direct/late{time.monotonic_ns()}")

    class Late(Counting):
        def delete_objects(self, **asked: Any) -> dict[str, Any]:
            uploads.note_stray(store, key)
            return super().delete_objects(**asked)

    uploads.note_stray(store, key)
    noted = table.get(IntakeRow, f"C#{key}", "INTAKE")
    assert noted
    uploads.sweep_intake(contents_of(standins, Late()), noted)
    again = table.get(IntakeRow, f"C#{key}", "INTAKE")
    assert again
    uploads.sweep_intake(contents_of(standins, Counting()), again)
    assert not table.get(IntakeRow, f"C#{key}", "INTAKE")
