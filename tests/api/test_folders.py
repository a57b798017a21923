"""Folders over HTTP: create, list, rename, delete, find by path (NMS)."""

from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import NETWORK, STORE, BoxClient, codes, fault, id_of

NAMES = ["x" * 255, "日本語", "a b", "%41", "a+b", "é", "e\u0301", "-", "😀" * 100, "operations", "A", "a"]
BAD_NAMES = ["", "x" * 256, ".", "..", "a/b", "a\x00b", "a\nb", "\x7f", "\x85", 5, ["a"]]


def folder_(client: BoxClient, url: str, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get(url, params=query).raise_for_status().json()["folder"]
    return found


def attributes(client: BoxClient, url: str, *names: str) -> dict[str, list[str]]:
    found = folder_(client, url, attrFilter=list(names))["attributes"]["attribute"]
    return {attribute["name"]: attribute["value"] for attribute in found}


def changes(client: BoxClient) -> list[str]:
    events = client.get("/changes", params={"maxEntries": 1000}).json()["nmsEventList"]["nmsEvent"]
    return [str(event) for event in events]


@pytest.mark.nms("folder", "The root has no parentFolder")
@pytest.mark.nms("root", "The root's name is empty; in it are /Default and /RCSMessageStore")
def test_a_new_box_has_a_root_and_two_system_folders(client: BoxClient) -> None:
    root = folder_(client, client.folder_at("/"), listFilter="Subfolders")
    assert "parentFolder" not in root
    assert root["name"] == ""
    below = [reference["resourceURL"] for reference in root["subFolders"]["folderReference"]]
    assert sorted(below) == sorted([client.folder_at("/Default"), client.folder_at(STORE)])


@pytest.mark.nms("path", "Any other name is taken as given")
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_taken_as_given(client: BoxClient, name: str) -> None:
    made = client.folder(name)
    folder = folder_(client, made, path="Yes")
    assert (folder["name"], folder["path"]) == (name, f"{STORE}/{name}")
    assert folder["parentFolder"] == client.folder_at(STORE)
    assert client.folder_at(f"{STORE}/{name}") == made


@pytest.mark.nms("path", "A folder's name has no slash, and is no empty or endless text")
@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_a_bad_name_is_refused_and_nothing_changes(client: BoxClient, name: Any) -> None:
    victim = client.folder("as it was")
    before = changes(client)
    body = {"folder": {"parentFolderPath": STORE, "name": name}}
    assert fault(client.post("/folders", body)) == (400, "SVC0002")
    assert fault(client.put(f"{victim}/folderName", {"name": name})) == (400, "SVC0002")
    assert changes(client) == before


@pytest.mark.nms("path", "A folder's name is unique among its siblings")
@pytest.mark.nms(
    "PUT /folders/{folderId}/folderName", "A name that a sibling has is refused with 409 SVC0002"
)
def test_a_name_is_taken_once_among_siblings(client: BoxClient) -> None:
    first, second = client.folder("first"), client.folder("second")
    client.folder("first", parent=first)
    body = {"folder": {"parentFolderPath": STORE, "name": "first"}}
    assert fault(client.post("/folders", body)) == (409, "SVC0002")
    assert fault(client.put(f"{second}/folderName", {"name": "first"})) == (409, "SVC0002")
    assert client.put(f"{first}/folderName", {"name": "first"}).status_code == 200


def test_a_freed_name_may_be_taken_again(client: BoxClient) -> None:
    old = client.folder("name")
    assert client.delete(old).status_code == 204
    assert client.folder("name") != old
    assert fault(client.get(old)) == (404, "SVC0004")
    assert fault(client.delete(old)) == (404, "SVC0004")


@pytest.mark.nms("POST /folders", "201 with Location and a reference")
def test_the_answer_to_a_new_folder_leads_to_it(client: BoxClient) -> None:
    answer = client.post("/folders", {"folder": {"parentFolderPath": STORE, "name": "new"}})
    url = client.folder_at(f"{STORE}/new")
    assert (answer.status_code, answer.headers["location"]) == (201, url)
    assert answer.json() == {"reference": {"resourceURL": url, "path": f"{STORE}/new"}}


@pytest.mark.nms("POST /folders")
def test_a_folder_without_a_name_gets_one(client: BoxClient) -> None:
    assert client.get(client.folder()).json()["folder"]["name"]


@pytest.mark.nms("POST /folders", "parentFolder or parentFolderPath is a must, and has to exist")
@pytest.mark.nms("SVC0002", "A bad or missing parent path is a 400")
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": "no parent"},
        {"name": "both", "parentFolder": "/folders/a3", "parentFolderPath": STORE},
        {"name": "x", "parentFolderPath": "RCSMessageStore"},
        {"name": "x", "parentFolderPath": "/nowhere"},
        {"name": "x", "parentFolder": "http://elsewhere/folders/a3"},
        {"name": "x", "parentFolder": 3},
        {"name": "x", "parentFolderPath": STORE, "attributes": {"attribute": "x"}},
    ],
)
def test_a_folder_wants_one_parent_that_is_there(client: BoxClient, given: Any) -> None:
    before = changes(client)
    assert fault(client.post("/folders", {"folder": given})) == (400, "SVC0002")
    assert changes(client) == before


