"""How an operator's tools read a table: a box by queries of its own partitions, all boxes in parallel.

Only `boxes` and `keys` read the whole table. Rows are in DynamoDB's own form.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar

from infra.ops.rows.deployed import Deployed
from onecopy.domain.box import BoxKey
from onecopy.domain.content import ContentKey
from onecopy.store.commit import table

AT_ONCE = 4
"""How many boxes are processed in parallel by default."""

MOST_AT_ONCE = 50
"""The number of connections that a client has."""

_IN_A_CALL = 100
_KEYS = ("box", "item", "owner", "content_key", "content_keys", "due")

Raw = dict[str, Any]
Key = tuple[str, str]
_Thing = TypeVar("_Thing")
_Done = TypeVar("_Done")


def in_parallel(
    work: Callable[[_Thing], _Done], things: Iterable[_Thing], at_once: int = AT_ONCE
) -> Iterator[_Done]:
    """The results in order; work starts only a few things ahead of the caller."""
    with ThreadPoolExecutor(at_once) as threads:
        begun = deque[Future[_Done]]()
        for thing in things:
            begun.append(threads.submit(work, thing))
            if len(begun) >= 2 * at_once:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def row(deployed: Deployed, name: str, key: Key) -> Raw:
    """One row, empty if it does not exist."""
    found = deployed.dynamodb.get_item(TableName=name, Key=_key(key), ConsistentRead=True)
    there: Raw = found.get("Item", {})
    return there


def rows(deployed: Deployed, name: str, keys: Iterable[Key]) -> Iterator[Raw]:
    """The rows that exist, read a hundred in a call."""
    wanted = [_key(key) for key in keys]
    while wanted:
        asked, wanted = wanted[:_IN_A_CALL], wanted[_IN_A_CALL:]
        answer = deployed.dynamodb.batch_get_item(
            RequestItems={name: {"Keys": asked, "ConsistentRead": True}}
        )
        yield from answer["Responses"].get(name, ())
        wanted = answer.get("UnprocessedKeys", {}).get(name, {}).get("Keys", []) + wanted


def partition(deployed: Deployed, name: str, box: str) -> Iterator[Raw]:
    pages = deployed.dynamodb.get_paginator("query").paginate(
        TableName=name,
        KeyConditionExpression="box = :box",
        ExpressionAttributeValues={":box": {"S": box}},
        ConsistentRead=True,
    )
    for page in pages:
        yield from page["Items"]


def box(deployed: Deployed, name: str, of: str) -> Iterator[Raw]:
    """A box's own rows, its subscriptions, the expired ones, and its log: up to the box's number, and beyond
    as long as there are rows, because a box whose row is lost has a log, too.
    """
    key, last = BoxKey.parse(of), 0
    for found in partition(deployed, name, of):
        if found["item"]["S"] == table.BOX:
            last = int(found["seq"]["N"])
        yield found
    for apart in (table.subscription_partition(key), table.expired_partition(key)):
        yield from partition(deployed, name, apart)
    for seq in count(0, table.LOG_PARTITION):
        changes = list(partition(deployed, name, table.log_partition(key, seq)))
        yield from changes
        if seq > last and not changes:
            return


def contents(found: Raw) -> list[Key]:
    """The content row that a row of a box names: a link's, or that of an upload under way."""
    if key := found.get("content_key", {}).get("S"):
        return [table.content_row(ContentKey(key))]
    if found["item"]["S"].startswith("U#"):
        key = found["content"]["S"]
        return [(table.content_partition(ContentKey(key)), table.UPLOAD)]
    return []


def boxes(deployed: Deployed, name: str, at_once: int) -> Iterator[str]:
    """All boxes that have a row."""
    more = {"FilterExpression": "#item = :box", "ExpressionAttributeValues": {":box": {"S": table.BOX}}}
    for page in _scanned(deployed, name, ("box", "item"), at_once, more):
        yield from (found["box"]["S"] for found in page)


def keys(deployed: Deployed, name: str, at_once: int) -> Iterator[list[Raw]]:
    """The key of every row and what the row names, page by page."""
    return _scanned(deployed, name, _KEYS, at_once, {})


def _scanned(
    deployed: Deployed, name: str, attributes: tuple[str, ...], at_once: int, more: Raw
) -> Iterator[list[Raw]]:
    """Scan the table in so many parts at once, a page of each in turn."""
    asked = {
        "TableName": name,
        "ConsistentRead": True,
        "TotalSegments": at_once,
        "ProjectionExpression": ", ".join(f"#{each}" for each in attributes),
        "ExpressionAttributeNames": {f"#{each}": each for each in attributes},
        **more,
    }

    def page(where: Raw) -> tuple[list[Raw], Raw | None]:
        found = deployed.dynamodb.scan(**asked, **where)
        last = found.get("LastEvaluatedKey")
        return found["Items"], {**where, "ExclusiveStartKey": last} if last else None

    parts: list[Raw] = [{"Segment": segment} for segment in range(at_once)]
    while parts:
        ahead: list[Raw] = []
        for found, after in in_parallel(page, parts, at_once):
            yield found
            ahead += [after] if after else []
        parts = ahead


def box_of(of: str) -> str:
    """The box to which a partition belongs."""
    name = table.box_of_subscription(of)
    start, log, number = name.rpartition("#L")
    return start if log and number.isdigit() else name


def _key(key: Key) -> Raw:
    return {"box": {"S": key[0]}, "item": {"S": key[1]}}
