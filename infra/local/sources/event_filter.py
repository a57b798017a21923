"""The template's filters on a stream: applied to a record as Lambda does, and to a scan of the table.

It knows plain values only; a filter with more than that is an error, and never ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra.aws.template import BadTemplate


def matches(pattern: Any, event: Any) -> bool:
    """Whether an event passes a filter of the template: nested names that end in a list of values."""
    if not isinstance(event, dict):
        return False
    for name, wanted in pattern.items():
        if isinstance(wanted, dict):
            if not matches(wanted, event.get(name)):
                return False
        elif not all(isinstance(value, str) for value in wanted):
            raise BadTemplate("a filter with more than plain values")
        elif event.get(name) not in wanted:
            return False
    return True


def as_expression(patterns: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The filters as a scan's expression, which leaves out the other rows."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    choices = []
    for pattern in patterns:
        conditions = []
        for attribute, wanted in pattern["dynamodb"]["NewImage"].items():
            name = names.setdefault(attribute, f"#n{len(names)}")
            [(kind, literals)] = wanted.items()
            keys = [f":v{len(values) + at}" for at in range(len(literals))]
            values |= {key: {kind: literal} for key, literal in zip(keys, literals, strict=True)}
            conditions.append(f"{name} IN ({', '.join(keys)})")
        choices.append(f"({' AND '.join(conditions)})")
    if not choices:
        return {}
    return {
        "FilterExpression": " OR ".join(choices),
        "ExpressionAttributeNames": {key: name for name, key in names.items()},
        "ExpressionAttributeValues": values,
    }
