"""The store on one machine after SIGKILL of all its processes at once: what it acknowledged is there."""

import hashlib
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.emulator import dynoxide
from infra.local.stack import LocalStack
from infra.ops.check.checking import check
from infra.ops.rows.deployed import on_this_machine
from tests.clients.backups import sms, written
from tests.clients.box_client import BoxClient
from tests.clients.eventually import eventually
from tests.clients.importing import Phone, finished
from tests.stack.processes import cut_off, freeze
from tests.stack.stacks import standin_stack

pytestmark = pytest.mark.skipif(dynoxide.program() is None, reason="npm's dynoxide is not to be had here")

CONVERSATION = 300
IMPORTED = 300


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[LocalStack]:
    """A separate stack for a test that kills it and starts it again."""
    with LocalStack(tmp_path / "stack") as running:
        yield running


def again(stack: LocalStack) -> LocalStack:
    """The same stack on the same port and folder, to be started by `with`."""
    return LocalStack(stack.data, int(stack.url.rsplit(":", 1)[1]))


def texts_in(box: BoxClient, folder: str) -> int:
    listed = box.get(folder, params={"listFilter": "Objects", "maxEntries": 1000}).raise_for_status().json()
    return len(listed["folder"].get("objects", {}).get("objectReference", []))


class Writer(threading.Thread):
    """Stores one text after another until the store does not answer; keeps those that were acknowledged."""

    def __init__(self, box: BoxClient) -> None:
        super().__init__()
        self.box, self.acknowledged = box, dict[str, str]()

    def run(self) -> None:
        while True:
            text = f"text {len(self.acknowledged)}"
            try:
                self.acknowledged[self.box.text_object(text)] = text
            except (httpx.HTTPError, AssertionError):
                return


def content(box: BoxClient, url: str) -> str:
    return box.get(f"{url}/payload", follow_redirects=True).raise_for_status().text


def test_killed_amid_an_import_and_a_copy_it_has_all_that_it_acknowledged(
    mortal: LocalStack, tmp_path: Path
) -> None:
    phone, box = Phone(mortal, tmp_path), BoxClient(mortal)
    backup = written(
        tmp_path, *(sms(f"text {number}", date=f"17776368{number:05}") for number in range(IMPORTED))
    )
    conversation = box.folder("conversation")
    for number in range(CONVERSATION):
        box.plain_object(conversation, attributes=subject(str(number)))
    writers = [Writer(BoxClient(mortal)) for _ in range(2)]
    importing = phone.start(backup)
    assert eventually(lambda: len(phone.objects()) > IMPORTED // 10)
    for writer in writers:
        writer.start()
    assert eventually(lambda: all(len(writer.acknowledged) > 5 for writer in writers))
    [copied] = box.copy(box.folder("copies"), folders=[conversation])

    cut_off(mortal)

    with again(mortal) as risen:
        for writer in writers:
            writer.join()
            for url, text in writer.acknowledged.items():
                assert content(writer.box, url) == text
        copy = copied["success"]["resourceURL"]
        assert eventually(lambda: texts_in(box, copy) == CONVERSATION, 60)
        assert finished(importing).code == 0
        assert len(phone.objects()) == IMPORTED
        report = check(on_this_machine(risen.data))
        assert (list(report.findings), list(report.busy)) == ([], [])


def subject(text: str) -> Any:
    return {"attribute": [{"name": "Subject", "value": [text]}]}


def test_an_upload_that_was_cut_off_can_be_finished_where_it_stood(mortal: LocalStack) -> None:
    box, halves = BoxClient(mortal), (b"first half", b"second half")
    parts = [
        {
            "contentType": "text/plain",
            "size": len(half),
            "checksum": f"sha256:{b64encode(hashlib.sha256(half).digest()).decode()}",
        }
        for half in halves
    ]
    upload = box.post("/objects", {"object": {"payloadPart": parts}}).raise_for_status().json()["upload"]

    def put(number: int) -> int:
        part = upload["part"][number]
        return httpx.put(part["href"], content=halves[number], headers=part["headers"]).status_code

    freeze(mortal)  # so the event for the first half is still waiting
    assert put(0) == 200
    cut_off(mortal)

    with again(mortal):
        assert put(0) == 412
        assert put(1) == 200
        url = f"{box.base}/objects/{upload['objectId']}"
        found = eventually(lambda: (answer := box.get(url)).status_code == 200 and answer).json()["object"]
        bodies = [box.get(part["href"], follow_redirects=True).content for part in found["payloadPart"]]
        assert bodies == list(halves)


def test_a_put_that_was_cut_off_leaves_nothing(mortal: LocalStack) -> None:
    box = BoxClient(mortal)
    url = box.text_object("kept")
    [kept] = [path for path in (mortal.data / "s3").rglob("*") if path.is_file() and path.suffix != ".json"]
    half_written = kept.with_name("9")
    half_written.write_bytes(b"the bytes without what S3 knows of them")
    cut_off(mortal)

    with again(mortal):
        assert not half_written.exists()
        assert content(box, url) == "kept"


def test_a_record_that_was_not_handed_over_is_handed_over_afterwards(tmp_path: Path) -> None:
    with standin_stack(tmp_path) as stack:
        freeze(stack)
        row = {"box": {"S": "unheard"}, "item": {"S": "BOX"}}
        stack.aws("dynamodb").put_item(TableName=stack.name("Table"), Item=row)
        cut_off(stack)

    with standin_stack(tmp_path) as stack:
        assert eventually(lambda: '"unheard"' in (tmp_path / "notes").read_text())


def test_records_that_were_handed_over_are_not_kept(mortal: LocalStack) -> None:
    box = BoxClient(mortal)
    for _ in range(20):
        box.plain_object()

    streams = mortal.aws("dynamodbstreams")
    table = mortal.aws("dynamodb").describe_table(TableName=mortal.name("Table"))["Table"]
    shard = streams.describe_stream(StreamArn=table["LatestStreamArn"])["StreamDescription"]["Shards"][0]

    def kept() -> list[str]:
        start = streams.get_shard_iterator(
            StreamArn=table["LatestStreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        records = streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
        return [record["dynamodb"]["SequenceNumber"] for record in records]

    [last] = eventually(lambda: numbers if len(numbers := kept()) == 1 else [])
    box.plain_object()
    assert eventually(lambda: int(kept()[-1]) > int(last))


def test_a_row_whose_time_has_run_out_goes(mortal: LocalStack) -> None:
    dynamodb, table = mortal.aws("dynamodb"), mortal.name("Table")
    for name, expires in (("past", 1), ("future", 9_999_999_999)):
        row = {"box": {"S": name}, "item": {"S": "X"}, "expires": {"N": str(expires)}}
        dynamodb.put_item(TableName=table, Item=row)

    def there(name: str) -> bool:
        key = {"box": {"S": name}, "item": {"S": "X"}}
        return "Item" in dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)

    assert eventually(lambda: not there("past"))
    assert there("future")
