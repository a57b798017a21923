"""The rules of an interest by themselves: what is met together, and what a token and a cursor carry."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from onecopy.domain.change import ChangedFolder
from onecopy.domain.folder import Attributes
from onecopy.domain.ids import FolderId, ObjectId, compact
from onecopy.domain.interest import Followed, Interest, Preferences
from onecopy.store.commit import table

NOW = datetime(2026, 11, 30, tzinfo=UTC)

folders = st.integers(1, 6).map(lambda number: FolderId(compact(number)))
moments = st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31))  # noqa: DTZ001
recent = st.integers(0, 20).map(lambda days: NOW - timedelta(days=days))
contexts = st.sampled_from(["pager-message", "Voice-Message", "fax-message"])


def _one(excluded: tuple[FolderId, ...], by: datetime | int | None, allowed: list[str] | None) -> Preferences:
    date, days = (by, None) if isinstance(by, datetime) else (None, by)
    return Preferences(excluded, date, days, tuple(allowed) if allowed else None)


every = st.builds(
    _one,
    st.lists(folders, max_size=2).map(tuple),
    recent | st.integers(1, 20) | st.none(),
    st.lists(contexts, min_size=1, max_size=2) | st.none(),
)
chains = st.lists(folders, min_size=1, max_size=4).map(tuple)


def of(context: str | None) -> Attributes:
    return (("message-CONTEXT", (context.upper(),)),) if context else ()


def is_in_view(
    met: tuple[Preferences, ...], chain: tuple[FolderId, ...], date: datetime, context: str
) -> bool:
    interest = Interest(met=met)
    return not interest.excludes(chain) and interest.allows(of(context), (), date, NOW)


@given(every, every, chains, recent, contexts | st.none())
def test_what_is_met_together_is_told_only_if_each_alone_tells_it(
    preferences: Preferences, policy: Preferences, chain: tuple[FolderId, ...], date: datetime, context: str
) -> None:
    alone = [is_in_view((one,), chain, date, context) for one in (preferences, policy)]
    assert is_in_view((preferences, policy), chain, date, context) == all(alone)


@given(every, chains, chains, folders)
def test_a_move_crosses_a_border_if_what_is_above_the_folder_is_excluded_on_one_side_alone(
    preferences: Preferences, before: tuple[FolderId, ...], after: tuple[FolderId, ...], folder: FolderId
) -> None:
    interest = Interest(met=(preferences,))
    moved = ChangedFolder(folder, after[-1], "name", (), (before, after))
    differs = interest.excludes((*before, folder)) != interest.excludes((*after, folder))
    assert interest.is_crossed_by(moved) == differs
    assert not interest.is_crossed_by(replace(moved, moved=None))


def test_nothing_followed_is_everything_and_deleted_preferences_are_not() -> None:
    """Who followed them once gets no digest; nobody knows whether there will be preferences again."""
    assert Interest().is_everything
    assert not Interest(Followed("phone")).is_everything


@given(moments, st.integers(1, 10**9))
def test_a_place_by_date_comes_back_from_its_cursor(date: datetime, number: int) -> None:
    place = table.link_dated(date, ObjectId(compact(number)))
    cursor = table.dated_cursor(place)
    assert table.dated_at(cursor) == place
    assert re.fullmatch(r"[0-9a-z]*", cursor)
