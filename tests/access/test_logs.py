"""No log holds what a user wrote, who they are, or a secret, whether a request succeeds or fails. A line says
what was asked for, how it ended, and an id to find it by.
"""

import json
import re
import secrets
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import NETWORK, BoxClient, id_of, new_box
from tests.clients.eventually import eventually
from tests.clients.following import now, since
from tests.clients.subscriber import Subscriber, ask, look, refusal, update
from tests.stack.behind import Behind

pytestmark = pytest.mark.whole


@pytest.fixture
def box(stack: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(stack, scope=NETWORK) as client:
        yield client


def word() -> str:
    """A word that appears nowhere else."""
    return f"Zq{secrets.token_hex(6)}"


def write_everywhere(box: BoxClient, text: str) -> None:
    """Send the text everywhere a user can put text, and to several places that refuse it."""
    attributes = {"attribute": [{"name": name, "value": [text]} for name in ("Subject", "From", text)]}
    said = {
        "attributes": attributes,
        "correlationId": text,
        "correlationTag": text,
        "flags": {"flag": [text]},
    }
    folder = box.folder(text)
    made = box.text_object(text, folder, **said)
    box.put(f"{made}/flags/{text}")
    box.put(f"{folder}/folderName", {"name": f"{text} 2"})
    box.copy(box.folder_at("/RCSMessageStore"), [made], [folder])
    box.get("/folders/operations/pathToId", params={"path": f"/{text}"})
    box.get(f"/objects/{text}")
    box.get(f"/{text}/{text}?{text}={text}")
    box.post("/objects", content=f'{{"object": "{text}"', headers={"content-type": "application/json"})
    box.create({"parentFolderPath": f"/{text}", "flags": {"flag": ["x" * 200, text]}}, text)
    box.folder(text, "/Default")
    box.post("/folders", {"folder": {"parentFolderPath": "/RCSMessageStore", "name": f"{text}/"}})
    box.get("/changes", params={"restartToken": text})
    box.delete(made)


def break_rows(stack: LocalStack, box: BoxClient, text: str) -> None:
    """Cause unexpected errors whose own text quotes what they could not read."""
    behind = Behind(stack, box.box)
    token, broken = now(box), box.plain_object()
    row = behind.row(behind.box, f"O#{id_of(broken)}")
    behind.put({**row, "attributes": {"S": f"[{text}"}})
    assert box.get(broken).status_code == 500
    behind.put(row)
    with Subscriber() as subscriber:
        box.folder("not to be told")
        change = behind.change(behind.seq())
        behind.put({**change, "event": {"S": f"[{text}"}})
        lines = stack.output.read_text().count("JSONDecodeError")
        ask(box, subscriber.url, restartToken=token)
        assert eventually(lambda: stack.output.read_text().count("JSONDecodeError") > lines)
        behind.put(change)


def test_no_log_tells_what_a_user_wrote_who_they_are_or_what_is_secret(
    stack: LocalStack, box: BoxClient
) -> None:
    text = word()
    token = box.http.headers["authorization"].removeprefix("Bearer ")
    with Subscriber() as subscriber:
        callback = {"callbackData": text}
        answer = ask(box, f"{subscriber.url}/{text}?{text}", callback, clientCorrelator=text)
        made = answer.json()["nmsSubscription"]
        assert ask(box, f"https://10.0.0.1/{text}").status_code == 400
        assert eventually(lambda: look(box, made)["state"] == "active")
        subscriber.answer = refusal(500, f"X-Echo: {text}")
        write_everywhere(box, text)
        assert eventually(lambda: look(box, made)["state"] == "failing")
        subscriber.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        update(box, made)
        expected = since(box, made["restartToken"])
        assert text in str(expected)
        assert eventually(lambda: len(subscriber.events) >= len(expected))
        [verification] = subscriber.verifications
        break_rows(stack, box, text)
        box.delete(made["resourceURL"])
    log = stack.output.read_text()
    assert "delivery failed" in log
    assert "request failed" in log
    private = {
        "words": text,
        "number": box.box.removeprefix("tel:+"),
        "encoded": quote(box.box, safe=""),
        "access token": token,
        "its signature": token.rsplit(".", 1)[1],
        "secret": made["secret"].removeprefix("whsec_"),
        "restart token": made["restartToken"].rsplit("-", 1)[1],
        "code": json.loads(verification.body)["verification"]["code"],
        "address": f":{subscriber.port}/",
    }
    assert [name for name, what in private.items() if what in log] == []


def test_the_log_of_everything_so_far_holds_no_number_and_no_secret(stack: LocalStack) -> None:
    """Covers everything that ran on this stack before."""
    with BoxClient(stack, new_box()) as box:
        box.text_object()
        token_begins = box.http.headers["authorization"].removeprefix("Bearer ")[:12]
    log = stack.output.read_text()
    for private in ("tel:", "tel%3A", "acr:", "whsec_", "Bearer", token_begins, "X-Amz-", "BEGIN "):
        assert private not in log
    assert not re.search(r"999\d{11}", log)
