"""Preferences and the provider's policy in JSON (Onecopy's own structures).

Read without pydantic: `deliver` reads the policy when it starts, and needs pydantic for nothing else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from onecopy.domain.errors import InvalidInput
from onecopy.domain.folder import split_path
from onecopy.domain.ids import ROOT
from onecopy.domain.interest import MOST_CONTEXTS, MOST_DAYS, MOST_EXCLUDED, Policy, Preferences
from onecopy.domain.link import parse_date
from onecopy.wire.urls import Urls

Json = dict[str, Any]

_MEMBERS = frozenset({"folders", "minDate", "days", "messageContext"})
_SHOWN = frozenset({"name", "resourceURL"})
"""What a list shows besides. It is accepted and ignored, so that a client may send back what it was shown."""

NAME = r"[a-z0-9-]{1,64}"
_NAME = re.compile(NAME)
_DAYS = re.compile(r"[0-9]{1,9}")
_LONGEST_CONTEXT = 255
_LONGEST_URL = 2000


def is_name(text: str) -> bool:
    """Whether preferences may have this name."""
    return bool(_NAME.fullmatch(text))


def preferences(raw: Any, urls: Urls) -> Preferences:
    """Raises InvalidInput, which names the member."""
    given = _object(_object(raw, "body").get("preferences"), "preferences", _MEMBERS | _SHOWN)
    folders = tuple(dict.fromkeys(urls.folder_id(url, "exclude") for url in _excluded(given)))
    if ROOT in folders:
        raise InvalidInput("exclude")
    return replace(_rest(given), excluded=folders)


@cache
def policy(text: str) -> Policy:
    """The policy as a setting holds it: the same form, with or without its outer member, and with folders by
    their paths. Raises InvalidInput.
    """
    if not text:
        return Policy()
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("policy") from error
    if isinstance(raw, dict) and raw.keys() == {"preferences"}:
        raw = raw["preferences"]
    given = _object(raw, "policy", _MEMBERS)
    paths = tuple(dict.fromkeys(split_path(path, "exclude") for path in _excluded(given)))
    if () in paths:
        raise InvalidInput("exclude")
    return Policy(text, paths, _rest(given))


def _excluded(given: Json) -> list[str]:
    folders = _object(given.get("folders", {}), "folders", frozenset({"exclude"}))
    return _texts(folders.get("exclude", []), "exclude", MOST_EXCLUDED, _LONGEST_URL)


def _rest(given: Json) -> Preferences:
    """All but the folders."""
    contexts = given.get("messageContext")
    if "minDate" in given and "days" in given:
        raise InvalidInput("days")
    if "messageContext" in given and contexts == []:
        raise InvalidInput("messageContext")
    return Preferences(
        min_date=_date(given["minDate"]) if "minDate" in given else None,
        days=_days(given["days"]) if "days" in given else None,
        contexts=tuple(_texts(contexts, "messageContext", MOST_CONTEXTS, _LONGEST_CONTEXT))
        if "messageContext" in given
        else None,
    )


def _object(raw: Any, part: str, members: frozenset[str] | None = None) -> Json:
    if not isinstance(raw, dict):
        raise InvalidInput(part)
    if members is not None and (unknown := sorted(raw.keys() - members)):
        raise InvalidInput(unknown[0][:_LONGEST_CONTEXT])
    return raw


def _texts(raw: Any, part: str, most: int, longest: int) -> list[str]:
    if not isinstance(raw, list) or len(raw) > most:
        raise InvalidInput(part)
    if not all(isinstance(text, str) and 1 <= len(text) <= longest for text in raw):
        raise InvalidInput(part)
    return raw


def _date(raw: Any) -> datetime:
    date = parse_date(raw) if isinstance(raw, str) else None
    if date is None:
        raise InvalidInput("minDate")
    return date


def _days(raw: Any) -> int:
    """A number, also accepted as a string, as a carrier sends it."""
    days = int(raw) if isinstance(raw, str) and _DAYS.fullmatch(raw) else raw
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= MOST_DAYS:
        raise InvalidInput("days")
    return days


def shown(known: Preferences, urls: Urls) -> Json:
    """As a client sends them."""
    return _shown(known, [urls.folder(folder) for folder in known.excluded])


def policy_shown(known: Policy) -> Json:
    return _shown(known.rest, [f"/{'/'.join(names)}" for names in known.paths])


def _shown(known: Preferences, excluded: list[str]) -> Json:
    date = known.min_date.astimezone(UTC).isoformat().replace("+00:00", "Z") if known.min_date else None
    optional: Mapping[str, Any] = {
        "folders": {"exclude": excluded} if excluded else None,
        "minDate": date,
        "days": known.days,
        "messageContext": list(known.contexts) if known.contexts is not None else None,
    }
    return {name: value for name, value in optional.items() if value is not None}
