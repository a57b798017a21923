"""A subscription's nmsEventLists. Each one is recorded before it is sent, so a retry sends the same list with
the same index.

Only `deliver` uses this module, and only one invocation at a time for each subscription. But a second one, or
the owner, may come between any two steps, so each write has a condition on the row as it was left.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.change import Change, ChangedObject, Metadata, ResetBox
from onecopy.domain.ids import ModSeq
from onecopy.domain.interest import EVERYTHING, NOTHING_SPECIAL, Followed, Interest
from onecopy.domain.subscription import RESET
from onecopy.domain.token import LISTING_FOLDERS, RestartToken
from onecopy.store.box import log
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import SubscriptionRow, json_text
from onecopy.store.commit.table import DELIVER, DUE
from onecopy.store.commit.transact import Store
from onecopy.store.subscribers.subscriptions import note
from onecopy.store.view.selected import Selected

MOST_EVENTS = 100
"""Changes in one list."""

MOST_BYTES = 64_000
"""Bytes of a list as it is sent."""

LATE = timedelta(seconds=10)
"""The queue retries for some seconds while a commit shows only in part. After this long, the sweep does."""

Room = Callable[[Sequence[Change]], int]
"""How many of the changes, from the first on, one list has room for; at least one."""


@dataclass(frozen=True)
class Flight:
    """The list with `index`: the changes after `start` up to `end`. If `start` is RESET, one resetBox.

    `at`: a time when `end` was the last change of the box, which then had this `validity`.
    `followed` and `seen` are as in the token after the list. `told`: the changes that the list holds if those
    are not all; `whole`: the metadata of those that came into view.
    """

    index: int
    start: int
    end: int
    at: datetime
    validity: str
    followed: Followed = NOTHING_SPECIAL
    seen: int = 0
    told: tuple[int, ...] | None = None
    whole: Mapping[int, Metadata] = field(default_factory=dict)

    def token(self, events: Sequence[Change | ResetBox]) -> RestartToken:
        """The token after the list. After a resetBox, it makes the client list everything again."""
        listing = LISTING_FOLDERS if any(isinstance(event, ResetBox) for event in events) else ""
        position = ModSeq(self.end)
        return RestartToken(self.validity, position, self.at, listing, followed=self.followed, seen=self.seen)


class Overtaken(Exception):
    """Someone else has written to the row since it was read."""


class NothingTold(Exception):
    """The changes that come next are not told. The cursor has moved on over them without a list."""


def of(row: SubscriptionRow) -> Flight | None:
    if not row.in_flight:
        return None
    start, end, at, validity, *selected = row.in_flight
    flight = Flight(int(row.flight), start, end, table.parse_time(at), validity)
    return _selected(flight, *selected) if selected else flight


def _selected(flight: Flight, followed: Any, told: list[int] | None, whole: dict[str, Any]) -> Flight:
    version, seen = rows.followed(followed)
    return replace(
        flight,
        followed=version,
        seen=seen,
        told=None if told is None else tuple(told),
        whole={int(seq): rows.metadata(raw) for seq, raw in whole.items()},
    )


def apply_restart(row: SubscriptionRow) -> None:
    """Replaces the cursor with the start of a replay that the owner asked for, between two lists."""
    if row.attribute_values.get("restart") is None:
        return
    actions: list[Action] = [
        SubscriptionRow.cursor.set(row.restart),
        SubscriptionRow.cursor_at.set(row.restart_at),
        SubscriptionRow.validity.set(row.restart_validity or row.validity),
        _follow(row.restart_followed),
        SubscriptionRow.restart_followed.remove(),
        SubscriptionRow.restart.remove(),
        SubscriptionRow.restart_at.remove(),
        SubscriptionRow.restart_validity.remove(),
    ]
    note(row, actions, SubscriptionRow.restart == row.restart)


def _follow(followed: Any) -> Action:
    return SubscriptionRow.followed.set(followed) if followed else SubscriptionRow.followed.remove()


def under_way(store: Store, row: SubscriptionRow, box: Box, interest: Interest = EVERYTHING) -> Flight | None:
    """The list that was begun and is not accepted yet. Raises Overtaken.

    If the box was reset since, the list is void. One resetBox takes its place and its index.
    """
    flight = of(row)
    if not flight or flight.validity == box.validity:
        return flight
    reset = _reset(store, flight.index, box, interest)
    if not note(row, [SubscriptionRow.in_flight.set(_told(reset))], _is_under_way(flight)):
        raise Overtaken
    return reset


def begin(
    store: Store, row: SubscriptionRow, box: Box, room: Room = len, interest: Interest = EVERYTHING
) -> Flight | None:
    """Begins the next list, or returns None if nothing shows whole yet. Raises Overtaken or NothingTold."""
    flight = _next(store, row, box, room, interest)
    if not flight:
        return None
    if flight.told == ():
        note(row, _moved(flight), _as_read(row))
        raise NothingTold
    actions: list[Action] = [
        SubscriptionRow.in_flight.set(_told(flight)),
        SubscriptionRow.flight.set(flight.index),
        SubscriptionRow.index.set(flight.index + 1),
    ]
    if not note(row, actions, _as_read(row)):
        raise Overtaken
    return flight


def _as_read(row: SubscriptionRow) -> Condition:
    as_read = (SubscriptionRow.index == row.index) & (SubscriptionRow.cursor == row.cursor)
    condition: Condition = as_read & SubscriptionRow.restart.does_not_exist()
    return condition


def _told(flight: Flight) -> list[Any]:
    written = [flight.start, flight.end, table.time_text(flight.at), flight.validity]
    if flight.followed == NOTHING_SPECIAL:
        return written
    followed = rows.followed_json(flight.followed, flight.seen)
    whole = {str(seq): rows.metadata_json(metadata) for seq, metadata in flight.whole.items()}
    return [*written, followed, None if flight.told is None else list(flight.told), whole]


def _next(store: Store, row: SubscriptionRow, box: Box, room: Room, interest: Interest) -> Flight | None:
    index, cursor = int(row.index), int(row.cursor)
    followed, _ = rows.followed(row.followed)
    is_void = row.validity != box.validity or followed != interest.followed
    if cursor == RESET or cursor > box.seq or is_void:
        return _reset(store, index, box, interest)
    if cursor == box.seq:
        return None
    now = store.now()
    found = [change for change in log.tail(box.key, cursor, MOST_EVENTS) if change.seq <= box.seq]
    if not found:
        return _reset(store, index, box, interest) if log.is_gone(box, cursor, now) else None
    if interest.is_everything:
        last = found[room(found) - 1]
        return Flight(index, cursor, last.seq, now if last.seq == box.seq else last.at, box.validity)
    return _next_selected(store, row, box, room, interest, found)


def _next_selected(
    store: Store,
    row: SubscriptionRow,
    box: Box,
    room: Room,
    interest: Interest,
    found: Sequence[Change],
) -> Flight:
    """What is told is decided here, once: folders may be moved, and objects deleted, before the next try."""
    index, cursor = int(row.index), int(row.cursor)
    _, seen = rows.followed(row.followed)
    part = Selected(store, box.key, interest).told(found, MOST_EVENTS, seen)
    if part.crossed:
        return _reset(store, index, box, interest)
    told = part.changes[: room(part.changes)] if part.changes else []
    end = told[-1].seq if len(told) < len(part.changes) else part.position
    known = {int(change.seq): change for change in found}
    flight = Flight(index, cursor, end, store.now() if end == box.seq else known[end].at, box.validity)
    return replace(
        flight,
        followed=interest.followed,
        seen=seen if seen > end else 0,
        told=tuple(change.seq for change in told),
        whole=dict(_came_into_view(told, known)),
    )


def _came_into_view(told: Sequence[Change], known: Mapping[int, Change]) -> Iterator[tuple[int, Metadata]]:
    """The metadata that the log does not hold. What would not fit into a list is left out."""
    for change in told:
        event = change.event
        if not isinstance(event, ChangedObject) or not event.metadata or event == known[change.seq].event:
            continue
        if len(json_text(rows.metadata_json(event.metadata))) <= MOST_BYTES:
            yield change.seq, event.metadata


def _reset(store: Store, index: int, box: Box, interest: Interest) -> Flight:
    """A resetBox: the log no longer holds what comes next. The list after it begins where a listing would."""
    token = log.start_of_listing(store, box, interest.followed)
    return Flight(index, RESET, token.position, token.given, box.validity, interest.followed, token.seen)


def events(key: BoxKey, flight: Flight) -> Sequence[Change | ResetBox]:
    """The list's events. The log does not change, so neither does the list."""
    if flight.start == RESET:
        return [ResetBox()]
    found = log.tail(key, flight.start, flight.end - flight.start)
    if len(found) != flight.end - flight.start:
        return [ResetBox()]
    if flight.told is None:
        return found
    return [_whole(change, flight.whole) for change in found if change.seq in flight.told]


