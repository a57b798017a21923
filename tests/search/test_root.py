"""POST folders/operations/search: where a client that knows nothing of the box begins (NMS)."""

from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient

ROOT = {"type": "Attribute", "name": "Root", "value": "Yes"}


def search(client: BoxClient, **criteria: Any) -> httpx.Response:
    asked = {"searchCriteria": {"criterion": [ROOT]}, **criteria}
    return client.post("/folders/operations/search", {"selectionCriteria": asked})


@pytest.mark.nms("POST /folders/operations/search", "The search for Root=Yes finds the root")
def test_the_search_for_the_root_finds_it(stack: LocalStack) -> None:
    with BoxClient(stack) as client:
        found = search(client, maxEntries=1)
        (root,) = found.json()["folderList"]["folder"]
        assert root["resourceURL"] == client.folder_at("/")
        assert root["attributes"] == {"attribute": [{"name": "Root", "value": ["Yes"]}]}
        assert "cursor" not in found.json()["folderList"]


@pytest.mark.nms(
    "POST /folders/operations/search",
    "Each folder comes with its subFolders and objects, for a client to begin its walk",
)
@pytest.mark.parametrize("most", [2, "2", 5000])
def test_the_root_comes_with_what_is_in_it(stack: LocalStack, most: Any) -> None:
    with BoxClient(stack) as client:
        (root,) = search(client, maxEntries=most).json()["folderList"]["folder"]
        below = [{"resourceURL": client.folder_at(path)} for path in ("/Default", "/RCSMessageStore")]
        assert root["subFolders"] == {"folderReference": below}
        assert root["objects"] == {"objectReference": []}
        assert not root.keys() & {"cursor", "path"}


@pytest.mark.nms(
    "POST /folders/operations/search", "What had no room in the answer is listed from the folder's cursor on"
)
def test_what_a_search_left_out_of_the_root_is_listed_from_its_cursor_on(stack: LocalStack) -> None:
    with BoxClient(stack) as client:
        (root,) = search(client, maxEntries=1).json()["folderList"]["folder"]
        query = {"listFilter": "All", "fromCursor": root["cursor"]}
        rest = client.get(root["resourceURL"], params=query).json()["folder"]
        shown = [one["subFolders"]["folderReference"][0]["resourceURL"] for one in (root, rest)]
        assert shown == [client.folder_at("/Default"), client.folder_at("/RCSMessageStore")]
        assert "cursor" not in rest


@pytest.mark.parametrize("spelling", ["criterion", "sortCriterion"])
def test_a_search_may_ask_for_an_order_in_either_spelling(stack: LocalStack, spelling: str) -> None:
    with BoxClient(stack) as client:
        order = {spelling: [{"type": "Date", "order": "Ascending"}]}
        assert search(client, maxEntries=1, sortCriteria=order).status_code == 200


@pytest.mark.parametrize(
    "criteria",
    [
        {},
        {"maxEntries": 0, "searchCriteria": {"criterion": [ROOT]}},
        {"searchCriteria": {"criterion": [ROOT]}},
        {"maxEntries": 1, "searchCriteria": {"criterion": []}},
        {"maxEntries": 1, "searchCriteria": {"criterion": [{**ROOT, "type": "Flag"}]}},
        {"maxEntries": 1, "searchCriteria": {"criterion": [ROOT]}, "fromCursor": "a"},
        {"maxEntries": "many", "searchCriteria": {"criterion": [ROOT]}},
    ],
)
def test_a_search_for_folders_that_says_nothing_clear_is_refused(
    stack: LocalStack, criteria: dict[str, Any]
) -> None:
    with BoxClient(stack) as client:
        answer = client.post("/folders/operations/search", {"selectionCriteria": criteria})
        assert answer.status_code == 400
        assert answer.json()["requestError"]["serviceException"]["messageId"] == "SVC0002"
