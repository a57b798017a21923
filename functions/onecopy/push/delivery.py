"""One subscriber's turn: verification, then list after list until it has been told everything.

The row is read again before every send: a deletion, an expiry or a box closed is silence at once.
"""

import json
from dataclasses import dataclass, replace
from datetime import timedelta

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.errors import Unknown
from onecopy.domain.subscription import VERIFICATION_TRIES, back_off
from onecopy.domain.token import RestartToken
from onecopy.push.webhook import DeliveryFailed, send
from onecopy.settings import Settings
from onecopy.store import flights, log, subscriptions, table
from onecopy.store.flights import Flight
from onecopy.store.table import SubscriptionRow
from onecopy.store.transact import Store
from onecopy.wire import outward
from onecopy.wire.urls import Urls

LISTS_AT_ONCE = 20
VERIFICATION_PACE = 5
"""A receiver that is just being set up has some seconds between the tries."""

FAST_TRIES = 5
"""Tries that the queue makes before it gives the message up; the sweep makes those after."""

_HOLE = timedelta(seconds=1)


@dataclass(frozen=True)
class Outcome:
    """`again`: the same message once more, after so long. `more`: a new ring. `error`: what went wrong.
    `lists`: how many the subscriber has taken."""

    again: timedelta | None = None
    more: bool = False
    error: str | None = None
    lists: int = 0


def deliver(store: Store, settings: Settings, key: BoxKey, subscription_id: str) -> Outcome:
    landed = 0
    for _ in range(LISTS_AT_ONCE):
        now = store.now()
        try:
            row = subscriptions.row(key, subscription_id)
        except Unknown:
            return Outcome()
        if row.state == "failed" or row.expiry <= table.time_text(now):
            flights.at_rest(row)
            return Outcome()
        if row.tries and row.due and (wait := table.parse_time(row.due) - now) > timedelta(seconds=1):
            return Outcome(again=wait) if row.tries <= FAST_TRIES else Outcome()
        verified = row.state != "unverified"
        outcome = _next(store, settings, key, row) if verified else _verify(store, settings, row)
        if outcome:
            return replace(outcome, lists=landed)
        landed += verified
    return Outcome(more=True, lists=landed)


def _verify(store: Store, settings: Settings, row: SubscriptionRow) -> Outcome | None:
    """The receiver shows that it wants this by giving the code back. Until then it gets nothing else."""
    url = _urls(settings, row).subscription(row.item)
    body = outward.dumps({"verification": {"subscription": url, "code": row.code}}).encode()
    try:
        answer = send(
            row.notify_url,
            row.secret,
            f"{row.item}.verification",
            store.now(),
            body,
            allow_local=settings.allow_local_callbacks,
        )
        if answer.status != 200 or not _gives_back(answer.body, row.code):
            raise DeliveryFailed("the verification code was not given back")
    except DeliveryFailed as error:
        return _failed(store, settings, row, str(error))
    flights.verified(row)
    return None


def _gives_back(body: bytes, code: str) -> bool:
    try:
        return bool(json.loads(body).get("code") == code)
    except (ValueError, AttributeError, RecursionError):
        return False


def _next(store: Store, settings: Settings, key: BoxKey, row: SubscriptionRow) -> Outcome | None:
    """One list sent, or the end of it: None if there may be more to send."""
    box = log.read_box(store, key)
    flight = flights.of(row)
    if not flight:
        flights.apply_restart(row)
        flight = flights.begin(store, key, row, box)
    if not flight:
        if row.cursor < box.seq:
            return Outcome(again=_HOLE)
        flights.at_rest(row)
        return Outcome()
    try:
        send(
            row.notify_url,
            row.secret,
            f"{box.validity}.{row.item}.{flight.index}",
            store.now(),
            _event_list(settings, key, box, row, flight),
            allow_local=settings.allow_local_callbacks,
        )
    except DeliveryFailed as error:
        return _failed(store, settings, row, str(error))
    flights.landed(row, flight)
    return None


def _event_list(settings: Settings, key: BoxKey, box: Box, row: SubscriptionRow, flight: Flight) -> bytes:
    urls = _urls(settings, row)
    token = RestartToken(box.validity, flights.position(flight), flight.at)
    more: outward.Json = {"index": flight.index}
    if row.callback_data is not None:
        more["callbackData"] = row.callback_data
    more["link"] = [{"rel": "NmsSubscription", "href": urls.subscription(row.item)}]
    signed = token.sign(key, settings.restart_token_keys)
    events = outward.event_list(flights.events(key, flight), urls, signed, more)
    return outward.dumps({"nmsEventList": events}).encode()


def _failed(store: Store, settings: Settings, row: SubscriptionRow, reason: str) -> Outcome:
    """Back-off by the queue at first, whose dead-letter queue tells the operator; by the sweep after."""
    tries = int(row.tries) + 1
    now = store.now()
    unverified = row.state == "unverified"
    if unverified and tries >= VERIFICATION_TRIES:
        flights.failed(row, "failed", reason, None)
        return Outcome(error=reason)
    wait = back_off(tries, settings.backoff_max) * (VERIFICATION_PACE if unverified else 1)
    flights.failed(row, "unverified" if unverified else "failing", reason, now + wait)
    return Outcome(again=wait if tries <= FAST_TRIES else None, error=reason)


def _urls(settings: Settings, row: SubscriptionRow) -> Urls:
    key = BoxKey.parse(table.box_of_subscription(row.box))
    root = settings.server_root or row.server_root
    return Urls(root, key.store, key.box_id, key.box_id)
