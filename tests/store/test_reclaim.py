"""Content is kept as long as a link points to it, and no longer."""

import threading
from datetime import timedelta
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from botocore.awsrequest import AWSResponse

from infra.local.stack import LocalStack
from onecopy.domain.content import ContentKey
from onecopy.store.box.contents import Contents
from onecopy.store.commit import table
from onecopy.store.commit.kinds import ContentRow
from onecopy.store.reclaim import reclaim
from tests.clients.box_client import STORE, BoxClient, codes, fault, id_of
from tests.clients.eventually import eventually
from tests.clients.following import now, since
from tests.clients.uploading import DATA, announced, appeared, begin, object_url, put
from tests.stack.at_table import Call, answering, store_of
from tests.stack.behind import Behind

pytestmark = pytest.mark.whole


@pytest.fixture
def client(stack: LocalStack) -> Any:
    with BoxClient(stack) as client:
        yield client


def address(client: BoxClient, url: str) -> str:
    location: str = client.get(f"{url}/payload").headers["location"]
    return location


def gone(href: str) -> bool:
    return bool(eventually(lambda: httpx.get(href).status_code in (403, 404)))


def test_content_goes_with_its_last_link_and_not_before(client: BoxClient) -> None:
    first = client.text_object("content")
    href = address(client, first)
    (item,) = client.copy(client.folder("elsewhere"), objects=[first])
    copy = item["success"]["resourceURL"]
    client.delete(first)
    other = client.text_object("marker")
    marker = address(client, other)
    client.delete(other)
    assert gone(marker)  # by now, anything that the first deletion started is done
    assert httpx.get(href).text == "content"
    client.delete(copy)
    assert gone(href)


def test_a_folders_content_goes_with_it(client: BoxClient) -> None:
    folder = client.folder("folder")
    deep = client.folder("deep", parent=folder)
    hrefs = [address(client, client.text_object(str(n), parent=deep)) for n in range(3)]
    client.delete(folder)
    assert all(gone(href) for href in hrefs)


def test_a_copy_and_the_last_deletion_at_once_leave_a_whole_message_or_none(
    stack: LocalStack, client: BoxClient
) -> None:
    target, hrefs = client.folder("target"), []
    with BoxClient(stack, client.box) as second:
        for n in range(20):
            source = client.text_object(f"content {n}")
            hrefs.append(address(client, source))
            copied: list[Any] = []
            copying = threading.Thread(
                target=lambda s=source, c=copied: c.extend(second.copy(target, objects=[s]))
            )
            copying.start()
            assert client.delete(source).status_code == 204
            copying.join()
            if codes(copied) == [200]:
                url = copied[0]["success"]["resourceURL"]
                assert httpx.get(address(client, url)).text == f"content {n}"
                client.delete(url)
            else:
                assert codes(copied) == [(400, "SVC0002")]
    assert all(gone(href) for href in hrefs)


def test_uploaded_content_goes_part_by_part_with_its_message(client: BoxClient) -> None:
    upload = begin(client, announced(), announced(b"x"))
    first, second = upload["part"]
    assert put(first) == put(second, b"x") == 200
    appeared(client, url := object_url(client, upload))
    hrefs = [client.get(f"{url}/payloadParts/{n}").headers["location"] for n in (1, 2)]
    assert [httpx.get(href).content for href in hrefs] == [DATA, b"x"]
    client.delete(url)
    assert all(gone(href) for href in hrefs)


def test_an_upload_that_never_became_whole_is_swept_away(stack: LocalStack, client: BoxClient) -> None:
    token = now(client)
    upload = begin(client, announced(), announced(b"x"))
    first, second = upload["part"]
    assert put(first) == 200
    content_key = urlsplit(first["href"]).path.split("/", 2)[2].rpartition("/")[0]
    behind = Behind(stack, client.box)
    assert eventually(lambda: "arrived" in behind.row(f"C#{content_key}", "UPLOAD"))
    waiting = behind.row(f"C#{content_key}", "UPLOAD")
    behind.put({**waiting, "due": {"S": "2026-01-01T00:00:00.000000Z"}})  # as if a day had gone by
    assert eventually(lambda: not behind.row(f"C#{content_key}", "UPLOAD"), 100)
    assert behind.is_away(content_key)
    assert put(second, b"x") == 200  # it began in time, but ended too late
    assert eventually(lambda: behind.is_away(content_key), 100)
    assert fault(client.get(object_url(client, upload))) == (404, "SVC0004")
    assert since(client, token) == []


def bucket_of(stack: LocalStack) -> Contents:
    return Contents(stack.aws("s3"), stack.name("ContentBucket"), timedelta(minutes=1))


def test_content_that_a_link_points_to_stays_whoever_asks_to_reclaim_it(
    stack: LocalStack, client: BoxClient
) -> None:
    url = client.text_object("kept")
    behind = Behind(stack, client.box)
    key = behind.content_key(id_of(url))
    assert not reclaim(store_of(stack), bucket_of(stack), ContentKey(key))
    assert httpx.get(address(client, url)).text == "kept"
    assert behind.links(key) == 1


@pytest.mark.parametrize("gone_meanwhile", [False, True], ids=["alone", "twice at once"])
def test_a_reclaim_writes_one_row_on_condition_and_no_other(
    standins: LocalStack, gone_meanwhile: bool
) -> None:
    """So a reclaim blocks no other write, and no other write blocks it."""
    store, bucket = store_of(standins), bucket_of(standins)
    key = ContentKey(f"inline/{token_hex(16)}")
    row = ContentRow(box=f"C#{key}", item="CONTENT", owner="main#nobody", links=0, sizes=[1, 1])
    row.save()
    for number in (1, 2):
        bucket.client.put_object(Bucket=bucket.bucket, Key=f"{key}/{number}", Body=b"x")
    asked: list[str] = []

    def counted(operation: str, call: Call) -> AWSResponse:
        if operation:  # S3's calls have no operation
            asked.append(operation)
        if gone_meanwhile and operation == "DeleteItem":
            call()
        return call()

    with answering(counted):
        assert reclaim(store, bucket, key)
    assert asked == ["GetItem", "DeleteItem"]
    assert bucket.sizes(key) == {}
    assert not table.get(ContentRow, row.box, row.item)
    assert reclaim(store, bucket, key)


def test_a_refused_message_leaves_no_content_behind(stack: LocalStack, client: BoxClient) -> None:
    s3, bucket = stack.aws("s3"), stack.name("ContentBucket")

    def everything() -> set[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {item["Key"] for page in pages for item in page.get("Contents", ())}

    client.folder_at(STORE)
    before = everything()
    for parent in ("/Default/x", "/"):
        assert client.create({"parentFolderPath": parent}, "refused").status_code == 403
    assert eventually(lambda: everything() <= before, 100)  # a deployed sweep comes every minute