@pytest.mark.nms("GET /folders/{folderId}/folderName", "The name of the folder")
@pytest.mark.nms(
    "PUT /folders/{folderId}/folderName", "200 with the new name; the paths of all below change with it"
)
def test_a_rename_moves_the_path_of_all_below_and_changes_only_the_folder(client: BoxClient) -> None:
    folder = client.folder("before")
    below = client.folder("below", parent=folder)
    held = client.plain_object(parent=below)
    seq = client.get(below).json()["folder"]["lastModSeq"]
    assert client.put(f"{folder}/folderName", {"name": "after"}).json() == {"name": "after"}
    assert client.get(f"{folder}/folderName").json() == {"name": "after"}
    assert folder_(client, below, path="yes")["path"] == f"{STORE}/after/below"
    assert client.get(below).json()["folder"]["lastModSeq"] == seq
    path = f"{STORE}/after/below/{id_of(held)}"
    assert client.get("/objects/operations/pathToId", params={"path": path}).json() == {
        "reference": {"resourceURL": held, "path": path}
    }


@pytest.mark.nms(
    "DELETE /folders/{folderId}", "The root and the system folders cannot be deleted: 403 POL0001"
)
@pytest.mark.nms("POL1030", "The root and the system folders cannot be renamed: 403")
def test_the_root_and_the_system_folders_stay_what_they_are(stack: LocalStack, client: BoxClient) -> None:
    before = changes(client)
    for path in ("/", "/Default", STORE):
        folder = client.folder_at(path)
        with BoxClient(stack, client.box, NETWORK) as network:
            for caller in (client, network):
                assert fault(caller.put(f"{folder}/folderName", {"name": "x"})) == (403, "POL1030")
                assert fault(caller.delete(folder)) == (403, "POL0001")
    assert changes(client) == before


@pytest.mark.nms("POL1031", "Creating in a system folder is a 403")
@pytest.mark.nms("/Default", "Only the network stores in /Default")
def test_only_the_network_makes_folders_beside_the_users_own(stack: LocalStack, client: BoxClient) -> None:
    for parent in ("/", "/Default"):
        refused = client.post("/folders", {"folder": {"parentFolderPath": parent, "name": "x"}})
        assert fault(refused) == (403, "POL1031")
    with BoxClient(stack, client.box, NETWORK) as network:
        conversation = network.folder("conversation", parent="/Default")
    refused = client.post("/folders", {"folder": {"parentFolder": conversation, "name": "x"}})
    assert fault(refused) == (403, "POL1031")


@pytest.mark.whole
def test_folders_lie_at_most_32_deep(client: BoxClient) -> None:
    path = STORE
    for level in range(31):
        client.folder(str(level), parent=path)
        path += f"/{level}"
    assert fault(client.post("/folders", {"folder": {"parentFolderPath": path, "name": "x"}}))[0] == 400


@pytest.fixture
def filled(client: BoxClient) -> tuple[str, list[str], list[str]]:
    """A folder, its subfolders, and its objects by ascending date, which is not the order they came in."""
    folder = client.folder("filled")
    subfolders = [client.folder(f"s{n}", parent=folder) for n in range(4)]
    objects = [
        client.plain_object(folder, attributes={"attribute": [{"name": "Date", "value": [date]}]})
        for date in ("2020-05-02T00:00:00Z", "2020-05-01T23:00:00+00:00", "2020-05-02T00:30:00+01:00")
    ]
    return folder, subfolders, [objects[1], objects[2], objects[0]]


LISTS = {"Subfolders": {"subFolders"}, "Objects": {"objects"}, "All": {"subFolders", "objects"}}


