"""Preferences (Onecopy's own resource): what a device wants to know of, by a name that it chooses."""

from aws_lambda_powertools import Logger

from onecopy.domain.errors import InvalidInput, Unknown, UnsupportedMedia
from onecopy.handlers.routes import MODIFY, READ, Answer, Request, Route
from onecopy.push.ring import ring
from onecopy.store.box import preferences
from onecopy.store.subscribers import subscriptions
from onecopy.wire import inward
from onecopy.wire.preferences import is_name, shown
from onecopy.wire.preferences import preferences as given_preferences

logger = Logger()


def list_preferences(request: Request) -> Answer:
    known = preferences.every(request.store, request.key)
    every = [
        {"name": name, "resourceURL": request.urls.preferences(name), **shown(one, request.urls)}
        for name, one in known.items()
    ]
    url = f"{request.urls.base}/preferences"
    return Answer(200, {"preferencesList": {"preferences": every, "resourceURL": url}})


def get_preferences(request: Request, name: str) -> Answer:
    if not is_name(name):
        raise Unknown("preferences")
    known = preferences.find(request.store, request.key, name)
    return Answer(200, {"preferences": shown(known, request.urls)})


def put_preferences(request: Request, name: str) -> Answer:
    if not is_name(name):
        raise InvalidInput("preferences")
    if inward.is_xml(request.content_type):
        raise UnsupportedMedia("Content-Type")
    given = given_preferences(request.json(), request.urls)
    is_new, has_changed = preferences.put(request.store, request.key, name, given)
    if has_changed:
        _ring_followers(request, name)
    body = {"preferences": shown(given, request.urls)}
    if is_new:
        return Answer(201, body, {"location": request.urls.preferences(name)})
    return Answer(200, body)


def delete_preferences(request: Request, name: str) -> Answer:
    if not is_name(name):
        raise Unknown("preferences")
    preferences.delete(request.store, request.key, name)
    _ring_followers(request, name)
    return Answer(204)


def _ring_followers(request: Request, name: str) -> None:
    """Rings for the subscriptions that follow these preferences. If a ring is lost, the sweep rings later."""
    now = request.store.now()
    try:
        followers = subscriptions.wake(request.key, now, following=name)
        rings = [ring(request.key, row, f"{now.timestamp()}") for row in followers]
        if request.queues.deliver(rings):
            logger.warning("left to the sweep")
    except Exception as error:  # the preferences stand, whatever fails after their commit
        logger.warning("left to the sweep", extra={"error": type(error).__name__})


ROUTES = [
    Route("GET", "/preferences", READ, list_preferences, json_only=True),
    Route("GET", "/preferences/<name>", READ, get_preferences, json_only=True),
    Route("PUT", "/preferences/<name>", MODIFY, put_preferences, json_only=True),
    Route("DELETE", "/preferences/<name>", MODIFY, delete_preferences, json_only=True),
]
