"""Content lives as long as a link to it, and no longer."""

import threading
from typing import Any

import httpx
import pytest
from box_client import STORE, BoxClient, codes
from eventually import eventually
from test_payloads import DATA, announced, begin, put

from infra.local.stack import LocalStack


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
    assert gone(marker)  # whatever the first deletion set off came before
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
    target = client.folder("target")
    with BoxClient(stack, client.box) as second:
        for n in range(15):
            source = client.text_object(f"content {n}")
            href = address(client, source)
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
            assert gone(href)


def test_an_upload_into_a_deleted_message_is_not_kept(client: BoxClient) -> None:
    upload = begin(client, announced(), announced(b"x"))
    first, second = upload["part"]
    assert put(first) == put(second, b"x") == 200
    assert eventually(lambda: client.get(upload["resourceURL"]).status_code == 200)
    href = client.get(f"{upload['resourceURL']}/payloadParts/1").headers["location"]
    assert httpx.get(href).content == DATA
    client.delete(upload["resourceURL"])
    assert gone(href)


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