def _whole(change: Change, known: Mapping[int, Metadata]) -> Change:
    if change.seq in known and isinstance(change.event, ChangedObject):
        return replace(change, event=replace(change.event, metadata=known[change.seq]))
    return change


def _moved(flight: Flight) -> list[Action]:
    """The cursor after the list."""
    return [
        SubscriptionRow.validity.set(flight.validity),
        SubscriptionRow.cursor.set(flight.end),
        SubscriptionRow.cursor_at.set(table.time_text(flight.at)),
        _follow(rows.followed_json(flight.followed, flight.seen)),
    ]


def landed(row: SubscriptionRow, flight: Flight) -> bool:
    actions: list[Action] = [
        *_moved(flight),
        SubscriptionRow.state.set("active"),
        SubscriptionRow.tries.set(0),
        SubscriptionRow.in_flight.remove(),
        SubscriptionRow.last_error.remove(),
    ]
    return note(row, actions, _is_under_way(flight))


def verified(row: SubscriptionRow) -> bool:
    actions: list[Action] = [
        SubscriptionRow.state.set("active"),
        SubscriptionRow.tries.set(0),
        SubscriptionRow.last_error.remove(),
    ]
    return note(row, actions, SubscriptionRow.state == "unverified")


def failed(row: SubscriptionRow, state: str, reason: str, again: datetime | None) -> None:
    """Records a failure. `again`: when the sweep rings if the queue has given up; None if nobody tries again.

    Writes nothing if another invocation has settled the list meanwhile.
    """
    actions: list[Action] = [
        SubscriptionRow.state.set(state),
        SubscriptionRow.tries.add(1),
        SubscriptionRow.last_error.set(reason),
        *(_due(row, DELIVER, again) if again else _due(row, DUE, table.parse_time(row.expiry))),
    ]
    flight = of(row)
    unsettled = _is_under_way(flight) if flight else SubscriptionRow.state == row.state
    note(row, actions, unsettled)


