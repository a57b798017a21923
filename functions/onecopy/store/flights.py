"""A subscription's nmsEventLists: what is about to be sent is written down first, so that a retry is the
same list with the same index. Only `deliver` is here, and for one subscription only one of it at a time; but
a second one, or the owner, may come between any two steps, so each write says how it left the row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.change import Change, ResetBox
from onecopy.domain.ids import ModSeq
from onecopy.domain.subscription import RESET
from onecopy.domain.token import LISTING_FOLDERS, RestartToken
from onecopy.store import log, table
from onecopy.store.due import DELIVER
from onecopy.store.subscriptions import note
from onecopy.store.table import SubscriptionRow
from onecopy.store.transact import Store

MOST_EVENTS = 100
"""Changes in one list."""


@dataclass(frozen=True)
class Flight:
    """The list with `index`: the changes after `start` up to `end`; from RESET, one resetBox.

    `at`: when `end` was the last change of the box, which then had this `validity`.
    """

    index: int
    start: int
    end: int
    at: datetime
    validity: str

    def token(self, events: Sequence[Change | ResetBox]) -> RestartToken:
        """Behind the list; after a resetBox the client lists anew."""
        listing = LISTING_FOLDERS if any(isinstance(event, ResetBox) for event in events) else ""
        return RestartToken(self.validity, ModSeq(self.end), self.at, listing)


class Overtaken(Exception):
    """Someone else has written to the row since it was read."""


def of(row: SubscriptionRow) -> Flight | None:
    if not row.in_flight:
        return None
    start, end, at, validity = row.in_flight
    return Flight(int(row.flight), start, end, table.parse_time(at), validity)


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
    """The next list, or None if there is nothing whole to tell yet. Raises Overtaken."""
    flight = _next(store, key, row, box)
    if not flight:
        return None
    told = [flight.start, flight.end, table.time_text(flight.at), flight.validity]
    actions: list[Action] = [
        SubscriptionRow.in_flight.set(told),
        SubscriptionRow.flight.set(flight.index),
        SubscriptionRow.index.set(flight.index + 1),
    ]
    as_read = (SubscriptionRow.index == flight.index) & (SubscriptionRow.cursor == row.cursor)
    if not note(row, actions, as_read & SubscriptionRow.restart.does_not_exist()):
        raise Overtaken
    return flight


def _next(store: Store, key: BoxKey, row: SubscriptionRow, box: Box) -> Flight | None:
    index, cursor = int(row.index), int(row.cursor)
    if cursor == RESET or cursor > box.seq or row.validity != box.validity:
        return _reset(store, index, box)
    if cursor == box.seq:
        return None
    now = store.now()
    found = [change for change in log.tail(key, cursor, MOST_EVENTS) if change.seq <= box.seq]
    if found:
        last = found[-1]
        return Flight(index, cursor, last.seq, now if last.seq == box.seq else last.at, box.validity)
    if table.parse_time(row.cursor_at) < now - store.history:
        return _reset(store, index, box)
    return None


def _reset(store: Store, index: int, box: Box) -> Flight:
    """The log no longer holds what comes next. Where a listing would go on from, the next list does."""
    token = log.start_of_listing(store, box)
    return Flight(index, RESET, token.position, token.given, box.validity)


def events(key: BoxKey, flight: Flight) -> Sequence[Change | ResetBox]:
    """The log does not change, so neither does the list."""
    if flight.start == RESET:
        return [ResetBox()]
    found = log.tail(key, flight.start, flight.end - flight.start)
    return found if len(found) == flight.end - flight.start else [ResetBox()]


def landed(row: SubscriptionRow, flight: Flight) -> bool:
    actions: list[Action] = [
        SubscriptionRow.validity.set(flight.validity),
        SubscriptionRow.cursor.set(flight.end),
        SubscriptionRow.cursor_at.set(table.time_text(flight.at)),
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
    """`again`: when the sweep rings, should the queue have given up by then. What another one has settled in
    the meantime has not failed.
    """
    actions: list[Action] = [
        SubscriptionRow.state.set(state),
        SubscriptionRow.tries.add(1),
        SubscriptionRow.last_error.set(reason),
    ]
    if again:
        actions += [SubscriptionRow.work.set(DELIVER), SubscriptionRow.due.set(table.time_text(again))]
    else:
        actions += [SubscriptionRow.work.remove(), SubscriptionRow.due.remove()]
    flight = of(row)
    unsettled = _is_under_way(flight) if flight else SubscriptionRow.state == row.state
    note(row, actions, unsettled)


def _is_under_way(flight: Flight) -> Condition:
    condition: Condition = (SubscriptionRow.flight == flight.index) & SubscriptionRow.in_flight.exists()
    return condition


def at_rest(row: SubscriptionRow) -> None:
    """Told all there is: nothing is due any more."""
    if row.due:
        note(
            row, [SubscriptionRow.work.remove(), SubscriptionRow.due.remove()], SubscriptionRow.due == row.due
        )
