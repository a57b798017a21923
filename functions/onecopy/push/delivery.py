"""One subscriber's turn: verification, then list after list until it has received everything.

Row and box are read again before every send, so nothing more is sent once a subscription is deleted or
expired or its box is closed.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.change import Change, ResetBox, bare
from onecopy.domain.criteria import Criteria
from onecopy.domain.errors import Unknown
from onecopy.domain.subscription import VERIFICATION_TRIES, back_off
from onecopy.push.address import host_of
from onecopy.push.webhook import TIMEOUT, Answer, DeliveryFailed, send
from onecopy.settings import Settings
from onecopy.store.box import log, preferences
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import SubscriptionRow
from onecopy.store.commit.transact import Store
from onecopy.store.subscribers import expired, hosts, in_flight, subscriptions
from onecopy.store.subscribers.in_flight import MOST_BYTES, Flight
from onecopy.wire import outward
from onecopy.wire.media import JSON, Media, xml
from onecopy.wire.preferences import policy
from onecopy.wire.urls import Urls

LISTS_AT_ONCE = 20
VERIFICATION_PACE = 5
"""Multiplies the wait between tries: a receiver being set up gets some seconds. The sweep retries."""

FAST_TRIES = 2
"""After up to this many failed tries, the same message is tried again. Others at its host wait for it, so
these tries are few. The sweep makes the later ones."""

LONGEST_WAIT = timedelta(minutes=1)
"""A message that has waited longer in the queue for a slow host is put off, for twice as long as it waited.
Rings that nobody answers must not fill the queue, since SQS looks for a free group only in the first 120,000
messages. The sweep comes as often as this, so the host is never without work."""

_HOLE = timedelta(seconds=1)
_ONE_LIST = timedelta(seconds=TIMEOUT + 3)
"""From reading the row to moving the cursor, with a receiver that is as slow as allowed."""


@dataclass(frozen=True)
class Outcome:
    """`again`: deliver the same message again after this time. `more`: there may be more to send; ring again.
    `error`: what went wrong. `lists`: how many the subscriber has taken."""

    again: timedelta | None = None
    more: bool = False
    error: str | None = None
    lists: int = 0


def deliver(
    store: Store,
    settings: Settings,
    key: BoxKey,
    subscription_id: str,
    time_left: Callable[[], timedelta],
    waited: timedelta = timedelta(0),
) -> Outcome:
    """Sends as many lists as there is time for, at least one.

    It begins no further list that it may not finish: one cut off midway would come twice.
    """
    landed = 0
    outcome = Outcome(more=True)
    for turn in range(LISTS_AT_ONCE):
        if not outcome.more or (turn and time_left() < _ONE_LIST):
            break
        outcome = _turn(store, settings, key, subscription_id, waited if not turn else timedelta(0))
        landed += outcome.lists
    return replace(outcome, lists=landed)


def _turn(store: Store, settings: Settings, key: BoxKey, subscription_id: str, waited: timedelta) -> Outcome:
    """One step: the verification, one list, or the end."""
    now = store.now()
    try:
        row = subscriptions.row(key, subscription_id)
    except Unknown:
        return Outcome()
    if expired.is_over(row, now):
        return Outcome(more=not expired.put_away(store, key, row))
    wait = table.parse_time(row.due) - now if row.tries and row.due else timedelta(0)
    if wait > timedelta(seconds=1):
        return Outcome()
    if waited > LONGEST_WAIT and hosts.slow(store, [host_of(row.notify_url)]):
        in_flight.put_off(row, now + min(2 * waited, settings.backoff_max))
        return Outcome()
    if in_flight.is_put_off(row, now) and not in_flight.put_off(row, now):
        return Outcome(more=True)
    box = log.box_there(key)  # changes from here on ring for it again, so nothing this read misses is lost
    if not box or box.closed or row.state == "failed":
        return _rest(store, settings, row)
    if row.state == "unverified":
        return _verify(store, settings, row)
    return _next(store, settings, row, box)


def _verify(store: Store, settings: Settings, row: SubscriptionRow) -> Outcome:
    """The receiver gives the code back to show that it wants this. Until then it gets nothing else."""
    url = _urls(settings, row).subscription(row.item)
    body = JSON.dumps({"verification": {"subscription": url, "code": row.code}}).encode()
    try:
        answer = _send(store, settings, row, f"{row.validity}.{row.item}.verification", body, JSON)
        if answer.status != 200 or not _gives_back(answer.body, row.code):
            raise DeliveryFailed("the verification code was not given back")
    except DeliveryFailed as error:
        return _failed(store, settings, row, str(error))
    in_flight.verified(row)
    return Outcome(more=True)


def _gives_back(body: bytes, code: str) -> bool:
    try:
        return bool(json.loads(body).get("code") == code)
    except (ValueError, AttributeError, RecursionError):
        return False


def _next(store: Store, settings: Settings, row: SubscriptionRow, box: Box) -> Outcome:
    """Sends one list, or ends the turn if there is none."""
    sync = policy(settings.sync_policy)
    interest = preferences.interest(store, box.key, row.preferences or "", sync)
    if row.filter:
        interest = replace(interest, filter=_filter(row.filter))
    try:
        flight = in_flight.under_way(store, row, box, interest)
        if not flight:
            in_flight.apply_restart(row)
            flight = in_flight.begin(store, row, box, _room(store, settings, row, box), interest)
    except (in_flight.Overtaken, in_flight.NothingTold):
        return Outcome(more=True)
    if not flight:
        if row.cursor == box.seq:
            return _rest(store, settings, row, told=True)
        in_flight.wait(store, row)
        return Outcome(again=_HOLE)
    try:
        body = _body(settings, box.key, row, flight)
        _send(store, settings, row, f"{flight.validity}.{row.item}.{flight.index}", body, _media(row))
    except DeliveryFailed as error:
        return _failed(store, settings, row, str(error))
    in_flight.landed(row, flight)
    return Outcome(more=True, lists=1)


def _filter(raw: dict[str, Any]) -> Criteria:
    """Loads what reads criteria, and pydantic with it: most subscriptions have no filter."""
    from onecopy.wire.selection import filter_of

    return filter_of(raw)


def _media(row: SubscriptionRow) -> Media:
    """The form of the subscription's lists: fixed when it was made, so a retry is the same bytes."""
    return xml() if row.notification_format == "XML" else JSON


