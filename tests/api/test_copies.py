"""copyToFolder and moveToFolder (NMS): a copy is a link, and a move keeps the object as it was."""

from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import NETWORK, STORE, BoxClient, codes, fault, id_of, transfer
from tests.clients.eventually import eventually
from tests.clients.following import listing

VERBS = ["copy", "move"]


@pytest.fixture
def network(stack: LocalStack, client: BoxClient) -> Any:
    with BoxClient(stack, client.box, NETWORK) as network:
        yield network


def object_(client: BoxClient, url: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(url).raise_for_status().json()["object"]
    return found


def listed(client: BoxClient, folder: str) -> list[str]:
    asked = {"listFilter": "Objects", "maxEntries": 1000}
    found = client.get(folder, params=asked).json()["folder"]["objects"]["objectReference"]
    return [reference["resourceURL"] for reference in found]


def tree(client: BoxClient, folder: str) -> Any:
    """Everything below a folder, as names and correlation tags."""
    return _below(listing(client)[0], folder)


def _below(events: list[Any], folder: str) -> Any:
    folders = [event["changedFolder"] for event in events if "changedFolder" in event]
    objects = [event["changedObject"] for event in events if "changedObject" in event]
    return (
        sorted(
            (below["name"], _below(events, below["resourceURL"]))
            for below in folders
            if below.get("parentFolder") == folder
        ),
        sorted(held["correlationTag"] for held in objects if held["parentFolder"] == folder),
    )


def snapshot(client: BoxClient) -> str:
    return str(client.get("/changes", params={"maxEntries": 1000}).json()["nmsEventList"]["nmsEvent"])


@pytest.mark.nms(
    "POST /folders/operations/copyToFolder",
    "A copy has a new objectId and all else of its source, which does not change",
)
def test_a_copy_is_a_new_object_with_the_same_content(client: BoxClient) -> None:
    source = client.text_object(
        "content",
        correlationTag="tag",
        correlationId="id",
        flags={"flag": ["\\Seen"]},
        attributes={"attribute": [{"name": "Date", "value": ["2020-01-01T00:00:00Z"]}]},
    )
    before = object_(client, source)
    (item,) = client.copy(client.folder("target"), objects=[source])
    copy = object_(client, item["success"]["resourceURL"])
    assert copy["resourceURL"] != source
    assert copy["lastModSeq"] > before["lastModSeq"]
    for name in ("contentId", "correlationTag", "correlationId", "attributes"):
        assert copy[name] == before[name]
    assert copy["flags"]["flag"] == ["\\Seen"]
    assert copy["payloadPart"][0]["checksum"] == before["payloadPart"][0]["checksum"]
    assert object_(client, source) == before


@pytest.mark.nms(
    "POST /folders/operations/copyToFolder", "After the copy, the flags of copy and source are independent"
)
def test_a_copys_flags_are_its_own(client: BoxClient) -> None:
    source = client.text_object()
    (item,) = client.copy(client.folder_at(STORE), objects=[source])
    client.put(f"{item['success']['resourceURL']}/flags/%5CSeen")
    assert object_(client, source)["flags"]["flag"] == []


@pytest.mark.nms("POST /folders/operations/copyToFolder")
@pytest.mark.whole
def test_a_copy_outlives_its_source(client: BoxClient) -> None:
    source = client.text_object("still here")
    (item,) = client.copy(client.folder("target"), objects=[source])
    client.delete(source)
    copy = object_(client, item["success"]["resourceURL"])
    location = client.get(copy["payloadURL"]).headers["location"]
    assert client.http.get(location, headers={"authorization": ""}).text == "still here"


def test_the_same_source_sixty_times_is_sixty_copies(client: BoxClient) -> None:
    source, target = client.text_object(), client.folder("target")
    items = client.copy(target, objects=[source] * 60)
    assert codes(items) == [200] * 60
    assert sorted(listed(client, target)) == sorted({item["success"]["resourceURL"] for item in items})


def test_large_objects_are_copied_however_many_fit_one_transaction(client: BoxClient) -> None:
    values = [{"name": f"a{n}", "value": ["é" * 14_000]} for n in range(10)]
    source = client.plain_object(attributes={"attribute": values})
    assert codes(client.copy(client.folder_at(STORE), objects=[source] * 20)) == [200] * 20


@pytest.mark.nms("objectId, folderId", "An id does not depend on where a thing is")
@pytest.mark.nms("POST /folders/operations/moveToFolder", "A move keeps the id and everything but the folder")
def test_a_move_keeps_the_id_and_all_but_the_folder(client: BoxClient) -> None:
    source, target = client.text_object("x", flags={"flag": ["\\Seen"]}), client.folder("target")
    before = object_(client, source)
    assert client.move(target, objects=[source])[0]["success"]["resourceURL"] == source
    after = object_(client, source)
    assert after["parentFolder"] == target
    assert after["lastModSeq"] > before["lastModSeq"]
    changed = {"parentFolder", "lastModSeq", "path"}
    assert {k: v for k, v in after.items() if k not in changed} == {
        k: v for k, v in before.items() if k not in changed
    }
    assert source not in listed(client, client.folder_at(STORE))


@pytest.mark.nms("POST /folders/operations/moveToFolder")
def test_a_move_to_where_it_is_changes_nothing(client: BoxClient) -> None:
    source, folder = client.text_object(), client.folder("folder")
    before = snapshot(client)
    assert codes(client.move(client.folder_at(STORE), objects=[source], folders=[folder])) == [200, 200]
    assert snapshot(client) == before


@pytest.mark.nms(
    "POST /folders/operations/copyToFolder", "A bad source costs its own item alone: 400 SVC0002"
)
@pytest.mark.nms(
    "targetSourceRef", "Folders and objects are named by references; folders come first in the answer"
)
@pytest.mark.nms(
    "bulkResponseList", "A code for each item, in order; success has a reference, failure a fault"
)
@pytest.mark.parametrize("verb", VERBS)
def test_each_bad_source_fails_alone(stack: LocalStack, client: BoxClient, verb: str) -> None:
    folder, good = client.folder("folder"), client.text_object()
    gone = client.text_object()
    client.delete(gone)
    with BoxClient(stack) as other:
        foreign = other.text_object()
    own = f"/nms/v1/main/acr:auth/objects/{id_of(good)}"
    objects = [foreign, gone, "nonsense", "", folder, f"{client.base}/objects/zz9", own]
    missing = f"{client.base}/folders/zz9"
    items = client.transfer(verb, client.folder("target"), objects, [missing, folder])
    assert codes(items) == [(400, "SVC0002"), 200, *[(400, "SVC0002")] * 6, 200]


@pytest.mark.nms(
    "POST /folders/operations/copyToFolder",
    "A bad target fails the whole request; a system folder as a target is a 403 POL1031",
)
@pytest.mark.nms("POST /folders/operations/moveToFolder")
@pytest.mark.nms("POL1031", "Copying or moving into a system folder is a 403")
@pytest.mark.parametrize("verb", VERBS)
def test_a_bad_target_fails_the_whole_request(stack: LocalStack, client: BoxClient, verb: str) -> None:
    source = client.text_object()
    with BoxClient(stack) as other:
        foreign = other.folder("theirs")
    before = snapshot(client)
    for target, refusal in [
        (foreign, (400, "SVC0002")),
        (source, (400, "SVC0002")),
        (f"{client.base}/folders/zz9", (400, "SVC0002")),
        (client.folder_at("/"), (403, "POL1031")),
        (client.folder_at("/Default"), (403, "POL1031")),
    ]:
        answer = client.post(f"/folders/operations/{verb}ToFolder", transfer(target, [source], []))
        assert fault(answer) == refusal
    assert snapshot(client) == before


@pytest.mark.nms("targetSourceRef")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("many", [0, 1001])
def test_a_request_names_one_to_a_thousand_sources(client: BoxClient, verb: str, many: int) -> None:
    asked = transfer(client.folder_at(STORE), [client.plain_object()] * many, [])
    assert fault(client.post(f"/folders/operations/{verb}ToFolder", asked)) == (400, "SVC0002")


@pytest.mark.nms("POST /folders/operations/copyToFolder")
@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_never_goes_into_itself_or_below(client: BoxClient, verb: str) -> None:
    top = client.folder("top")
    middle = client.folder("middle", parent=top)
    deep = client.folder("deep", parent=middle)
    before = snapshot(client)
    for target in (top, middle, deep):
        assert codes(client.transfer(verb, target, [], [top])) == [(400, "SVC0002")]
    assert snapshot(client) == before


@pytest.mark.parametrize("verb", VERBS)
def test_system_folders_are_neither_copied_nor_moved(client: BoxClient, verb: str) -> None:
    target = client.folder("target")
    sources = [client.folder_at(path) for path in ("/", "/Default", STORE)]
    assert codes(client.transfer(verb, target, [], sources)) == [(403, "POL0001")] * 3


@pytest.mark.parametrize("verb", VERBS)
def test_a_name_taken_in_the_target_fails_that_folder_alone(client: BoxClient, verb: str) -> None:
    target = client.folder("target")
    client.folder("same", parent=target)
    sources = [client.folder("same"), client.folder("other")]
    assert codes(client.transfer(verb, target, [], sources)) == [(409, "SVC0002"), 200]


@pytest.mark.nms(
    "POST /folders/operations/moveToFolder", "Objects of a conversation are not moved singly: 403 POL0001"
)
@pytest.mark.nms("/Default", "A conversation's objects may be copied to a user's folder")
def test_a_conversations_messages_are_copied_out_but_move_only_with_it(
    client: BoxClient, network: BoxClient
) -> None:
    conversation = network.folder("conversation", parent="/Default")
    message, target = network.text_object(parent=conversation), client.folder("target")
    assert codes(client.move(target, objects=[message])) == [(403, "POL0001")]
    assert codes(client.copy(target, objects=[message])) == [200]
    assert codes(client.move(target, folders=[conversation])) == [200]
    assert client.folder_at(f"{STORE}/target/conversation") == conversation
    assert object_(client, message)["path"] == f"{STORE}/target/conversation/{id_of(message)}"


@pytest.mark.nms(
    "POST /folders/operations/copyToFolder",
    "A folder is copied with all below it; the answer names the folder alone",
)
@pytest.mark.whole
def test_a_folder_is_copied_with_all_below_it(client: BoxClient) -> None:
    source = client.folder("source")
    for n in range(3):
        below = client.folder(f"b{n}", parent=source)
        seed = client.plain_object(below, correlationTag=f"seed {n}")
        client.copy(below, objects=[seed] * 45)
    client.copy(source, objects=[client.plain_object(source, correlationTag="top")] * 90)
    (item,) = client.copy(client.folder("target"), folders=[source])
    copy = item["success"]["resourceURL"]
    whole = tree(client, source)
    assert eventually(lambda: tree(client, copy) == whole)
    assert tree(client, source) == whole


@pytest.mark.nms(
    "POST /folders/operations/moveToFolder", "A folder is moved with all below it, which does not change"
)
def test_a_moved_tree_is_found_at_its_new_path_at_once(client: BoxClient) -> None:
    top = client.folder("top")
    middle = client.folder("middle", parent=top)
    held = client.plain_object(client.folder("deep", parent=middle))
    seq = object_(client, held)["lastModSeq"]
    other = client.folder("other", parent=client.folder("elsewhere"))
    client.move(other, folders=[top])
    client.move(client.folder_at(f"{STORE}/elsewhere"), folders=[middle])
    path = f"{STORE}/elsewhere/middle/deep/{id_of(held)}"
    assert object_(client, held)["path"] == path
    assert object_(client, held)["lastModSeq"] == seq
    assert codes(client.move(client.folder_at(f"{STORE}/elsewhere/middle/deep"), folders=[middle])) == [
        (400, "SVC0002")
    ]


@pytest.mark.nms("DELETE /folders/{folderId}", "204; all that is below goes with the folder")
@pytest.mark.whole
def test_a_deleted_folder_takes_all_below_out_of_sight_at_once(client: BoxClient) -> None:
    top = client.folder("top")
    deep = client.folder("deep", parent=client.folder("middle", parent=top))
    held = client.text_object(parent=deep)
    client.copy(deep, objects=[held] * 600)
    assert client.delete(top).status_code == 204
    for url in (top, deep, held, f"{held}/flags"):
        assert fault(client.get(url)) == (404, "SVC0004")
    assert fault(client.post("/folders", {"folder": {"parentFolder": deep, "name": "x"}})) == (400, "SVC0002")
    assert (
        codes(client.copy(client.folder_at(STORE), objects=[held], folders=[deep])) == [(400, "SVC0002")] * 2
    )
    assert held not in snapshot(client)
