"""Computes DynamoDB's capacity units by the rules of its price list: the emulator counts each request as one.

One unit is a strongly consistent read of 4 kB or a write of 1 kB. An eventually consistent read costs half,
and in a transaction each item counts twice. An index is written only if its part of an item changes, and once
even in a transaction: so does AWS's own calculator, which was compared with live tables
(agent-toolkit-for-aws, `calculate_costs.py`).
"""

import math
from collections.abc import Iterable
from typing import Any

Item = dict[str, dict[str, Any]]
Key = tuple[str, Item]
"""An item's table name, and its key as an item."""

READ, WRITE = 4096, 1024

LOCAL_INDEXES = {"by-folder": ("box", "place"), "by-date": ("box", "dated")}
GLOBAL_INDEXES = {"by-due": ("work", "due")}
"""The keys of the table's indexes, which hold only keys: an entry is smaller than one unit."""


def item_size(item: Item) -> int:
    """An item's bytes as DynamoDB counts them: names and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: dict[str, Any]) -> int:
    ((kind, value),) = typed.items()
    if kind == "S":
        return len(value.encode())
    if kind == "N":
        return math.ceil(len(value.strip("-")) / 2) + 1
    if kind == "B":
        return len(value) * 3 // 4
    if kind == "L":
        return 3 + sum(1 + _value_size(one) for one in value)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_size(one) for name, one in value.items())
    if kind in {"SS", "NS", "BS"}:
        return sum(_value_size({kind[0]: one}) for one in value)
    return 1


def units(sizes: Iterable[int], of: int) -> int:
    """The units of the sizes, each rounded up by itself; a missing item costs one unit."""
    return sum(max(1, math.ceil(size / of)) for size in sizes)


def of_read(operation: str, asked: dict[str, Any], answer: dict[str, Any]) -> float:
    """The units of one answered read; a transaction's answer has an entry for a missing item, too."""
    if operation == "GetItem":
        return units([item_size(answer.get("Item", {}))], READ)
    if operation == "TransactGetItems":
        return 2 * units((item_size(one.get("Item", {})) for one in answer["Responses"]), READ)
    if operation == "Query":
        whole = units([sum(map(item_size, answer.get("Items", ())))], READ)
        return whole if asked.get("ConsistentRead") else whole / 2
    if operation == "BatchGetItem":
        return units((item_size(item) for found in answer["Responses"].values() for item in found), READ)
    return 0


def written_keys(operation: str, asked: dict[str, Any]) -> list[Key]:
    """Table and key of every item that a write touches, including a condition check, which costs the same."""
    if operation == "TransactWriteItems":
        return [_key(action) for item in asked["TransactItems"] for action in item.values()]
    if operation in {"PutItem", "UpdateItem", "DeleteItem"}:
        return [_key(asked)]
    return []


def index_writes(indexes: Iterable[tuple[str, ...]], before: Item, after: Item) -> int:
    """Index entries put and deleted when an item changes; an entry whose key changes is one of each."""
    return sum(
        (one is not None) + (other is not None)
        for one, other in ((_entry(keys, before), _entry(keys, after)) for keys in indexes)
        if one != other
    )


def _entry(keys: tuple[str, ...], item: Item) -> list[dict[str, Any]] | None:
    return [item[name] for name in keys] if all(name in item for name in keys) else None


def _key(action: dict[str, Any]) -> Key:
    if "Key" in action:
        return action["TableName"], action["Key"]
    return action["TableName"], {name: action["Item"][name] for name in ("box", "item")}
