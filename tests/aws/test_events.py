"""One real event for each trigger (`events/`): the function does its work, under AWS's own runtime client.

The stack's own functions are stand-ins that only note what they get, so whatever is done, these events did.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from infra.aws.bundle.runtime_api import FunctionFailed
from infra.local.stack import LocalStack
from infra.receiver.receiver import Receiver
from tests.clients.box_client import new_box
from tests.clients.eventually import eventually
from tests.stack.behind import Behind
from tests.stack.lambdas import EVENTS, Lambdas

DONE = {"batchItemFailures": []}


@pytest.fixture(scope="module")
def lambdas(standins: LocalStack) -> Iterator[Lambdas]:
    """One process for each function, shared by all tests here."""
    running = Lambdas(standins, new_box())
    yield running
    running.close()


def noted(stack: LocalStack, who: str) -> str:
    """What a stand-in has been given so far, as text."""
    path = stack.data / "notes"
    lines = path.read_text().splitlines() if path.exists() else []
    return "\n".join(json.dumps(what) for whom, what in map(json.loads, lines) if whom == who)


def id_of(resource_url: str) -> str:
    return resource_url.rsplit("/", 1)[1]


def rings(lambdas: Lambdas, subscription: dict[str, Any]) -> int:
    """How often a subscription has been rung for."""
    ring = {"box": f"main#{lambdas.box}", "subscription": id_of(subscription["resourceURL"])}
    return noted(lambdas.stack, "deliver").count(json.dumps(json.dumps(ring)))


def told_to(lambdas: Lambdas, subscription: dict[str, Any]) -> dict[str, Any]:
    """The event for a ring of this subscription."""
    return lambdas.event("deliver", subscription=f'\\"{id_of(subscription["resourceURL"])}\\"')


def stored(lambdas: Lambdas, text: str) -> str:
    """Store an object with content of its own; returns its id."""
    form = (
        '--x\r\nContent-Disposition: form-data; name="root-fields"\r\nContent-Type: application/json\r\n\r\n'
        '{"object":{"parentFolderPath":"/RCSMessageStore"}}\r\n--x\r\n'
        'Content-Disposition: form-data; name="attachments"\r\nContent-Type: text/plain\r\n\r\n'
        f"{text}\r\n--x--\r\n"
    )
    made = lambdas.ask("POST", "/objects", form, **{"content-type": "multipart/form-data; boundary=x"})
    return id_of(made["reference"]["resourceURL"])


def address(lambdas: Lambdas, object_id: str) -> str:
    """The presigned URL of a body."""
    return str(lambdas.ask("GET", f"/objects/{object_id}/payload")["location"])


def test_there_is_one_for_each_function(lambdas: Lambdas) -> None:
    environments = json.loads((lambdas.stack.data / "keys" / "environments.json").read_text())

    assert {f"{path.stem.title()}Function" for path in EVENTS.glob("*.json")} == environments.keys()


def test_api_a_request_is_answered(lambdas: Lambdas) -> None:
    answer = lambdas.invoke("api", lambdas.event("api"))

    assert answer["statusCode"] == 200
    events = json.loads(answer["body"])["nmsEventList"]["nmsEvent"]
    assert [event["changedFolder"]["name"] for event in events] == ["", "Default", "RCSMessageStore"]


def test_arrival_an_object_appears_when_its_last_part_is_there(lambdas: Lambdas) -> None:
    checksum = f"sha256:{base64.b64encode(hashlib.sha256(b'hello world').digest()).decode()}"
    part = {"contentType": "text/plain", "size": 11, "checksum": checksum}
    upload = lambdas.ask("POST", "/objects", {"object": {"payloadPart": [part]}})["upload"]
    [put] = upload["part"]
    httpx.put(put["href"], content=b"hello world", headers=put["headers"]).raise_for_status()
    key = urlsplit(put["href"]).path.split("/", 2)[2].removesuffix("/1")

    assert lambdas.invoke("arrival", lambdas.event("arrival", direct=key)) == DONE

    assert httpx.get(address(lambdas, upload["objectId"])).content == b"hello world"


def test_sweep_an_upload_appears_whose_parts_are_there_untold(lambdas: Lambdas) -> None:
    """The stand-in for `arrival` gets their events and does nothing."""
    checksum = f"sha256:{base64.b64encode(hashlib.sha256(b'untold').digest()).decode()}"
    part = {"contentType": "text/plain", "size": 6, "checksum": checksum}
    upload = lambdas.ask("POST", "/objects", {"object": {"payloadPart": [part]}})["upload"]
    [put] = upload["part"]
    httpx.put(put["href"], content=b"untold", headers=put["headers"]).raise_for_status()
    key = urlsplit(put["href"]).path.split("/", 2)[2].removesuffix("/1")
    behind = Behind(lambdas.stack, lambdas.box)
    waiting = behind.row(f"C#{key}", "UPLOAD")
    behind.put({**waiting, "due": {"S": "2026-01-01T00:00:00.000000Z"}})

    lambdas.invoke("sweep", lambdas.event("sweep"))

    assert httpx.get(address(lambdas, upload["objectId"])).content == b"untold"
    assert not behind.row(f"C#{key}", "UPLOAD")


def test_deliver_and_changes_a_subscriber_is_verified_rung_for_and_told(lambdas: Lambdas) -> None:
    with Receiver() as receiver:
        asked = {"nmsSubscription": {"callbackReference": {"notifyURL": receiver.url}}}
        made = lambdas.ask("POST", "/subscriptions", asked)["nmsSubscription"]
        receiver.trust(made["secret"])
        deliver = told_to(lambdas, made)

        assert lambdas.invoke("deliver", deliver) == DONE
        assert [set(delivery.body) for delivery in receiver.deliveries] == [{"verification"}]

        object_id = stored(lambdas, "for the subscriber")
        before = rings(lambdas, made)
        assert lambdas.invoke("changes", lambdas.event("changes")) == DONE
        assert eventually(lambda: rings(lambdas, made) > before)
        assert eventually(lambda: "inline/0f1e2d3c4b5a" in noted(lambdas.stack, "reclaim"))

        assert lambdas.invoke("deliver", deliver) == DONE
        told = [event["changedObject"]["resourceURL"] for event in receiver.events]
        assert [id_of(url) for url in told] == [object_id]
        assert lambdas.metrics("deliver")["Deliveries"] == 1


def test_deliver_a_try_that_failed_is_counted_and_to_be_put_off(lambdas: Lambdas) -> None:
    with Receiver() as receiver:
        asked = {"nmsSubscription": {"callbackReference": {"notifyURL": receiver.url}}}
        made = lambdas.ask("POST", "/subscriptions", asked)["nmsSubscription"]
        receiver.trust(made["secret"])
        assert lambdas.invoke("deliver", told_to(lambdas, made)) == DONE
        receiver.answer_with = 500
        stored(lambdas, "refused")

        # The event's message is in no queue, so it cannot be put off.
        with pytest.raises(FunctionFailed, match="ReceiptHandleIsInvalid"):
            lambdas.invoke("deliver", told_to(lambdas, made))

    assert lambdas.metrics("deliver")["Retries"] == 1


def test_reclaim_content_that_nothing_points_to_is_gone(lambdas: Lambdas) -> None:
    object_id = stored(lambdas, "soon gone")
    where = address(lambdas, object_id)
    key = urlsplit(where).path.split("/", 2)[2].removesuffix("/1")
    reclaim = lambdas.event("reclaim", inline=key)
    assert lambdas.invoke("reclaim", reclaim) == DONE
    assert httpx.get(where).content == b"soon gone"

    lambdas.ask("DELETE", f"/objects/{object_id}")

    assert lambdas.invoke("reclaim", reclaim) == DONE
    assert httpx.get(where).status_code in (403, 404)


def test_jobs_what_a_request_began_comes_to_its_end(lambdas: Lambdas) -> None:
    folder = {"folder": {"parentFolderPath": "/RCSMessageStore", "name": "old"}}
    made = lambdas.ask("POST", "/folders", folder)["reference"]["resourceURL"]
    lambdas.ask("DELETE", f"/folders/{id_of(made)}")
    rows = lambdas.stack.aws("dynamodb")
    table = lambdas.stack.name("Table")

    def job() -> str:
        found = rows.query(
            TableName=table,
            KeyConditionExpression="box = :box AND begins_with(#item, :job)",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues={":box": {"S": f"main#{lambdas.box}"}, ":job": {"S": "J#"}},
            ConsistentRead=True,
        )["Items"]
        return str(found[0]["item"]["S"].removeprefix("J#")) if found else ""

    jobs = lambdas.event("jobs", job=job())

    def ended() -> bool:
        assert lambdas.invoke("jobs", jobs) == DONE
        return not job()

    assert eventually(ended)


def test_sweep_rings_for_what_is_overdue_and_tells_how_much_that_is(lambdas: Lambdas) -> None:
    asked = {"nmsSubscription": {"callbackReference": {"notifyURL": "http://127.0.0.1:9/"}}}
    made = lambdas.ask("POST", "/subscriptions", asked)["nmsSubscription"]
    assert eventually(lambda: rings(lambdas, made) == 1)

    assert lambdas.invoke("sweep", lambdas.event("sweep")) is None

    assert eventually(lambda: rings(lambdas, made) == 2)
    assert lambdas.metrics("sweep")["SubscribersBehind"] >= 1
    assert lambdas.metrics("sweep")["ReclaimLag"] >= 0


def test_sweep_counts_all_that_are_owed_something_also_those_whose_next_try_is_to_come(
    lambdas: Lambdas,
) -> None:
    assert lambdas.invoke("sweep", lambdas.event("sweep")) is None
    before = lambdas.metrics("sweep")["SubscribersBehind"]
    behind, later = Behind(lambdas.stack, "nobody"), {"due": {"S": "2099-01-01T00:00:00.000000Z"}}
    for number in range(130):
        row = {"box": {"S": f"{behind.box}#S"}, "item": {"S": f"z{number}"}}
        behind.put({**row, **later, "work": {"S": f"deliver#{number % 2:02d}"}})
    for number in range(3):
        row = {"box": {"S": f"{behind.box}#S"}, "item": {"S": f"y{number}"}}
        behind.put({**row, **later, "work": {"S": "due#00"}})

    assert lambdas.invoke("sweep", lambdas.event("sweep")) is None

    assert lambdas.metrics("sweep")["SubscribersBehind"] == before + 130


def test_sweep_rings_for_every_kind_of_work_that_lost_its_message(lambdas: Lambdas) -> None:
    """A job, content without a link, and a subscription that was last looked at hours ago."""
    asked = {"nmsSubscription": {"callbackReference": {"notifyURL": "http://127.0.0.1:9/"}}}
    made = lambdas.ask("POST", "/subscriptions", asked)["nmsSubscription"]
    assert eventually(lambda: rings(lambdas, made) == 1)
    behind, due = Behind(lambdas.stack, lambdas.box), {"due": {"S": "2001-01-01T00:00:00.000000Z"}}
    row = behind.subscription(id_of(made["resourceURL"]))
    behind.put({**row, **due, "work": {"S": row["work"]["S"].replace("deliver", "due")}})
    lost = f"lost-{token_hex(6)}"
    behind.put({"box": {"S": behind.box}, "item": {"S": f"J#{lost}"}, "work": {"S": "due#03"}, **due})
    zero = {"owner": {"S": behind.box}, "links": {"N": "0"}, "sizes": {"S": "[]"}}
    content = {"box": {"S": f"C#inline/{lost}"}, "item": {"S": "CONTENT"}, "work": {"S": "due#15"}}
    behind.put({**content, **zero, **due})

    assert lambdas.invoke("sweep", lambdas.event("sweep")) is None

    assert eventually(lambda: rings(lambdas, made) == 2)
    assert eventually(lambda: lost in noted(lambdas.stack, "jobs"))
    assert eventually(lambda: f"inline/{lost}" in noted(lambdas.stack, "reclaim"))
    assert behind.row(behind.box, f"J#{lost}")["due"]["S"] > "2026"


def test_a_copy_and_a_sync_are_told_in_numbers_alone(lambdas: Lambdas) -> None:
    object_id = stored(lambdas, "counted")
    folder = {"folder": {"parentFolderPath": "/RCSMessageStore", "name": "kept"}}
    target = lambdas.ask("POST", "/folders", folder)["reference"]["resourceURL"]
    base = target.rsplit("/folders/", 1)[0]
    sources = {"objects": {"objectReference": [{"resourceURL": f"{base}/objects/{object_id}"}]}}
    copy = {"targetSourceRef": {"targetRef": {"resourceURL": target}, "sourceRefs": sources}}

    lambdas.ask("POST", "/folders/operations/copyToFolder", copy)

    assert lambdas.metrics("api")["Copies"] == 1
    assert lambdas.metrics("api")["BytesNotDuplicated"] == len("counted")
    page: dict[str, Any] = {"more": True, "nmsEventList": {}}
    while page["more"]:
        token = page["nmsEventList"].get("restartToken")
        page = lambdas.ask("GET", "/changes", query={"restartToken": token} if token else {})
    assert lambdas.metrics("api")["BytesNotSent"] >= 2 * len("counted")
    output = (lambdas.stack.data / f"api-{id(lambdas)}.log").read_text()
    assert lambdas.box not in output
    assert "counted" not in output
