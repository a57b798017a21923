"""Calls the functions behind the stream and the queues in this process, as AWS does. That counts what follows
a change, too.

The functions take their settings from the environment that `in_process.Api` has set.
"""

import json
import time
from types import SimpleNamespace
from typing import Any

from onecopy.store.commit import table
from onecopy.store.commit.kinds import BoxRow

Row = dict[str, dict[str, Any]]
_CONTEXT: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 25_000)


def image_of(box: str) -> Row:
    """A box's row in the form of a stream record."""
    row = table.get(BoxRow, f"main#{box}", table.BOX)
    if row is None:
        raise RuntimeError("no such box")
    return row.to_dynamodb_dict()


def ring(image: Row) -> None:
    """Give `changes` the stream record of a changed box."""
    from onecopy.handlers import changes

    record = {
        "eventID": "1",
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"NewImage": image, "SequenceNumber": "1"},
    }
    _done(changes.handler({"Records": [record]}, _CONTEXT))


def deliver(box: str, subscription: str) -> None:
    from onecopy.handlers import deliver as function

    _done(function.handler(_message({"box": f"main#{box}", "subscription": subscription}), _CONTEXT))


def arrive(key: str) -> None:
    """Give `arrival` S3's notification that a part has arrived, by its key."""
    from onecopy.handlers import arrival

    _done(arrival.handler(_message({"Records": [{"s3": {"object": {"key": key}}}]}), _CONTEXT))


def reclaim(content_key: str) -> None:
    from onecopy.handlers import reclaim as function

    _done(function.handler(_message({"content": content_key}), _CONTEXT))


def sweep() -> None:
    from onecopy.handlers import sweep as function

    function.handler({}, _CONTEXT)


def _message(body: dict[str, Any]) -> dict[str, Any]:
    record = {
        "messageId": "1",
        "receiptHandle": "1",
        "body": json.dumps(body),
        "attributes": {"SentTimestamp": str(int(1000 * time.time())), "MessageGroupId": "1"},
        "eventSource": "aws:sqs",
    }
    return {"Records": [record]}


def _done(answer: Any) -> None:
    if answer["batchItemFailures"]:
        raise RuntimeError("the function asks to be called again")
