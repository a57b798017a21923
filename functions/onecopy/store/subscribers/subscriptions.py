"""Subscriptions of a box. `in_flight` tracks deliveries in their rows; `expired` keeps the expired ones."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.errors import NotAllowed, Unknown
from onecopy.domain.ids import is_id
from onecopy.domain.interest import NOTHING_SPECIAL, Followed
from onecopy.domain.subscription import LONGEST, MOST, RESET, State, Subscription
from onecopy.domain.token import RestartToken
from onecopy.store.box.commits import commit
from onecopy.store.box.log import is_too_old, read_box
from onecopy.store.commit import rows, table
from onecopy.store.commit.conditional import held
from onecopy.store.commit.draft import Draft
from onecopy.store.commit.kinds import SubscriptionRow
from onecopy.store.commit.transact import Store, View
from onecopy.store.subscribers import expired
from onecopy.store.subscribers.expired import KEPT, as_read, is_over, moved, put_away


@dataclass(frozen=True)
class NewSubscription:
    notify_url: str
    secret: str
    server_root: str
    callback_data: str | None = None
    notification_format: str | None = None
    client_correlator: str | None = None
    duration: timedelta | None = None
    restart: RestartToken | None = None
    preferences: str | None = None
    filter: dict[str, Any] | None = None
    followed: Followed = NOTHING_SPECIAL


def create(store: Store, key: BoxKey, given: NewSubscription) -> Subscription:
    """A new subscription, unverified and due for verification at once; or the existing one with the same
    correlator. Raises NotAllowed at the limit.

    The commit goes through the box row, so two at once cannot pass the limit. Puts away expired ones it sees.
    """
    code = store.random(16).hex()
    over: list[SubscriptionRow] = []

    def decide(view: View, draft: Draft) -> Subscription:
        there = list(_rows(key))
        over[:] = [row for row in there if is_over(row, draft.now)]
        present = [row for row in there if not is_over(row, draft.now)]
        for row in present:
            if given.client_correlator is not None and row.client_correlator == given.client_correlator:
                return _subscription(row, draft.now)
        _check_room(present)
        row = _row(store, view.box, draft, given, code)
        draft.row(lambda transaction: transaction.save(row))
        return _subscription(row, draft.now)

    made = commit(store, key, list, decide)
    with suppress(Exception):  # those that remain are put away later
        for row in over:
            put_away(store, key, row)
    return made


def encode(made: Subscription) -> dict[str, Any]:
    """The first answer, kept for a repeat of the request, the secret included."""
    times = {"expiry": table.time_text(made.expiry), "cursor_at": table.time_text(made.cursor_at)}
    return asdict(made) | times


def decode(raw: dict[str, Any]) -> Subscription:
    times = {name: table.parse_time(raw[name]) for name in ("expiry", "cursor_at")}
    return Subscription(**{**raw, **times, "followed": Followed(**raw["followed"])})


def _row(store: Store, box: Box, draft: Draft, given: NewSubscription, code: str) -> SubscriptionRow:
    cursor, cursor_at = _start(store, box, given.restart, given.followed)
    partition = table.subscription_partition(box.key)
    return SubscriptionRow(
        box=partition,
        item=draft.new_id(),
        notify_url=given.notify_url,
        callback_data=given.callback_data,
        notification_format=given.notification_format,
        client_correlator=given.client_correlator,
        secret=given.secret,
        code=code,
        state="unverified",
        server_root=given.server_root,
        validity=box.validity,
        cursor=cursor,
        cursor_at=table.time_text(cursor_at),
        index=1,
        preferences=given.preferences,
        filter=given.filter,
        followed=rows.followed_json(given.followed, given.restart.seen if given.restart else 0),
        **_life(draft.now, given.duration),
        **_due_now(partition, draft.now),
    )


def _life(now: datetime, duration: timedelta | None) -> dict[str, Any]:
    """When it expires, and when it is forgotten."""
    expiry = now + min(duration or LONGEST, LONGEST)
    return {"expiry": table.time_text(expiry), "expires": int((expiry + KEPT).timestamp())}


def _due_now(partition: str, now: datetime) -> dict[str, Any]:
    return {"work": table.work(table.DELIVER, partition), "due": table.time_text(now)}


def _start(store: Store, box: Box, token: RestartToken | None, followed: Followed) -> tuple[int, datetime]:
    now = store.now()
    if token is None:
        return box.seq, now
    if token.followed != followed or token.validity != box.validity or is_too_old(store, box, token):
        return RESET, now
    return token.position, token.given


def find(store: Store, key: BoxKey, subscription_id: str) -> Subscription:
    return _subscription(_anywhere(key, subscription_id), store.now())


def row(key: BoxKey, subscription_id: str) -> SubscriptionRow:
    """A subscription that has not been put away and may be delivered to. Raises Unknown."""
    return _of(table.subscription_partition(key), subscription_id)


def _anywhere(key: BoxKey, subscription_id: str) -> SubscriptionRow:
    try:
        return row(key, subscription_id)
    except Unknown:
        return _of(table.expired_partition(key), subscription_id)


def _of(partition: str, subscription_id: str) -> SubscriptionRow:
    found = table.get(SubscriptionRow, partition, subscription_id) if is_id(subscription_id) else None
    if not found:
        raise Unknown("subscriptionId")
    return found


def every(store: Store, key: BoxKey) -> list[Subscription]:
    """All subscriptions of the box, the expired ones included."""
    return [_subscription(row, store.now()) for row in (*_rows(key), *expired.rows(key))]


def live(key: BoxKey, now: datetime) -> Iterator[SubscriptionRow]:
    """Those to deliver to: neither expired nor failed."""
    return (row for row in _rows(key) if not is_over(row, now) and row.state != "failed")


@dataclass(frozen=True)
class Restart:
    """Where a replay begins, and what the subscription follows by now."""

    token: RestartToken
    followed: Followed = NOTHING_SPECIAL


def update(
    store: Store, key: BoxKey, subscription_id: str, duration: timedelta | None, restart: Restart | None
) -> Subscription:
    """Extends its life, and replays from the next list on. A failed verification starts again."""
    while True:
        found = _anywhere(key, subscription_id)
        if is_over(found, store.now()):
            renewed = _renew(store, key, found, duration, restart)
            if renewed:
                return _subscription(renewed, store.now())
            continue
        box = read_box(store, key) if restart else None
        changes = _changes(store, found, box, restart)
        if duration:
            changes |= _life(store.now(), duration)
        actions = [getattr(SubscriptionRow, name).set(value) for name, value in changes.items()]
        if note(found, actions, SubscriptionRow.state == found.state):
            return _subscription(found, store.now())


def _changes(
    store: Store, found: SubscriptionRow, box: Box | None, restart: Restart | None
) -> dict[str, Any]:
    changes = _due_now(found.box, store.now())
    if box and restart:
        cursor, cursor_at = _start(store, box, restart.token, restart.followed)
        changes |= {
            "restart_followed": rows.followed_json(restart.followed, restart.token.seen) or [],
            "restart": cursor,
            "restart_at": table.time_text(cursor_at),
            "restart_validity": box.validity,
        }
    if found.state == "failed":
        changes |= {"state": "unverified", "tries": 0}
    return changes


def _renew(
    store: Store,
    key: BoxKey,
    found: SubscriptionRow,
    duration: timedelta | None,
    restart: Restart | None,
) -> SubscriptionRow | None:
    """Puts it back among the live ones, if there is room. None if someone else wrote to it meanwhile."""
    partition = table.subscription_partition(key)

    def decide(view: View, draft: Draft) -> SubscriptionRow:
        _check_room([row for row in _rows(key) if not is_over(row, draft.now)])
        draft.take_turn()  # commits on the box row: of two at once, the second counts the first
        changes = _changes(store, found, view.box, restart) | _due_now(partition, draft.now)
        renewed = moved(found, partition, **changes, **_life(draft.now, duration))
        if found.box == partition:
            draft.row(lambda transaction: transaction.save(renewed, as_read(found)))
        else:
            draft.row(lambda transaction: transaction.delete(found, as_read(found)))
            draft.row(lambda transaction: transaction.save(renewed))
        return renewed

    try:
        return commit(store, key, list, decide)
    except TransactWriteError as error:
        if error.cause_response_code != "TransactionCanceledException":
            raise
        return None


def tell_anew(key: BoxKey, now: datetime) -> None:
    """Makes each live one due at once, after the box got a new validity. The next list
    that each receives is one resetBox, as none under way is repeated.
    """
    wake(key, now, SubscriptionRow.in_flight.remove())


def wake(key: BoxKey, now: datetime, *more: Action, following: str | None = None) -> list[SubscriptionRow]:
    """Makes each live one due at once, even if it is up to date; or those alone that follow preferences and
    are not failing.
    """
    found = [
        row
        for row in live(key, now)
        if following is None or (row.preferences == following and row.state == "active")
    ]
    for row in found:
        actions: list[Action] = [
            *more,
            SubscriptionRow.work.set(table.work(table.DELIVER, row.box)),
            SubscriptionRow.due.set(table.time_text(now)),
        ]
        note(row, actions)
    return found


def note(row: SubscriptionRow, actions: list[Action], condition: Condition | None = None) -> bool:
    """Writes to the row. False if the subscription is gone, or the condition does not hold."""
    there = SubscriptionRow.item.exists()
    return held(lambda: row.update(actions, there & condition if condition is not None else there))


def delete(key: BoxKey, subscription_id: str) -> None:
    """Deletes it. Nothing is sent from now on, because every send looks for the row first."""
    while not held(lambda: _anywhere(key, subscription_id).delete(SubscriptionRow.item.exists())):
        pass  # it was just put away, or renewed


def _rows(key: BoxKey) -> Iterator[SubscriptionRow]:
    return table.every(SubscriptionRow, table.subscription_partition(key))


def _check_room(present: Sequence[SubscriptionRow]) -> None:
    if len(present) >= MOST:
        raise NotAllowed("subscriptions")


def _subscription(row: SubscriptionRow, now: datetime) -> Subscription:
    state = "expired" if is_over(row, now) else row.state
    restarts = row.restart is not None
    validity = row.restart_validity if restarts else None
    followed, seen = rows.followed(row.restart_followed if restarts else row.followed)
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
        validity=validity or row.validity,
        index=int(row.index),
        notification_format=row.notification_format,
        preferences=row.preferences,
        filter=row.filter,
        followed=followed,
        seen=seen,
    )