def _send(
    store: Store, settings: Settings, row: SubscriptionRow, webhook_id: str, body: bytes, media: Media
) -> Answer:
    """Also notes if the host takes long, whatever it answers."""
    begun, local = store.now(), settings.allow_local_callbacks
    kind = media.content_type
    try:
        return send(row.notify_url, row.secret, webhook_id, begun, body, kind, allow_local=local)
    finally:
        hosts.note(store, host_of(row.notify_url), store.now() - begun)


def _rest(store: Store, settings: Settings, row: SubscriptionRow, told: bool = False) -> Outcome:
    """Ends the turn. If somebody else has written to the row, it is looked at once more."""
    return Outcome(more=not in_flight.rest(store, row, settings.rest, told))


def _room(store: Store, settings: Settings, row: SubscriptionRow, box: Box) -> in_flight.Room:
    """How many changes fit into a list, measured with the longest token that it can have."""

    def room(changes: Sequence[Change]) -> int:
        urls, media = _urls(settings, row), _media(row)
        followed, seen = rows.followed(row.followed)
        empty = Flight(int(row.index), int(row.cursor), box.seq, store.now(), box.validity, followed, seen)
        size = len(_rendered(settings, box.key, row, empty, []))
        for count, change in enumerate(changes):
            size += media.size(outward.event(change, urls)) + 1
            if size > MOST_BYTES:
                return max(1, count)
        return len(changes)

    return room


def _body(settings: Settings, key: BoxKey, row: SubscriptionRow, flight: Flight) -> bytes:
    """The list as it is sent. An event too large even alone comes without what the subscriber can fetch."""
    told = in_flight.events(key, flight)
    body = _rendered(settings, key, row, flight, told)
    if len(body) > MOST_BYTES and len(told) == 1:
        [only] = told
        return _rendered(settings, key, row, flight, [bare(only) if isinstance(only, Change) else only])
    return body


def _rendered(
    settings: Settings,
    key: BoxKey,
    row: SubscriptionRow,
    flight: Flight,
    told: Sequence[Change | ResetBox],
) -> bytes:
    urls = _urls(settings, row)
    more: outward.Json = {"index": flight.index}
    if row.callback_data is not None:
        more["callbackData"] = row.callback_data
    more["link"] = [{"rel": "NmsSubscription", "href": urls.subscription(row.item)}]
    token = flight.token(told).sign(key, settings.restart_token_keys)
    events = outward.event_list(told, urls, token, more)
    return _media(row).dumps({"nmsEventList": events}).encode()


def _failed(store: Store, settings: Settings, row: SubscriptionRow, reason: str) -> Outcome:
    """Backs off: the queue makes the first retries, the sweep the later ones."""
    tries = int(row.tries) + 1
    now = store.now()
    unverified = row.state == "unverified"
    if unverified and tries >= VERIFICATION_TRIES:
        in_flight.failed(row, "failed", reason, None)
        return Outcome(error=reason)
    wait = back_off(tries, settings.backoff_max) * (VERIFICATION_PACE if unverified else 1)
    in_flight.failed(row, "unverified" if unverified else "failing", reason, now + wait)
    soon = tries <= FAST_TRIES and not unverified
    return Outcome(again=wait if soon else None, error=reason)


def _urls(settings: Settings, row: SubscriptionRow) -> Urls:
    key = BoxKey.parse(table.box_of_subscription(row.box))
    root = settings.server_root or row.server_root
    return Urls(root, key.store, key.box_id, key.box_id)
