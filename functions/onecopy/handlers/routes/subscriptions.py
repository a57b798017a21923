"""Subscriptions (NMS): who is told of changes, and where."""

from aws_lambda_powertools import Logger

from onecopy.domain.errors import InvalidInput
from onecopy.domain.subscription import LONGEST, RESET, Subscription
from onecopy.domain.token import RestartToken
from onecopy.handlers.once import once
from onecopy.handlers.routes import SUBSCRIBE, Answer, Request, Route
from onecopy.push.address import BadNotifyURL, check_notify_url
from onecopy.push.webhook import new_secret
from onecopy.store import log, subscriptions
from onecopy.store.once import Codec
from onecopy.store.subscriptions import NewSubscription
from onecopy.wire import inward, outward

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
    restart = _restart(request, given.restart_token)
    new = NewSubscription(
        notify_url=url,
        secret=new_secret(request.store.random(SECRET_BYTES)),
        server_root=request.urls.server_root,
        callback_data=given.callback_reference.callback_data,
        client_correlator=given.client_correlator,
        duration=inward.duration(given.duration),
        restart=restart,
    )

    def work(request: Request) -> Answer:
        made = subscriptions.create(request.store, request.key, new)
        _ring(request, made)
        headers = {"location": request.urls.subscription(made.subscription_id)}
        return Answer(201, {"nmsSubscription": _shown(request, made, secret=True)}, headers)

    return once(request, raw, work, codec=Codec(subscriptions.encode, subscriptions.decode))


def _restart(request: Request, text: str | None) -> RestartToken | None:
    """A token from the future is as bad as a forged one."""
    token = request.restart_token(text)
    if token:
        box = log.read_box(request.store, request.key)
        if token.validity == box.validity and token.position > box.seq:
            raise InvalidInput("restartToken")
    return token


def _ring(request: Request, subscription: Subscription) -> None:
    """The worker verifies the address, or starts the replay; the sweep rings if this is lost."""
    moment = f"{request.store.now().timestamp()}"
    try:
        request.queues.deliver(str(request.key), subscription.subscription_id, moment)
    except Exception as error:
        logger.warning("left to the sweep", extra={"error": type(error).__name__})


def _shown(request: Request, known: Subscription, secret: bool = False) -> outward.Json:
    token = RestartToken(known.validity, known.position, known.cursor_at)
    if known.cursor == RESET:
        token = log.start_of_listing(request.store, log.read_box(request.store, request.key))
    now = request.store.now()
    return outward.subscription(known, request.urls, request.signed(token), now, secret)


def list_subscriptions(request: Request) -> Answer:
    log.read_box(request.store, request.key)
    found = [_shown(request, one) for one in subscriptions.every(request.store, request.key)]
    url = f"{request.urls.base}/subscriptions"
    return Answer(200, {"nmsSubscriptionList": {"subscription": found, "resourceURL": url}})


def get_subscription(request: Request, subscription_id: str) -> Answer:
    log.read_box(request.store, request.key)
    found = subscriptions.find(request.store, request.key, subscription_id)
    return Answer(200, {"nmsSubscription": _shown(request, found)})


def update_subscription(request: Request, subscription_id: str) -> Answer:
    log.read_box(request.store, request.key)
    given = inward.subscription_update(request.json())
    restart = _restart(request, given.restart_token)
    duration = LONGEST if given.duration == 0 else inward.duration(given.duration)
    changed = subscriptions.update(request.store, request.key, subscription_id, duration, restart)
    _ring(request, changed)
    return Answer(200, {"nmsSubscription": _shown(request, changed)})


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
