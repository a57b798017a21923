"""Subscriptions of a box. The delivery's own bookkeeping on the same rows is in `flights`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.errors import NotAllowed, Unknown
from onecopy.domain.ids import is_id
from onecopy.domain.subscription import LONGEST, MOST, RESET, State, Subscription
from onecopy.domain.token import RestartToken
from onecopy.store import due, table
from onecopy.store.draft import Draft
from onecopy.store.due import DELIVER
from onecopy.store.log import is_too_old, read_box
from onecopy.store.table import SubscriptionRow
from onecopy.store.transact import Store, View, commit

KEPT = timedelta(days=30)
"""How long an expired subscription can still be seen, and renewed."""


@dataclass(frozen=True)
class NewSubscription:
    notify_url: str
    secret: str
    server_root: str
    callback_data: str | None = None
    client_correlator: str | None = None
    duration: timedelta | None = None
    restart: RestartToken | None = None


def create(store: Store, key: BoxKey, given: NewSubscription) -> Subscription:
    """Unverified, and due for its verification at once. Counts up to the limit in the box row's turn."""
    code = store.random(16).hex()

    def decide(view: View, draft: Draft) -> SubscriptionRow:
        _check_room(key, draft.now)
        expiry = draft.now + min(given.duration or LONGEST, LONGEST)
        cursor, cursor_at = _start(store, view.box, given.restart)
        row = SubscriptionRow(
            box=table.subscription_partition(key),
            item=draft.new_id(),
            notify_url=given.notify_url,
            callback_data=given.callback_data,
            client_correlator=given.client_correlator,
            secret=given.secret,
            code=code,
            state="unverified",
            expiry=table.time_text(expiry),
            expires=int((expiry + KEPT).timestamp()),
            server_root=given.server_root,
            validity=view.box.validity,
            cursor=cursor,
            cursor_at=table.time_text(cursor_at),
            index=1,
            work=DELIVER,
            due=table.time_text(draft.now),
        )
        draft.row(lambda transaction: transaction.save(row))
        return row

    return _subscription(commit(store, key, list, decide), store.now())


def _start(store: Store, box: Box, token: RestartToken | None) -> tuple[int, datetime]:
    now = store.now()
    if token is None:
        return box.seq, now
    if token.validity != box.validity or is_too_old(store, box, token):
        return RESET, now
    return token.position, token.given


def find(store: Store, key: BoxKey, subscription_id: str) -> Subscription:
    return _subscription(row(key, subscription_id), store.now())


def row(key: BoxKey, subscription_id: str) -> SubscriptionRow:
    partition = table.subscription_partition(key)
    found = table.get(SubscriptionRow, partition, subscription_id) if is_id(subscription_id) else None
    if not found:
        raise Unknown("subscriptionId")
    return found


def every(store: Store, key: BoxKey) -> list[Subscription]:
    return [_subscription(row, store.now()) for row in _rows(key)]


def live(key: BoxKey, now: datetime) -> Iterator[SubscriptionRow]:
    """Those that want to be told."""
    return (row for row in _rows(key) if not _is_over(row, now) and row.state != "failed")


def update(
    store: Store, key: BoxKey, subscription_id: str, duration: timedelta | None, restart: RestartToken | None
) -> Subscription:
    """A longer life, and a replay from the next list on. A failed verification starts again."""
    while True:
        found = row(key, subscription_id)
        changes = _update(store, key, found, duration, restart)
        if note(found, changes, SubscriptionRow.state == found.state):
            return _subscription(found, store.now())


def _update(
    store: Store,
    key: BoxKey,
    found: SubscriptionRow,
    duration: timedelta | None,
    restart: RestartToken | None,
) -> list[Action]:
    now = store.now()
    actions: list[Action] = []
    if _is_over(found, now):
        _check_room(key, now)
    if duration or _is_over(found, now):
        expiry = now + min(duration or LONGEST, LONGEST)
        actions += [
            SubscriptionRow.expiry.set(table.time_text(expiry)),
            SubscriptionRow.expires.set(int((expiry + KEPT).timestamp())),
        ]
    if restart:
        cursor, cursor_at = _start(store, read_box(store, key), restart)
        actions.append(SubscriptionRow.restart.set(cursor))
        actions.append(SubscriptionRow.restart_at.set(table.time_text(cursor_at)))
    if found.state == "failed":
        actions += [SubscriptionRow.state.set("unverified"), SubscriptionRow.tries.set(0)]
    return [*actions, SubscriptionRow.work.set(DELIVER), SubscriptionRow.due.set(table.time_text(now))]


def tell_anew(key: BoxKey, now: datetime) -> None:
    """After the box got a new validity: each live one is due at once, and what was under way is not repeated,
    so that one resetBox is the next it hears.
    """
    wake(key, now, SubscriptionRow.in_flight.remove())


def wake(key: BoxKey, now: datetime, *more: Action) -> None:
    """Each live one is due at once, whether or not it has been told everything."""
    for row in live(key, now):
        actions: list[Action] = [
            *more,
            SubscriptionRow.work.set(due.delivery(row.box)),
            SubscriptionRow.due.set(table.time_text(now)),
        ]
        note(row, actions)


def note(row: SubscriptionRow, actions: list[Action], condition: Condition | None = None) -> bool:
    """Whether it was written: not if the subscription is gone, or is not as the condition says."""
    holds = SubscriptionRow.item.exists()
    try:
        row.update(actions, holds & condition if condition is not None else holds)
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            return False
        raise
    return True


def delete(key: BoxKey, subscription_id: str) -> None:
    """Nothing is sent from now on: every send looks for the row first."""
    row(key, subscription_id).delete()


def _rows(key: BoxKey) -> Iterator[SubscriptionRow]:
    return table.every(SubscriptionRow, table.subscription_partition(key))


def _check_room(key: BoxKey, now: datetime) -> None:
    if sum(1 for row in _rows(key) if not _is_over(row, now)) >= MOST:
        raise NotAllowed("subscriptions")


def _is_over(row: SubscriptionRow, now: datetime) -> bool:
    return bool(row.expiry <= table.time_text(now))


def _subscription(row: SubscriptionRow, now: datetime) -> Subscription:
    state = "expired" if _is_over(row, now) else row.state
    restarts = row.restart is not None
    return Subscription(
        subscription_id=row.item,
        notify_url=row.notify_url,
        callback_data=row.callback_data,
        client_correlator=row.client_correlator,
        secret=row.secret,
        state=cast(State, state),
        last_error=row.last_error,
        expiry=table.parse_time(row.expiry),
        cursor=int(row.restart if restarts else row.cursor),
        cursor_at=table.parse_time(row.restart_at if restarts else row.cursor_at),
        index=int(row.index),
    )
