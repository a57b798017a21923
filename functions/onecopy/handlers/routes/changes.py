"""Sync: what changed in the box (ours, in NMS's events)."""

from onecopy.domain.errors import InvalidInput
from onecopy.domain.token import BadToken
from onecopy.handlers.routes import READ, Answer, Request, Route
from onecopy.store import log
from onecopy.wire import outward


def get_changes(request: Request) -> Answer:
    token = request.restart_token(request.query.get("restartToken"))
    try:
        page = log.changes(request.store, request.key, token, request.max_entries())
    except BadToken as error:
        raise InvalidInput("restartToken") from error
    events = outward.event_list(page.changes, request.urls, request.signed(page.token), {})
    return Answer(200, {"nmsEventList": events, "more": page.more})


ROUTES = [Route("GET", "/changes", READ, get_changes)]
