"""What each operation asks of AWS, measured on a stack of its own: the first table of `infra/docs/costs.md`.

Counts are the same on AWS; capacity units are computed by DynamoDB's rules (`capacity`). Pictures and boxes
are small on purpose: the benchmark shows that size does not matter. The model (`infra.scale`) reads the file
that `--write` makes, and computes dollars from it.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from infra.aws.template import TEMPLATE
from infra.bench import background, capacity
from infra.bench.in_process import Api
from infra.bench.meter import Counts, meter
from infra.docs import pages
from infra.local.stack import LocalStack
from infra.receiver.receiver import Receiver
from infra.scale import bill, measured
from infra.scale.measured import Measured, Operation

BOX = "tel:+99900000001"
PAGE = Path(__file__).parents[1] / "docs" / "costs.md"
Counted = tuple[str, Counts]

MESSAGE = {
    "Date": "2026-11-25T10:14:00Z",
    "From": "tel:+99911112222",
    "To": "tel:+99900000001",
    "Direction": "In",
    "Message-Context": "pager-message",
}
"""The attributes of a text as the importer stores it."""


_BULK = "/objects/operations/bulk"


def counted(name: str, act: Callable[[], Any]) -> Counted:
    with meter() as counts:
        act()
    return name, counts


def of_clients(api: Api) -> Iterator[Counted]:
    """One operation after another on one box, each as a client would request it."""

    def of(method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> Any:
        return api.ask(method, BOX, path, body, query).json

    api.folder(BOX, "first")
    target = api.folder(BOX, "second")
    first = api.store(BOX, "a subject", "a first message")
    path = f"/objects/{_id(first)}"
    yield counted("create a folder", lambda: api.folder(BOX, "third"))
    alone: list[str] = []
    yield counted("store a message of one part", lambda: alone.append(api.store(BOX, "a subject", "hello")))
    yield counted("copy a message", lambda: api.copy(BOX, [first], target))
    many: list[str] = []
    yield counted("copy 30 messages in one request", lambda: many.extend(api.copy(BOX, [first] * 30, target)))
    yield counted("read a message's metadata", lambda: of("GET", path))
    yield counted("get the address of a body", lambda: of("GET", f"{path}/payload"))
    yield counted("set a flag", lambda: of("PUT", f"{path}/flags/\\Seen"))
    yield counted("first sync of 33 messages", lambda: of("GET", "/changes", query={"maxEntries": "1000"}))
    token = api.latest(BOX)
    of("PUT", f"{path}/flags/\\Flagged")
    yield counted("sync of one change", lambda: of("GET", "/changes", query={"restartToken": token}))
    newest = api.latest(BOX)
    text = {"criterion": [{"type": "AllTextAttributes", "value": "nothing"}]}
    newest_ten = {"selectionCriteria": {"maxEntries": 10}}
    by_text = {"selectionCriteria": {"maxEntries": 10, "searchCriteria": text}}
    yield counted("search for the newest 10", lambda: of("POST", "/objects/operations/search", newest_ten))
    yield counted("search 33 messages for a text", lambda: of("POST", "/objects/operations/search", by_text))
    yield counted("sync of no change", lambda: of("GET", "/changes", query={"restartToken": newest}))
    yield counted("delete a message", lambda: of("DELETE", f"/objects/{_id(alone[0])}"))
    yield counted("delete a message that has copies", lambda: of("DELETE", path))
    yield from of_bulk(of, {"objectReference": [{"resourceURL": url} for url in many]})


def of_bulk(of: Callable[..., Any], objects: Any) -> Iterator[Counted]:
    flags = {"operation": "AddFlag", "flags": {"flag": ["\\Seen", "$Forwarded"]}}
    update = {"bulkUpdate": {"objects": objects, **flags}}
    yield counted("flag 30 messages in one request", lambda: of("POST", f"{_BULK}Update", update))
    delete = {"bulkDelete": {"objects": objects}}
    yield counted("delete 30 messages in one request", lambda: of("POST", f"{_BULK}Delete", delete))


def of_deliveries(api: Api) -> Iterator[Counted]:
    """One megabyte for boxes that exist, in a folder that they have."""
    for count in (1, 100):
        boxes = [f"tel:+9990001{number:04d}" for number in range(count)]
        api.deliver(boxes, "/Default/tel:+99911112222", "a first message")
        name = "deliver 1 MB to a box" if count == 1 else f"deliver 1 MB to {count} boxes, stored once"
        yield counted(name, partial(api.deliver, boxes, "/Default/tel:+99911112222", "x" * 1_000_000))


def of_uploads(api: Api) -> Iterator[Counted]:
    data = b"a picture"
    checksum = "sha256:" + base64.b64encode(hashlib.sha256(data).digest()).decode()
    part = {"contentType": "image/jpeg", "size": len(data), "checksum": checksum}
    begun: list[Any] = []
    body = {"object": {"payloadPart": [part]}}
    yield counted(
        "begin a direct upload",
        lambda: begun.append(api.ask("POST", BOX, "/objects", body).json["upload"]["part"][0]),
    )
    href, headers = begun[0]["href"], begun[0]["headers"]
    httpx.put(href, content=data, headers=headers, timeout=30).raise_for_status()
    key = urlsplit(href).path.split("/", 2)[2]
    yield counted("finish a direct upload", lambda: background.arrive(key))


def of_what_follows(api: Api, stack: LocalStack, receiver: Receiver) -> Iterator[Counted]:
    """The work that follows an answer, and the work when nothing happens."""
    asked = {"nmsSubscription": {"callbackReference": {"notifyURL": receiver.url}}}
    made = api.ask("POST", BOX, "/subscriptions", asked).json["nmsSubscription"]
    receiver.trust(made["secret"])
    subscription = _id(made["resourceURL"])
    background.deliver(BOX, subscription)  # verified, and at rest
    api.folder(BOX, "a change")
    image = background.image_of(BOX)
    yield counted("ring for one subscriber", lambda: background.ring(image))
    yield counted("push one change", lambda: background.deliver(BOX, subscription))
    _make_due(stack, subscription)
    yield counted("look after a subscriber at rest", lambda: background.deliver(BOX, subscription))
    content = next(row for row in _rows(stack) if row["item"]["S"] == "CONTENT" and row["links"]["N"] == "0")
    yield counted("reclaim a content", lambda: background.reclaim(content["box"]["S"].removeprefix("C#")))
    yield counted("a sweep that finds nothing", background.sweep)


def _make_due(stack: LocalStack, subscription: str) -> None:
    """Make a subscription due, as if it had rested for hours."""
    stack.aws("dynamodb").update_item(
        TableName=stack.name("Table"),
        Key={"box": {"S": f"main#{BOX}#S"}, "item": {"S": subscription}},
        UpdateExpression="SET due = :past",
        ExpressionAttributeValues={":past": {"S": "2026-01-01T00:00:00.000000Z"}},
    )


def sizes(api: Api, stack: LocalStack, receiver: Receiver) -> dict[str, int]:
    """The sizes of a text of 60 characters as the importer stores it, rounded up to hundreds of bytes."""
    before = {(row["box"]["S"], row["item"]["S"]) for row in _rows(stack)}
    api.store_as(BOX, MESSAGE, "x" * 60)
    new = [row for row in _rows(stack) if (row["box"]["S"], row["item"]["S"]) not in before]
    of_kind = {_kind(row): capacity.item_size(row) for row in new}
    [pushed] = [one.body for one in receiver.deliveries if one.events]
    of_kind["pushed list"] = len(json.dumps(pushed, separators=(",", ":")))
    return {name: 100 * -(-size // 100) for name, size in sorted(of_kind.items())}


def _kind(row: capacity.Item) -> str:
    item = row["item"]["S"]
    return {"O#": "link", "CO": "content"}.get(item[:2], "change")


def _rows(stack: LocalStack) -> list[capacity.Item]:
    found: list[capacity.Item] = stack.aws("dynamodb").scan(TableName=stack.name("Table"))["Items"]
    return found


def _id(url: str) -> str:
    return url.rsplit("/", 1)[1]


def measure(api: Api, stack: LocalStack) -> Measured:
    with Receiver() as receiver:
        all_counted = [*of_clients(api), *of_uploads(api), *of_deliveries(api)]
        all_counted += of_what_follows(api, stack, receiver)
        return Measured({name: _operation(one) for name, one in all_counted}, sizes(api, stack, receiver))


def _operation(counts: Counts) -> Operation:
    return Operation(
        dynamodb=counts.of("dynamodb"),
        s3=counts.of("s3"),
        s3_puts=counts.calls["s3 PUT"],
        sqs=counts.of("sqs"),
        read_units=counts.read_units,
        write_units=counts.write_units,
        local_units=counts.local_units,
        global_units=counts.global_units,
    )


def table(found: Measured) -> str:
    lines = [
        "| Operation | DynamoDB calls | S3 calls | SQS calls | Read units | Write units | of indexes |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, one in found.operations.items():
        figures = [one.dynamodb, one.s3, one.sqs, one.read_units, one.write_units]
        figures.append(one.local_units + one.global_units)
        lines.append(f"| {' | '.join([name, *(f'{figure:g}' for figure in figures)])} |")
    return "\n".join(lines)


def quiet(folder: Path) -> Path:
    """The template without event sources for its functions: only what is measured makes calls to AWS."""
    text = re.sub(r"^ {6}Events:\n(?: {8}.*\n)+", "", TEMPLATE.read_text(), flags=re.MULTILINE)
    path = folder / "template.yaml"
    path.write_text(text)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="infra.bench.costs", description="What each operation costs.")
    parser.add_argument(
        "--write", action="store_true", help="write it to infra/docs/costs.md, and keep it for the model"
    )
    parser.add_argument("--keep", type=Path, help="keep it only in this file")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        template = quiet(Path(folder))
        with LocalStack(Path(folder) / "stack", template=template) as stack:
            found = measure(Api(stack), stack)
    blocks = {"operations": table(found), "month": bill.example(found)}
    print("\n\n".join(blocks.values()))
    if asked.keep:
        asked.keep.write_text(measured.written(found))
    if asked.write:
        measured.FILE.write_text(measured.written(found))
        pages.put(PAGE, blocks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
