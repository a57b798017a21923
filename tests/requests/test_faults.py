"""The faults of NMS: each messageId has its status, its text, and the variables that the text speaks of."""

from collections.abc import Callable
from typing import NamedTuple

import httpx
import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import STORE, BoxClient, fault, id_of
from tests.stack.behind import Behind


class Fault(NamedTuple):
    ask: Callable[[BoxClient], httpx.Response]
    status: int
    text: str
    variables: list[str]


def make(box: BoxClient, parent: str) -> httpx.Response:
    return box.post("/folders", {"folder": {"parentFolderPath": parent, "name": "x"}})


FAULTS = {
    "SVC0002": Fault(
        lambda box: make(box, "/nowhere"),
        400,
        "Invalid input value for message part %1",
        ["parentFolderPath"],
    ),
    "SVC0004": Fault(
        lambda box: box.get("/objects/zz9"),
        404,
        "No valid addresses provided in message part %1",
        ["objectId"],
    ),
    "SVC2008": Fault(
        lambda box: box.get("/folders/operations/pathToId", params={"path": "/nowhere"}),
        404,
        "Unknown %1 %2",
        ["path", "/nowhere"],
    ),
    "POL0001": Fault(
        lambda box: box.delete(box.folder_at(STORE)),
        403,
        "A policy error occurred. Error code is %1",
        ["system folder"],
    ),
    "POL1030": Fault(
        lambda box: box.put(f"{box.folder_at(STORE)}/folderName", {"name": "x"}),
        403,
        "Renaming this folder is not allowed",
        [],
    ),
    "POL1031": Fault(
        lambda box: make(box, "/Default"),
        403,
        "Creating under %1 is prohibited",
        ["/Default"],
    ),
}


@pytest.mark.nms("requestError", "Each fault has its status, its text, and the variables of the text")
@pytest.mark.parametrize("message_id", FAULTS)
def test_a_fault_has_its_status_its_text_and_its_variables(client: BoxClient, message_id: str) -> None:
    ask, status, text, variables = FAULTS[message_id]
    kind = "serviceException" if message_id.startswith("SVC") else "policyException"
    answer = ask(client)
    assert fault(answer) == (status, message_id)
    said = {"messageId": message_id, "text": text, **({"variables": variables} if variables else {})}
    assert answer.json() == {"requestError": {kind: said}}


@pytest.mark.nms(
    "SVC0001", "An unexpected failure is a 500 with a correlation id, and tells nothing of its cause"
)
def test_an_unexpected_failure_tells_its_correlation_id_and_nothing_else(
    stack: LocalStack, client: BoxClient
) -> None:
    url, behind = client.plain_object(), Behind(stack, client.box)
    row = behind.row(behind.box, f"O#{id_of(url)}")
    behind.put({**row, "attributes": {"S": "[secret words"}})
    answer = client.get(url)
    behind.put(row)
    said = {
        "messageId": "SVC0001",
        "text": "service error",
        "variables": [answer.headers["x-correlation-id"]],
    }
    assert (answer.status_code, answer.json()) == (500, {"requestError": {"serviceException": said}})
