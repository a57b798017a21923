"""Handlers that do what a test tells them to, and note what they got. They run in the stack's workers."""

import base64
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

logger = Logger()
Event = dict[str, Any]


def api(event: Event, context: Any) -> Any:
    order = event["pathParameters"]["proxy"].split("/")[0]
    deed = DEEDS.get(order)
    return deed(event) if deed else {"event": event, "pid": os.getpid(), "id": context.aws_request_id}


def _raise(event: Event) -> Any:
    raise KeyError(event["rawPath"])


def _exit(event: Event) -> Any:
    sys.exit(3)


def _crash(event: Event) -> Any:
    os._exit(3)


def _hang(event: Event) -> Any:
    time.sleep(60)


def _pause(event: Event) -> Any:
    time.sleep(0.5)
    return {"pid": os.getpid()}


def _print(event: Event) -> Any:
    print("plain words")
    logger.warning("structured words", extra={"count": 3})
    return {}


def _bytes(event: Event) -> Any:
    return {
        "statusCode": 201,
        "headers": {"Content-Type": "application/octet-stream", "X-Correlation-Id": "c-1"},
        "cookies": ["a=1", "b=2"],
        "body": base64.b64encode(bytes(range(256))).decode(),
        "isBase64Encoded": True,
    }


def _nothing(event: Event) -> Any:
    return {"statusCode": 204}


def _odd(event: Event) -> Any:
    return {"statusCode": 200, "body": {"not": "text"}}


def _huge(event: Event) -> Any:
    return {"statusCode": 200, "body": "x" * 7_000_000}


def _granted(event: Event) -> Any:
    boto3.client("sqs").send_message(QueueUrl=os.environ["JOBS_QUEUE_URL"], MessageBody=event["body"])
    return {}


def _not_granted(event: Event) -> Any:
    queue = os.environ["JOBS_QUEUE_URL"].replace("JobsQueue", "ReclaimQueue")
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody="x")
    return {}


def _presign(event: Event) -> Any:
    """A presigned URL for the body's `call`, `parameters` and `seconds`."""
    wish = json.loads(event["body"])
    s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
    parameters = {"Bucket": os.environ["CONTENT_BUCKET"], **wish["parameters"]}
    return {"url": s3.generate_presigned_url(wish["call"], Params=parameters, ExpiresIn=wish["seconds"])}


def _environment(event: Event) -> Any:
    return dict(os.environ)


DEEDS: dict[str, Callable[[Event], Any]] = {
    "raise": _raise,
    "exit": _exit,
    "crash": _crash,
    "hang": _hang,
    "pause": _pause,
    "print": _print,
    "bytes": _bytes,
    "nothing": _nothing,
    "odd": _odd,
    "huge": _huge,
    "granted": _granted,
    "not-granted": _not_granted,
    "presign": _presign,
    "environment": _environment,
}


def _note(who: str, what: Any) -> int:
    """Note what came; returns how often it has come so far."""
    line = json.dumps([who, what])
    with open(os.environ["NOTES"], "a+") as notes:
        notes.seek(0)
        before = notes.read().splitlines().count(line)
        notes.write(line + "\n")
    return before + 1


def _failures(names: list[str]) -> Event:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


def changes(event: Event, context: Any) -> Event:
    """A box row says in `order` what to do with it."""
    for record in event["Records"]:
        row = record["dynamodb"]["NewImage"]
        times = _note("changes", [row["box"]["S"], row.get("order", {}).get("S", "")])
        order = row.get("order", {}).get("S")
        if order == "fail" or (order == "fail once" and times == 1):
            return _failures([record["dynamodb"]["SequenceNumber"]])
        if order == "raise":
            raise ValueError
    return _failures([])


def jobs(event: Event, context: Any) -> Event:
    """A message's body says what to do with it."""
    failed = []
    for record in event["Records"]:
        times = _note("jobs", record["body"])
        if record["body"].startswith("fail") or (record["body"].startswith("crash once") and times == 1):
            failed.append(record["messageId"])
        if record["body"].startswith("crash once") and times == 1:
            os._exit(1)
    return _failures(failed)


def arrival(event: Event, context: Any) -> Event:
    for record in event["Records"]:
        for one in json.loads(record["body"]).get("Records", []):
            _note("arrival", one["s3"]["object"]["key"])
    return _failures([])


def deliver(event: Event, context: Any) -> Event:
    for record in event["Records"]:
        _note("deliver", [record["attributes"]["MessageGroupId"], record["body"], len(event["Records"])])
    return _failures([])


def reclaim(event: Event, context: Any) -> Event:
    for record in event["Records"]:
        _note("reclaim", record["body"])
    return _failures([])


def sweep(event: Event, context: Any) -> None:
    _note("sweep", event["detail-type"])
