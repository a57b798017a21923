"""A subscription's nmsEventLists: what is about to be sent is written down first, so that a retry is the
same list with the same index. Only `deliver` is here, and for one subscription only one of it at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pynamodb.expressions.update import Action

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.change import Change, ResetBox
from onecopy.domain.ids import ModSeq
from onecopy.domain.subscription import RESET
from onecopy.store import log, table
from onecopy.store.due import DELIVER
from onecopy.store.subscriptions import note
from onecopy.store.table import SubscriptionRow
from onecopy.store.transact import Store

MOST_EVENTS = 100
"""Changes in one list."""


@dataclass(frozen=True)
class Flight:
    """The list with `index`: the changes after `start` up to `end`; from RESET, one resetBox."""

    index: int
    start: int
    end: int
    at: datetime


def of(row: SubscriptionRow) -> Flight | None:
    if not row.in_flight:
        return None
    start, end, at = row.in_flight
    return Flight(int(row.flight), start, end, table.parse_time(at))


def apply_restart(row: SubscriptionRow) -> None:
    """A replay that the owner asked for takes the place of the cursor, between two lists."""
    if row.attribute_values.get("restart") is None:
        return
    actions: list[Action] = [
        SubscriptionRow.cursor.set(row.restart),
        SubscriptionRow.cursor_at.set(row.restart_at),
        SubscriptionRow.restart.remove(),
        SubscriptionRow.restart_at.remove(),
    ]
    note(row, actions, SubscriptionRow.restart == row.restart)


def begin(store: Store, key: BoxKey, row: SubscriptionRow, box: Box) -> Flight | None:
    """The next list, or None if there is nothing whole to tell yet."""
    now = store.now()
    cursor = int(row.cursor)
    if cursor != RESET and cursor >= box.seq:
        return None
    end, reset = _reach(store, key, row, box)
    if end is None:
        return None
    flight = Flight(int(row.index), RESET if reset else cursor, end, now)
    actions: list[Action] = [
        SubscriptionRow.in_flight.set([flight.start, flight.end, table.time_text(now)]),
        SubscriptionRow.flight.set(flight.index),
        SubscriptionRow.index.set(flight.index + 1),
    ]
    written = note(row, actions, (SubscriptionRow.index == flight.index) & (SubscriptionRow.cursor == cursor))
    return flight if written else None


def _reach(store: Store, key: BoxKey, row: SubscriptionRow, box: Box) -> tuple[int | None, bool]:
    """How far the next list goes, and whether it is a resetBox: the log no longer holds what comes next."""
    if row.cursor == RESET or row.cursor > box.seq:
        return box.seq, True
    found = [change for change in log.tail(key, int(row.cursor), MOST_EVENTS) if change.seq <= box.seq]
    if found:
        return found[-1].seq, False
    if table.parse_time(row.cursor_at) < store.now() - store.history:
        return box.seq, True
    return None, False


def events(key: BoxKey, flight: Flight) -> Sequence[Change | ResetBox]:
    """The log does not change, so neither does the list."""
    if flight.start == RESET:
        return [ResetBox()]
    found = log.tail(key, flight.start, flight.end - flight.start)
    return found if len(found) == flight.end - flight.start else [ResetBox()]


def landed(row: SubscriptionRow, flight: Flight) -> bool:
    actions: list[Action] = [
        SubscriptionRow.cursor.set(flight.end),
        SubscriptionRow.cursor_at.set(table.time_text(flight.at)),
        SubscriptionRow.state.set("active"),
        SubscriptionRow.tries.set(0),
        SubscriptionRow.in_flight.remove(),
        SubscriptionRow.last_error.remove(),
    ]
    return note(row, actions, SubscriptionRow.flight == flight.index)


def verified(row: SubscriptionRow) -> bool:
    actions: list[Action] = [
        SubscriptionRow.state.set("active"),
        SubscriptionRow.tries.set(0),
        SubscriptionRow.last_error.remove(),
    ]
    return note(row, actions, SubscriptionRow.state == "unverified")


def failed(row: SubscriptionRow, state: str, reason: str, again: datetime | None) -> None:
    """`again`: when the sweep rings, should the queue have given up by then."""
    actions: list[Action] = [
        SubscriptionRow.state.set(state),
        SubscriptionRow.tries.add(1),
        SubscriptionRow.last_error.set(reason),
    ]
    if again:
        actions += [SubscriptionRow.work.set(DELIVER), SubscriptionRow.due.set(table.time_text(again))]
    else:
        actions += [SubscriptionRow.work.remove(), SubscriptionRow.due.remove()]
    note(row, actions)


def at_rest(row: SubscriptionRow) -> None:
    """Told all there is: nothing is due any more."""
    if row.due:
        note(
            row, [SubscriptionRow.work.remove(), SubscriptionRow.due.remove()], SubscriptionRow.due == row.due
        )


def position(flight: Flight) -> ModSeq:
    return ModSeq(flight.end)
