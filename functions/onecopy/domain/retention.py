"""Retention: how long the provider's policy lets an object stay in a box before it expires (NMS)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from onecopy.domain.errors import InvalidInput
from onecopy.domain.folder import Attributes, split_path
from onecopy.domain.link import Link

MOST_RULES = 20

MOST_DAYS = 99_999
"""For ever, in practice. A rule with as many keeps what a later rule would let expire."""

_LONGEST_CONTEXT = 255

APART = timedelta(days=1)
"""An object whose date is older than this when it is stored also keeps the time at which it was stored."""

Path = tuple[str, ...]
"""The names on a folder's path, from below the root."""


@dataclass(frozen=True)
class Rule:
    """Objects in a folder or anywhere below it, objects with a Message-Context, or those that are both."""

    age: timedelta
    folder: Path | None = None
    message_context: str | None = None

    def applies(self, path: Path, message_context: str) -> bool:
        in_folder = self.folder is None or path[: len(self.folder)] == self.folder
        return in_folder and self.message_context in (None, message_context)


@dataclass(frozen=True)
class Retention:
    """The first rule that applies to an object decides. An object to which none applies never expires."""

    rules: tuple[Rule, ...]

    @property
    def ages(self) -> tuple[timedelta, ...]:
        """The ages at which something expires, shortest first."""
        return tuple(sorted({rule.age for rule in self.rules}))

    @property
    def depth(self) -> int:
        """How many names of a path have to be known to tell which rule applies."""
        return max(len(rule.folder or ()) for rule in self.rules)

    @property
    def fingerprint(self) -> str:
        """Tells this policy from any other."""
        return hashlib.sha256(json.dumps(as_json(self)).encode()).hexdigest()[:12]

    def expiry(self, link: Link, path: Path) -> datetime | None:
        """When an object in the folder at `path` expires; None for never."""
        context = _message_context(link.attributes)
        age = next((rule.age for rule in self.rules if rule.applies(path, context)), None)
        return None if age is None else _later(_begin(link), age)


def _begin(link: Link) -> datetime:
    """An object's age counts from its date, or from when it was stored if that was later."""
    return max(link.date, link.stored) if link.stored else link.date


def _later(time: datetime, age: timedelta) -> datetime | None:
    """None if no calendar reaches that far."""
    try:
        return time + age
    except OverflowError:
        return None


def stored(date: datetime, now: datetime) -> datetime | None:
    """The time that a new object keeps, because its date alone would make it too old."""
    return now if now - date > APART else None


def _message_context(attributes: Attributes) -> str:
    found = (values[0] for name, values in attributes if name.casefold() == "message-context" and values)
    return next(found, "").casefold()


def parse(text: str) -> Retention:
    """The policy from a list of rules in JSON. Raises ValueError if anything in it is not understood."""
    raw = json.loads(text)
    if not isinstance(raw, list) or not 1 <= len(raw) <= MOST_RULES:
        raise ValueError("not a list of rules")
    return Retention(tuple(map(_rule, raw)))


def _rule(raw: Any) -> Rule:
    if not isinstance(raw, Mapping) or not raw.keys() <= {"folder", "messageContext", "days"}:
        raise ValueError("not a rule")
    days, folder, context = raw.get("days"), raw.get("folder"), raw.get("messageContext")
    if type(days) is not int or not 1 <= days <= MOST_DAYS:
        raise ValueError("days")
    if folder is None and context is None:
        raise ValueError("a rule for everything names the folder /")
    return Rule(timedelta(days=days), _folder(folder), _context(context))


def _folder(raw: Any) -> Path | None:
    if raw is None:
        return None
    if not isinstance(raw, str) or not raw.startswith("/"):
        raise ValueError("folder")
    try:
        return split_path(raw, "folder")
    except InvalidInput:
        raise ValueError("folder") from None


def _context(raw: Any) -> str | None:
    if raw is not None and not (isinstance(raw, str) and 1 <= len(raw) <= _LONGEST_CONTEXT):
        raise ValueError("messageContext")
    return None if raw is None else raw.casefold()


def as_json(retention: Retention) -> list[dict[str, Any]]:
    """The policy as `parse` reads it."""
    return [_rule_json(rule) for rule in retention.rules]


def _rule_json(rule: Rule) -> dict[str, Any]:
    raw: dict[str, Any] = {"days": rule.age.days}
    if rule.folder is not None:
        raw["folder"] = "/" + "/".join(rule.folder)
    if rule.message_context is not None:
        raw["messageContext"] = rule.message_context
    return raw
