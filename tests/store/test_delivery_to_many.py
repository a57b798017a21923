"""Delivery to many: the network stores one object in many boxes, and its content once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import ALL, BoxClient, codes, fault, id_of, new_box
from tests.clients.delivering import Network, urls
from tests.clients.eventually import eventually
from tests.clients.following import listing, told
from tests.stack.behind import Behind

DATA = b"one for all"


@pytest.fixture
def network(stack: LocalStack) -> Iterator[Network]:
    network = Network(stack)
    yield network
    network.http.close()


def objects(client: BoxClient) -> list[dict[str, Any]]:
    return told(listing(client)[0], "changedObject")


def bytes_of(stack: LocalStack, content_key: str) -> list[str]:
    prefix = content_key.partition("~")[0]
    found = stack.aws("s3").list_objects_v2(Bucket=stack.name("ContentBucket"), Prefix=f"{prefix}/")
    return [each["Key"] for each in found.get("Contents", ())]


def test_each_box_gets_a_link_of_its_own_and_the_content_is_stored_once(
    stack: LocalStack, network: Network
) -> None:
    boxes = [new_box() for _ in range(3)]
    given = {"parentFolderPath": "/Default/tel:+99922223333", "flags": {"flag": ["\\Recent"]}}
    items = network.delivered(boxes, DATA, b"second part", given=given)
    assert codes(items) == [201] * 3
    keys = set()
    for box, url in zip(boxes, urls(items), strict=True):
        with BoxClient(stack, box) as client:
            assert url.startswith(f"{client.base}/objects/")
            [found] = objects(client)
            shown = client.get(url).json()["object"]
            assert shown["path"] == f"/Default/tel:+99922223333/{id_of(url)}"
            assert (found["resourceURL"], found["contentId"]) == (url, id_of(url))
            assert [part["size"] for part in shown["payloadPart"]] == [len(DATA), len(b"second part")]
            assert shown["flags"]["flag"] == ["\\Recent"]
            keys.add(Behind(stack, box).content_key(id_of(url)))
    stored = {name for key in keys for name in bytes_of(stack, key)}
    assert len(stored) == 2


@pytest.mark.whole
def test_every_box_reads_the_same_bytes(stack: LocalStack, network: Network) -> None:
    boxes = [new_box() for _ in range(20)]
    for box, url in zip(boxes, urls(network.delivered(boxes, DATA)), strict=True):
        with BoxClient(stack, box) as client:
            assert client.get(f"{url}/payload", follow_redirects=False).status_code == 307
            assert httpx.get(client.get(f"{url}/payload").headers["location"]).content == DATA


def test_without_a_path_it_is_stored_where_objects_are_stored_by_default(
    stack: LocalStack, network: Network
) -> None:
    box = new_box()
    [item] = network.delivered([box], given={"correlationTag": "no content"})
    with BoxClient(stack, box) as client:
        shown = client.get(item["success"]["resourceURL"]).json()["object"]
    assert shown["path"] == item["success"]["path"] == f"/RCSMessageStore/{id_of(shown['resourceURL'])}"
    assert "payloadPart" not in shown


def test_a_box_that_is_named_wrongly_fails_alone(stack: LocalStack, network: Network) -> None:
    good = new_box()
    wrong: list[Any] = ["", "a/b", "..", 7, None, ["x"], "acr:auth", "x" * 256]
    assert codes(network.delivered([*wrong, good], DATA)) == [(400, "SVC0002")] * len(wrong) + [201]
    assert codes(network.delivered(wrong, DATA)) == [(400, "SVC0002")] * len(wrong)


def test_a_box_that_is_named_twice_gets_one_object(stack: LocalStack, network: Network) -> None:
    box = new_box()
    first, second = network.delivered([box, box], DATA)
    assert first == second
    with BoxClient(stack, box) as client:
        assert len(objects(client)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"deliver": {"boxes": {"boxId": []}, "object": {}}},
        {"deliver": {"boxes": {"boxId": [new_box()] * 1001}, "object": {}}},
        {"deliver": {"boxes": {"boxId": "tel:+1"}, "object": {}}},
        {"deliver": {"boxes": {"boxId": ["tel:+1"]}}},
        {
            "deliver": {
                "boxes": {"boxId": ["tel:+1"]},
                "object": {"parentFolder": "http://x/nms/v1/main/b/f/b3"},
            }
        },
        {"deliver": {"boxes": {"boxId": ["tel:+1"]}, "object": {"parentFolderPath": "no path"}}},
        {"deliver": {"boxes": {"boxId": ["tel:+1"]}, "object": {"payloadPart": []}}},
        [],
    ],
)
def test_a_request_that_cannot_be_read_is_refused_whole(network: Network, body: Any) -> None:
    assert fault(network.http.post(network.url, json=body)) == (400, "SVC0002")


def test_it_speaks_json_alone(stack: LocalStack, network: Network) -> None:
    box = new_box()
    body = {"deliver": {"boxes": {"boxId": [box]}, "object": {}}}
    only_xml = network.http.post(network.url, json=body, headers={"accept": "application/xml"})
    assert only_xml.status_code == 406
    text = f"<deliver><boxes><boxId>{box}</boxId></boxes><object/></deliver>"
    sent = network.http.post(network.url, content=text, headers={"content-type": "application/xml"})
    assert sent.status_code in (400, 415)
    assert not Behind(stack, box).row(f"main#{box}", "BOX")


def test_where_nobody_may_store_the_network_may_not_either(network: Network) -> None:
    assert codes(network.delivered([new_box()], DATA, given={"parentFolderPath": "/"})) == [(403, "POL1031")]


@pytest.mark.parametrize("scope", [ALL, "oma_rest_nms.create", "oma_rest_nms.modify"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_only_the_network_may_deliver(stack: LocalStack, scope: str, method: str) -> None:
    box = new_box()
    body = {"deliver": {"boxes": {"boxId": [box]}, "object": {}}}
    headers = {"authorization": f"Bearer {stack.token(box, scope)}"}
    url = f"{stack.url}/nms/v1/main/operations/deliver"
    assert fault(httpx.request(method, url, headers=headers, json=body)) == (403, "POL0001")
    assert httpx.request(method, url, json=body).status_code == 401
    assert not Behind(stack, box).row(f"main#{box}", "BOX")


def test_another_store_or_another_method_is_refused(network: Network) -> None:
    other = network.url.replace("/main/", "/other/")
    assert fault(network.http.post(other, json={})) == (403, "POL0001")
    answer = network.http.get(network.url)
    assert fault(answer) == (405, "SVC0002")
    assert answer.headers["allow"] == "POST"
    assert fault(network.http.post(f"{network.url}/more", json={})) in [(403, "POL0001"), (404, "SVC0004")]


def test_a_form_that_is_too_large_is_refused(network: Network) -> None:
    assert fault(network.deliver([new_box()], b"x" * 4_000_001)) == (413, "POL0001")


def test_content_stays_until_the_last_box_lets_go_of_it(stack: LocalStack, network: Network) -> None:
    boxes = [new_box() for _ in range(3)]
    made = urls(network.delivered(boxes, DATA))
    behind = [Behind(stack, box) for box in boxes]
    keys = [one.content_key(id_of(url)) for one, url in zip(behind, made, strict=True)]
    with BoxClient(stack, boxes[0]) as client:
        [copy] = client.copy(client.folder("kept"), objects=[made[0]])
    for box, url, n in zip(boxes, made, range(3), strict=True):
        with BoxClient(stack, box) as client:
            assert client.delete(url).status_code == 204
        assert bytes_of(stack, keys[n])  # the first box still has its copy
    with BoxClient(stack, boxes[0]) as client:
        assert client.get(copy["success"]["resourceURL"]).status_code == 200
        client.delete(copy["success"]["resourceURL"])


@pytest.mark.whole
def test_when_all_boxes_delete_it_at_once_the_content_goes(stack: LocalStack, network: Network) -> None:
    boxes = [new_box() for _ in range(30)]
    made = urls(network.delivered(boxes, DATA))
    keys = [Behind(stack, b).content_key(id_of(url)) for b, url in zip(boxes, made, strict=True)]
    stored = bytes_of(stack, keys[0])
    assert len(stored) == 1

    def delete(box: str, url: str) -> int:
        with BoxClient(stack, box) as client:
            return client.delete(url).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(delete, boxes[1:], made[1:])) == {204}
    partition = f"C#{keys[0].partition('~')[0]}"
    behind = Behind(stack, boxes[0])
    assert eventually(lambda: [row["item"]["S"] for row in behind.rows(partition, "")] == ["CONTENT#0"])
    with BoxClient(stack, boxes[0]) as client:
        assert httpx.get(client.get(f"{made[0]}/payload").headers["location"]).content == DATA
        client.delete(made[0])
    assert eventually(lambda: not bytes_of(stack, keys[0]))
    assert eventually(lambda: not list(behind.rows(partition, "")))