@pytest.mark.nms(
    "GET /folders/{folderId}",
    "listFilter chooses subFolders, objects or both, in pages of maxEntries, from cursor to cursor",
)
@pytest.mark.nms("folder", "subFolders and objects hold references")
@pytest.mark.parametrize("page", [1, 2, 3, 7, 1000, 5000])
@pytest.mark.parametrize("kind", ["Subfolders", "Objects", "All"])
def test_a_folder_lists_its_subfolders_and_then_its_objects_by_date(
    client: BoxClient, filled: tuple[str, list[str], list[str]], page: int, kind: str
) -> None:
    folder, subfolders, objects = filled
    found: list[str] = []
    query: dict[str, Any] = {"listFilter": kind, "maxEntries": page}
    while True:
        listed = client.get(folder, params=query).json()["folder"]
        assert listed.keys() & LISTS["All"] == LISTS[kind]
        references = listed.get("subFolders", {}).get("folderReference", [])
        references += listed.get("objects", {}).get("objectReference", [])
        assert all(reference.keys() == {"resourceURL"} for reference in references)
        assert len(references) <= page
        found += [reference["resourceURL"] for reference in references]
        if "cursor" not in listed:
            break
        query["fromCursor"] = listed["cursor"]
    assert found == {"Subfolders": subfolders, "Objects": objects, "All": subfolders + objects}[kind]


@pytest.mark.nms("GET /folders/{folderId}")
@pytest.mark.parametrize(
    "query",
    [
        {"listFilter": "Everything"},
        {"listFilter": ""},
        {"maxEntries": "0"},
        {"maxEntries": "-1"},
        {"maxEntries": "1.5"},
        {"maxEntries": "many"},
        {"maxEntries": ""},
        {"fromCursor": "nonsense"},
        {"fromCursor": ""},
    ],
)
def test_a_listing_asked_for_wrongly_is_refused(client: BoxClient, query: dict[str, str]) -> None:
    asked = {"listFilter": "All", **query}
    assert fault(client.get(client.folder_at(STORE), params=asked)) == (400, "SVC0002")


@pytest.mark.nms(
    "GET /folders/{folderId}",
    "Without listFilter there are neither lists nor a cursor, and maxEntries counts nothing",
)
@pytest.mark.parametrize("query", [{}, {"maxEntries": "none"}, {"fromCursor": "x", "path": "No"}])
def test_without_a_filter_nothing_is_listed_and_no_page_asked_for(
    client: BoxClient, filled: tuple[str, list[str], list[str]], query: dict[str, str]
) -> None:
    listed = folder_(client, filled[0], **query)
    assert not listed.keys() & {"subFolders", "objects", "cursor", "path"}


@pytest.mark.nms("GET /folders/{folderId}", "Paths come with path=Yes only")
@pytest.mark.nms("reference", "A reference has a resourceURL, and a path where it was asked for")
def test_references_have_paths_when_these_are_asked_for(
    client: BoxClient, filled: tuple[str, list[str], list[str]]
) -> None:
    listed = folder_(client, filled[0], listFilter="All", path="Yes")
    path = f"{STORE}/filled"
    subfolders = [reference["path"] for reference in listed["subFolders"]["folderReference"]]
    objects = [reference["path"] for reference in listed["objects"]["objectReference"]]
    assert (listed["path"], subfolders) == (path, [f"{path}/s{n}" for n in range(4)])
    assert objects == [f"{path}/{id_of(url)}" for url in filled[2]]
    root = folder_(client, client.folder_at("/"), listFilter="Subfolders", path="YES")
    below = [reference["path"] for reference in root["subFolders"]["folderReference"]]
    assert (root["path"], below) == ("/", ["/Default", STORE])


@pytest.mark.nms(
    "GET /folders/{folderId}", "attrFilter asks for the costly attributes; without it none of them comes"
)
@pytest.mark.nms("attributes of folders", "MsgCount, UnreadMsgCount and Size")
def test_costly_attributes_come_when_they_are_asked_for(
    client: BoxClient, filled: tuple[str, list[str], list[str]]
) -> None:
    folder, _, objects = filled
    client.put(f"{objects[0]}/flags/%5CSeen")
    client.text_object("four", parent=folder)
    assert folder_(client, folder)["attributes"] == {"attribute": []}
    counts = attributes(client, folder, "msgcount", "UnreadMsgCount", "Size", "Other")
    assert counts == {"MsgCount": ["4"], "UnreadMsgCount": ["3"], "Size": ["4"]}


@pytest.mark.nms("attributes of folders", "Name, Date and Root")
def test_a_folder_tells_its_name_its_date_and_that_it_is_the_root(client: BoxClient) -> None:
    date = {"name": "Date", "value": ["2020-05-01T00:00:00Z"]}
    folder = client.folder("named", attributes={"attribute": [date, {"name": "Colour", "value": ["red"]}]})
    assert attributes(client, folder, "Name", "date", "Root") == {"Name": ["named"], "Date": date["value"]}
    assert attributes(client, client.folder_at("/"), "Root,Name") == {"Root": ["Yes"], "Name": [""]}


