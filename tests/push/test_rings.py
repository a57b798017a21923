"""`changes` rings for a hundred boxes in a few calls, and reports which records it must get again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from secrets import token_hex
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session

from infra.bench.meter import meter
from infra.local.stack import LocalStack
from onecopy import settings
from onecopy.domain.box import BoxKey
from onecopy.domain.ids import RCS_MESSAGE_STORE
from onecopy.store.box import folders, log
from tests.clients.eventually import eventually
from tests.stack.at_table import answering_with, handlers_on, store_of
from tests.stack.behind import Behind

pytestmark = pytest.mark.whole

Record = dict[str, Any]


@pytest.fixture
def changes(standins: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The handler in this process. The stand-in for `deliver` only notes each ring."""
    monkeypatch.setenv("RECLAIM_QUEUE_URL", standins.name("ReclaimQueue"))
    with handlers_on(standins):
        from onecopy.handlers import changes

        yield lambda records: changes.handler({"Records": records}, None)  # type: ignore[arg-type]


def box_moved(box: str, seq: int = 9) -> Record:
    return record({"box": {"S": box}, "item": {"S": "BOX"}, "seq": {"N": str(seq)}, "validity": {"S": "v"}})


def record(image: Record) -> Record:
    told = {"SequenceNumber": token_hex(8), "NewImage": image, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    return {"eventID": token_hex(8), "eventName": "MODIFY", "dynamodb": told}


def number(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def subscribed(stack: LocalStack, count: int) -> list[str]:
    """This many boxes with one subscription each, which has been told of no change."""
    behind, made = Behind(stack, "nobody"), []
    for _ in range(count):
        box = f"main#{token_hex(8)}"
        row = {
            "item": {"S": "a1"},
            "notify_url": {"S": "https://receiver.example/"},
            "state": {"S": "active"},
            "secret": {"S": "s"},
            "code": {"S": "c"},
            "server_root": {"S": "http://x"},
            "expiry": {"S": "2099-01-01T00:00:00.000000Z"},
            "validity": {"S": "v"},
            "cursor": {"N": "0"},
            "index": {"N": "1"},
        }
        behind.put({"box": {"S": f"{box}#S"}, **row})
        made.append(box)
    return made


def rung(stack: LocalStack, box: str) -> int:
    path = stack.data / "notes"
    return path.read_text().count(box) if path.exists() else 0


def test_a_hundred_boxes_are_rung_for_in_ten_calls(standins: LocalStack, changes: Any) -> None:
    boxes = subscribed(standins, 100)
    with meter() as counts:
        assert changes([box_moved(box) for box in boxes]) == {"batchItemFailures": []}
    assert counts.of("sqs") == 10
    assert counts.calls["dynamodb Query"] == counts.of("dynamodb") == 100
    assert eventually(lambda: all(rung(standins, box) == 1 for box in boxes))


def test_a_box_that_moved_several_times_is_rung_for_once(standins: LocalStack, changes: Any) -> None:
    [box] = subscribed(standins, 1)
    with meter() as counts:
        changes([box_moved(box, seq) for seq in (7, 9, 8)])
    assert (counts.of("dynamodb"), counts.of("sqs")) == (1, 1)
    assert eventually(lambda: rung(standins, box) == 1)


def test_a_push_goes_on_with_the_trace_of_the_request_it_comes_from(
    standins: LocalStack, changes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the attribute that Lambda reads. An untraced commit removes the last one's trace."""
    trace, found = ["Root=1-5e272390-8c398be037738dc042009320;Sampled=1"], []
    [box] = subscribed(standins, 1)
    store, key = replace(store_of(standins), trace=lambda: trace[0]), BoxKey.parse(box)
    for _ in range(2):
        log.read_box(store, key)
        folders.create(store, key, RCS_MESSAGE_STORE, token_hex(4), (), False)
        moved = record(Behind(standins, "nobody").row(box, "BOX"))
        with monkeypatch.context() as patched:
            patched.setattr(URLLib3Session, "send", heard(found, URLLib3Session.send))
            assert changes([moved]) == {"batchItemFailures": []}
        trace[0] = ""
    [traced, plain] = [entry for sent in found for entry in sent["Entries"]]
    header = traced["MessageSystemAttributes"]["AWSTraceHeader"]
    assert header == {
        "DataType": "String",
        "StringValue": "Root=1-5e272390-8c398be037738dc042009320;Sampled=1",
    }
    assert "MessageSystemAttributes" not in plain


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        ("Root=1-a-b;Parent=c;Sampled=1", "Root=1-a-b;Parent=c;Sampled=1"),
        ("Root=1-a-b;Sampled=0", ""),
        ("", ""),
    ],
)
def test_a_request_is_traced_if_lambda_samples_it(
    monkeypatch: pytest.MonkeyPatch, header: str, trace: str
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    assert settings.trace() == trace


def heard(found: list[Any], send: Any) -> Any:
    """Add the body of each batch sent to a queue to `found`."""

    def counted(session: Any, request: Any) -> Any:
        if b"SendMessageBatch" in bytes(str(request.headers.get("X-Amz-Target")), "ascii"):
            found.append(json.loads(request.body))
        return send(session, request)

    return counted


def test_one_that_has_heard_of_it_is_left_alone_whatever_the_order_of_records(
    standins: LocalStack, changes: Any
) -> None:
    [told, behind] = subscribed(standins, 2)
    for box, cursor in ((told, "9"), (behind, "8")):
        row = Behind(standins, "nobody").row(f"{box}#S", "a1")
        Behind(standins, "nobody").put({**row, "cursor": {"N": cursor}})
    with meter() as counts:
        changes([box_moved(told)])
    assert counts.of("sqs") == 0
    changes([box_moved(behind, 9), box_moved(behind, 8)])
    assert eventually(lambda: rung(standins, behind) == 1)


def test_of_a_call_that_was_taken_in_part_the_rest_comes_again(
    standins: LocalStack, changes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = subscribed(standins, 12)
    records = [box_moved(box) for box in boxes]
    refusing(monkeypatch, boxes[3])
    again = box_moved(boxes[3], 8)
    assert changes([*records, again]) == failures(records[3], again)
    monkeypatch.undo()
    assert eventually(lambda: all(rung(standins, box) == 1 for box in boxes if box != boxes[3]))


def test_what_the_queue_does_not_take_at_all_comes_again(
    standins: LocalStack, changes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of a content, too. A record that asks for nothing is done."""
    [box] = subscribed(standins, 1)
    content = {"box": {"S": "C#inline/lost"}, "item": {"S": "CONTENT"}, "links": {"N": "0"}}
    records = [box_moved(f"main#{token_hex(8)}"), box_moved(box), record(content)]
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    refusing(monkeypatch, "")
    assert changes(records) == failures(*records[1:])


def test_a_box_that_cannot_be_read_keeps_no_other_from_being_rung_for(
    standins: LocalStack, changes: Any
) -> None:
    [broken, sound] = subscribed(standins, 2)
    row = Behind(standins, "nobody").row(f"{broken}#S", "a1")
    Behind(standins, "nobody").put({**row, "cursor": {"S": "no number"}})
    records = [box_moved(broken), box_moved(sound)]
    assert changes(records) == failures(records[0])
    assert eventually(lambda: rung(standins, sound) == 1)


def failures(*records: Record) -> Record:
    return {"batchItemFailures": [{"itemIdentifier": number(one)} for one in records]}


def refusing(patch: pytest.MonkeyPatch, box: str) -> None:
    """Let the queue refuse each message that names the box, with SQS's own answer."""
    send = URLLib3Session.send

    def other(session: Any, request: Any) -> Any:
        if b"SendMessageBatch" not in _bytes(request.headers.get("X-Amz-Target", b"")):
            return send(session, request)
        asked = json.loads(request.body)["Entries"]
        refused = [one["Id"] for one in asked if box in one["MessageBody"]]
        if len(refused) < len(asked):
            answer = send(session, request)
            taken = json.loads(answer.content)["Successful"]
        else:
            taken = []
        return answering_with(
            {
                "Successful": [one for one in taken if one["Id"] not in refused],
                "Failed": [{"Id": one, "SenderFault": False, "Code": "InternalError"} for one in refused],
            }
        )

    patch.setattr(URLLib3Session, "send", other)


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
