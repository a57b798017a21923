"""POST folders/operations/search: where a client that knows nothing begins (NMS)."""

from typing import Any

import pytest
from box_client import BoxClient

from infra.local.stack import LocalStack

ROOT = {"type": "Attribute", "name": "Root", "value": "Yes"}


def test_the_search_for_the_root_finds_it(stack: LocalStack) -> None:
    with BoxClient(stack) as client:
        criteria = {"maxEntries": 1, "searchCriteria": {"criterion": [ROOT]}}
        found = client.post("/folders/operations/search", {"selectionCriteria": criteria})
        (root,) = found.json()["folderList"]["folder"]
        assert root["resourceURL"] == client.folder_at("/")
        assert root["attributes"] == {"attribute": [{"name": "Root", "value": ["Yes"]}]}
        assert "cursor" not in found.json()["folderList"]


@pytest.mark.parametrize(
    "criteria",
    [
        {},
        {"maxEntries": 1},
        {"maxEntries": 0, "searchCriteria": {"criterion": [ROOT]}},
        {"searchCriteria": {"criterion": [ROOT]}},
        {"maxEntries": 1, "searchCriteria": {"criterion": []}},
        {"maxEntries": 1, "searchCriteria": {"criterion": [ROOT, ROOT]}},
        {"maxEntries": 1, "searchCriteria": {"criterion": [{**ROOT, "value": "No"}]}},
        {"maxEntries": 1, "searchCriteria": {"criterion": [{**ROOT, "type": "Flag"}]}},
        {"maxEntries": 1, "searchCriteria": {"criterion": [ROOT]}, "fromCursor": "a"},
    ],
)
def test_every_other_search_for_folders_is_refused(stack: LocalStack, criteria: dict[str, Any]) -> None:
    with BoxClient(stack) as client:
        answer = client.post("/folders/operations/search", {"selectionCriteria": criteria})
        assert answer.status_code == 400
        assert answer.json()["requestError"]["serviceException"]["messageId"] == "SVC0002"