@pytest.mark.nms("attributes of folders", "SubtreeMsgCount, SubtreeUnreadMsgCount and SubtreeSize")
@pytest.mark.whole
@pytest.mark.parametrize("width", [2, 30])
def test_the_counts_of_a_subtree_are_of_all_below_a_folder_but_what_is_deleted(
    client: BoxClient, width: int
) -> None:
    """With few folders and with many: one was moved here, one deleted, and one lies outside the subtree."""
    top, elsewhere = client.folder("top"), client.folder("elsewhere")
    inner = client.folder("inner", parent=top)
    for n in range(width):
        client.plain_object(f"{STORE}/top/inner/{n}", flags={"flag": ["\\seen"]})
    moved, gone = client.folder("moved"), client.folder("gone", parent=inner)
    for place, text in ((top, "1"), (inner, "22"), (moved, "333"), (gone, "4444"), (elsewhere, "55555")):
        client.text_object(text, parent=place)
    client.move(inner, folders=[moved])
    client.delete(gone)
    assert attributes(client, top, "SubtreeMsgCount,SubtreeUnreadMsgCount", "SubtreeSize", "MsgCount") == {
        "MsgCount": ["1"],
        "SubtreeMsgCount": [str(3 + width)],
        "SubtreeUnreadMsgCount": ["3"],
        "SubtreeSize": ["6"],
    }


@pytest.mark.nms(
    "path", "An object's path is its folders' names and its objectId; a folder's path is the names"
)
@pytest.mark.nms(
    "GET /objects/operations/pathToId", "A path leads to an object's reference; any other is a 404 SVC0004"
)
@pytest.mark.nms(
    "GET /folders/operations/pathToId",
    "A path leads to a folder's reference, no path to the root; any other is a 404 SVC2008",
)
@pytest.mark.nms("SVC2008", "An unknown folder path in pathToId is a 404")
def test_paths_lead_to_folders_and_objects_and_nowhere_else(client: BoxClient) -> None:
    folder = client.folder("f")
    held = client.plain_object(parent=folder)

    def object_at(path: str) -> Any:
        return client.get("/objects/operations/pathToId", params={"path": path})

    assert object_at(f"{STORE}/f/{id_of(held)}").json()["reference"]["resourceURL"] == held
    for path in (
        f"{STORE}/{id_of(held)}",
        f"{STORE}/f/zz9",
        f"{STORE}/f/",
        "f",
        "",
        f"{STORE}/F/{id_of(held)}",
    ):
        assert fault(object_at(path)) == (404, "SVC0004")
    for path in ("/nowhere", "nowhere", f"{STORE}/f/g", f"{STORE}/F"):
        asked = client.get("/folders/operations/pathToId", params={"path": path})
        assert fault(asked) == (404, "SVC2008")
    assert client.get("/folders/operations/pathToId").json()["reference"]["path"] == "/"


@pytest.mark.nms("POST /objects/operations/pathToId", "Each path of a pathList has a code of its own")
@pytest.mark.nms("POST /folders/operations/pathToId", "Each path of a pathList has a code of its own")
def test_a_list_of_paths_has_a_code_for_each(client: BoxClient) -> None:
    held = client.plain_object()
    asked = {"pathList": {"path": [f"{STORE}/{id_of(held)}", "x", f"{STORE}/zz9"]}}
    items = client.post("/objects/operations/pathToId", asked).json()["bulkResponseList"]["response"]
    assert codes(items) == [200, (400, "SVC0002"), (400, "SVC0002")]
    asked = {"pathList": {"path": ["/", "/nowhere", "nowhere", STORE]}}
    items = client.post("/folders/operations/pathToId", asked).json()["bulkResponseList"]["response"]
    assert codes(items) == [200, (404, "SVC2008"), (404, "SVC2008"), 200]


@pytest.mark.nms("attributes of folders", "Name, Root and the counts are read-only")
@pytest.mark.parametrize("name", ["Root", "name", "MsgCount", "subtreesize"])
def test_an_attribute_that_only_the_store_gives_is_not_taken_from_a_client(
    client: BoxClient, name: str
) -> None:
    given = [{"name": one, "value": ["Yes"]} for one in (name, "Colour")]
    folder = client.folder(attributes={"attribute": given})
    assert folder_(client, folder)["attributes"] == {"attribute": given[1:]}
