"""Subscriptions (NMS): who is notified of changes, and where."""

from collections.abc import Sequence
from dataclasses import replace

from aws_lambda_powertools import Logger

from onecopy.domain.box import Box
from onecopy.domain.errors import InvalidInput
from onecopy.domain.interest import Followed
from onecopy.domain.subscription import LONGEST, RESET, WAITS, Subscription
from onecopy.domain.token import RestartToken
from onecopy.handlers.edge.idempotency_key import once
from onecopy.handlers.routes import SUBSCRIBE, Answer, Request, Route
from onecopy.push.address import BadNotifyURL, check_notify_url, host_of
from onecopy.push.webhook import new_secret
from onecopy.store.box import log, preferences
from onecopy.store.commit.once import Codec
from onecopy.store.queues import Ring
from onecopy.store.subscribers import hosts, subscriptions
from onecopy.store.subscribers.subscriptions import NewSubscription, Restart
from onecopy.wire import inward, outward
from onecopy.wire.preferences import policy
from onecopy.wire.selection import filter_json

SECRET_BYTES = 32

logger = Logger()


def create_subscription(request: Request) -> Answer:
    raw = request.json()
    given = inward.subscription(raw)
    url = given.callback_reference.notify_url
    try:
        check_notify_url(url, allow_local=request.settings.allow_local_callbacks)
    except BadNotifyURL as error:
        raise InvalidInput("notifyURL") from error
    restart = _restart(request, given.restart_token, given.preferences)
    if given.preferences:
        preferences.check_exist(request.store, request.key, given.preferences)
    new = NewSubscription(
        notify_url=url,
        secret=new_secret(request.store.random(SECRET_BYTES)),
        server_root=request.urls.server_root,
        callback_data=given.callback_reference.callback_data,
        notification_format=given.callback_reference.notification_format,
        client_correlator=given.client_correlator,
        duration=inward.duration(given.duration),
        restart=restart,
        preferences=given.preferences,
        filter=filter_json(given.filter),
        followed=_followed(request, given.preferences),
    )

    def work(request: Request) -> Answer:
        made = subscriptions.create(request.store, request.key, new)
        _ring(request, made)
        headers = {"location": request.urls.subscription(made.subscription_id)}
        return Answer(201, {"nmsSubscription": _shown(request, made, secret=True)}, headers)

    return once(request, raw, work, codec=Codec(subscriptions.encode, subscriptions.decode))


def _followed(request: Request, name: str | None) -> Followed:
    """What a subscription with these preferences follows by now."""
    sync = policy(request.settings.sync_policy)
    return preferences.interest(request.store, request.key, name or "", sync).followed


def _restart(request: Request, text: str | None, name: str | None) -> RestartToken | None:
    """Reads the restartToken. One from the future, or of other preferences, is refused like a forged one:
    InvalidInput.
    """
    token = request.restart_token(text)
    if token:
        if token.followed.name != (name or ""):
            raise InvalidInput("restartToken")
        box = log.read_box(request.store, request.key)
        if token.validity == box.validity and token.position > box.seq:
            raise InvalidInput("restartToken")
    return token


def _ring(request: Request, subscription: Subscription) -> None:
    """Rings, so that `deliver` verifies the address or starts the replay. If lost, the sweep rings again."""
    moment = f"{request.store.now().timestamp()}"
    host = host_of(subscription.notify_url)
    ring = Ring(str(request.key), subscription.subscription_id, host, moment)
    if request.queues.deliver([ring]):
        logger.warning("left to the sweep")


def _shown(request: Request, known: Subscription, secret: bool = False) -> outward.Json:
    token = RestartToken(
        known.validity, known.position, known.cursor_at, followed=known.followed, seen=known.seen
    )
    if known.cursor == RESET:
        box = log.read_box(request.store, request.key)
        token = log.start_of_listing(request.store, box, known.followed)
    now = request.store.now()
    return outward.subscription(known, request.urls, request.signed(token), now, secret)


def _with_waits(request: Request, box: Box, known: Sequence[Subscription]) -> list[Subscription]:
    """The subscriptions, with WAITS as the lastError if they are behind only because their host is slow."""
    behind = {
        one.subscription_id: host_of(one.notify_url)
        for one in known
        if one.state == "active" and not one.last_error and one.cursor != box.seq
    }
    slow = hosts.slow(request.store, set(behind.values()))
    return [
        replace(one, last_error=WAITS) if behind.get(one.subscription_id) in slow else one for one in known
    ]


def list_subscriptions(request: Request) -> Answer:
    box = log.read_box(request.store, request.key)
    known = _with_waits(request, box, subscriptions.every(request.store, request.key))
    found = [_shown(request, one) for one in known]
    url = f"{request.urls.base}/subscriptions"
    return Answer(200, {"nmsSubscriptionList": {"subscription": found, "resourceURL": url}})


def get_subscription(request: Request, subscription_id: str) -> Answer:
    box = log.read_box(request.store, request.key)
    [found] = _with_waits(request, box, [subscriptions.find(request.store, request.key, subscription_id)])
    return Answer(200, {"nmsSubscription": _shown(request, found)})


def update_subscription(request: Request, subscription_id: str) -> Answer:
    log.read_box(request.store, request.key)
    given = inward.subscription_update(request.json())
    restart = _replay(request, subscription_id, given.restart_token)
    duration = LONGEST if given.duration == 0 else inward.duration(given.duration)
    changed = subscriptions.update(request.store, request.key, subscription_id, duration, restart)
    _ring(request, changed)
    return Answer(200, {"nmsSubscription": _shown(request, changed)})


def _replay(request: Request, subscription_id: str, text: str | None) -> Restart | None:
    if not request.restart_token(text):
        return None
    name = subscriptions.find(request.store, request.key, subscription_id).preferences
    token = _restart(request, text, name)
    return Restart(token, _followed(request, name)) if token else None


def delete_subscription(request: Request, subscription_id: str) -> Answer:
    log.read_box(request.store, request.key)
    subscriptions.delete(request.key, subscription_id)
    return Answer(204)


ROUTES = [
    Route("GET", "/subscriptions", SUBSCRIBE, list_subscriptions),
    Route("POST", "/subscriptions", SUBSCRIBE, create_subscription),
    Route("GET", "/subscriptions/<subscription_id>", SUBSCRIBE, get_subscription),
    Route("POST", "/subscriptions/<subscription_id>", SUBSCRIBE, update_subscription),
    Route("DELETE", "/subscriptions/<subscription_id>", SUBSCRIBE, delete_subscription),
]
