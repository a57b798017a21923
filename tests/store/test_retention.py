"""By which rule of the provider's retention an object expires, and when: the rules of the domain."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecopy.domain.ids import DEFAULT, ModSeq, ObjectId
from onecopy.domain.link import Link
from onecopy.domain.retention import MOST_DAYS, MOST_RULES, Path, Retention, as_json, parse, stored

NAMES = st.sampled_from(["Default", "RCSMessageStore", "a", "b", "A"])
PATHS = st.lists(NAMES, max_size=3).map(tuple)
CONTEXTS = st.sampled_from(["pager-message", "Pager-Message", "voice-message", "text-message"])
RULES = st.lists(
    st.fixed_dictionaries(
        {"days": st.integers(1, MOST_DAYS), "folder": PATHS.map(lambda path: "/" + "/".join(path))},
        optional={"messageContext": CONTEXTS},
    )
    | st.fixed_dictionaries({"days": st.integers(1, MOST_DAYS), "messageContext": CONTEXTS}),
    min_size=1,
    max_size=4,
)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
DATE = datetime(2026, 3, 1, tzinfo=UTC)


def policy(*rules: dict[str, Any]) -> Retention:
    return parse(json.dumps(rules))


def link(context: str | None = None, date: datetime = DATE, at: datetime | None = None) -> Link:
    attributes = (("Message-Context", (context,)),) if context else ()
    return Link(ObjectId("a9"), DEFAULT, date, (), attributes, None, None, None, ModSeq(1), stored=at)


def days_of(rules: list[dict[str, Any]], path: Path, context: str | None) -> int | None:
    """The same rules, told in another way: texts of whole paths are compared."""
    here = "".join(f"/{name}" for name in path) + "/"
    for rule in rules:
        folder = rule.get("folder", "/").rstrip("/") + "/"
        wanted = rule.get("messageContext")
        if here.startswith(folder) and (wanted is None or wanted.lower() == (context or "").lower()):
            return int(rule["days"])
    return None


@given(RULES, PATHS, st.none() | CONTEXTS)
def test_the_first_rule_that_applies_decides(
    rules: list[dict[str, Any]], path: Path, context: str | None
) -> None:
    days = days_of(rules, path, context)
    expected = None if days is None else DATE + timedelta(days=days)
    assert parse(json.dumps(rules)).expiry(link(context), path) == expected


@given(RULES, PATHS, st.none() | CONTEXTS)
def test_only_as_much_of_a_path_matters_as_is_read(
    rules: list[dict[str, Any]], path: Path, context: str | None
) -> None:
    retention = parse(json.dumps(rules))
    assert retention.expiry(link(context), path) == retention.expiry(link(context), path[: retention.depth])


@given(RULES)
def test_a_policy_is_shown_as_it_is_read(rules: list[dict[str, Any]]) -> None:
    retention = parse(json.dumps(rules))
    again = parse(json.dumps(as_json(retention)))
    assert again == retention
    assert again.fingerprint == retention.fingerprint


def test_policies_that_differ_in_their_order_are_different() -> None:
    one, other = {"folder": "/", "days": 1}, {"messageContext": "x", "days": 2}
    assert policy(one, other).fingerprint != policy(other, one).fingerprint


def test_a_name_that_begins_like_another_is_another() -> None:
    retention = policy({"folder": "/RCSMessageStore/a", "days": 1})
    assert retention.expiry(link(), ("RCSMessageStore", "ab")) is None
    assert retention.expiry(link(), ("RCSMessageStore", "a", "b")) is not None


@given(MOMENTS, MOMENTS, st.integers(1, 400))
def test_an_age_counts_from_the_date_or_from_when_it_was_stored_if_that_was_later(
    date: datetime, now: datetime, days: int
) -> None:
    """To a day: an object that is stored within a day of its date keeps its date alone."""
    expiry = policy({"folder": "/", "days": days}).expiry(link(date=date, at=stored(date, now)), ())
    age = timedelta(days=days)
    assert expiry is not None
    assert max(date, now) + age - timedelta(days=1) <= expiry <= max(date, now) + age


def test_a_date_at_the_end_of_the_calendar_never_expires() -> None:
    last = datetime(9999, 12, 31, tzinfo=UTC)
    assert policy({"folder": "/", "days": 1}).expiry(link(date=last), ()) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "[1]",
        '[{"days":90}]',
        '[{"folder":"/Default"}]',
        '[{"folder":"/Default","days":"90"}]',
        '[{"folder":"/Default","days":true}]',
        '[{"folder":"/Default","days":0}]',
        f'[{{"folder":"/Default","days":{MOST_DAYS + 1}}}]',
        '[{"folder":"Default","days":90}]',
        '[{"folder":"","days":90}]',
        '[{"folder":"/a//b","days":90}]',
        '[{"folder":null,"days":90}]',
        '[{"messageContext":"","days":90}]',
        '[{"messageContext":["pager-message"],"days":90}]',
        '[{"folder":"/Default","day":90}]',
        json.dumps([{"folder": "/", "days": 1}] * (MOST_RULES + 1)),
    ],
)
def test_what_is_not_understood_whole_is_refused(text: str) -> None:
    """A rule that was read in part would let too much expire."""
    with pytest.raises(ValueError, match=r"."):
        parse(text)