def _due(row: SubscriptionRow, kind: str, due: datetime) -> list[Action]:
    """Sets when the subscription is due, at the latest at its expiry, when it is put away."""
    return [
        SubscriptionRow.work.set(table.work(kind, row.box)),
        SubscriptionRow.due.set(min(table.time_text(due), row.expiry)),
    ]


def _is_under_way(flight: Flight) -> Condition:
    condition: Condition = (SubscriptionRow.flight == flight.index) & SubscriptionRow.in_flight.exists()
    return condition


def wait(store: Store, row: SubscriptionRow) -> None:
    """Notes that something is owed that does not show whole yet. The sweep rings if the queue gives up."""
    now = store.now()
    if not is_put_off(row, now):
        put_off(row, now + LATE)


def put_off(row: SubscriptionRow, until: datetime) -> bool:
    """Postpones its turn. Until then no change rings for it; then the sweep does. False if someone else has
    written to the row.
    """
    return note(row, _due(row, DELIVER, until), _as_due(row))


def is_put_off(row: SubscriptionRow, now: datetime) -> bool:
    """Whether something is owed to it and the time at which the sweep rings for it is still ahead."""
    return _is_due_later(row, DELIVER, now)


def rest(store: Store, row: SubscriptionRow, longest: timedelta, told: bool) -> bool:
    """Notes that nothing is owed. The sweep looks again within `longest`, even if every ring is lost.
    `told`: the subscriber has received everything.
    Writes nothing while such a look is still ahead. False if someone else has written to the row.
    """
    now = store.now()
    if _is_due_later(row, DUE, now):
        return True
    look = now + longest * (1 + store.jitter()) / 2
    actions = _due(row, DUE, look)
    if told:
        actions.append(SubscriptionRow.cursor_at.set(table.time_text(now)))
    as_read = (SubscriptionRow.cursor == row.cursor) & SubscriptionRow.restart.does_not_exist()
    return note(row, actions, as_read & _as_due(row))


def _is_due_later(row: SubscriptionRow, kind: str, now: datetime) -> bool:
    return bool(row.work == table.work(kind, row.box) and row.due and row.due > table.time_text(now))


def _as_due(row: SubscriptionRow) -> Condition:
    due = row.due
    condition: Condition = (
        SubscriptionRow.due == due if due is not None else SubscriptionRow.due.does_not_exist()
    )
    return condition
