"""Sync: what changed in the box (Onecopy's own resource, with NMS's events)."""

from onecopy.domain.change import Change, ChangedObject, ResetBox
from onecopy.domain.errors import InvalidInput
from onecopy.domain.interest import Interest
from onecopy.domain.token import BadToken, RestartToken
from onecopy.handlers.edge import measure
from onecopy.handlers.routes import READ, Answer, Request, Route
from onecopy.store.box import log, preferences
from onecopy.wire import outward
from onecopy.wire.preferences import is_name, policy


def get_changes(request: Request) -> Answer:
    """Answers with fewer events than asked for if they are large; the token goes on from the page's end."""
    token = request.restart_token(request.query.get("restartToken"))
    limit = request.max_entries()
    interest = _interest(request, token)
    while True:
        page = _page(request, token, limit, interest)
        events = outward.event_list(page.changes, request.urls, request.signed(page.token), {})
        if len(page.changes) <= 1 or outward.size(events) <= outward.MOST_BYTES:
            if not_sent := sum(map(_content_size, page.changes)):
                measure.tell(BytesNotSent=not_sent)
            digest = {"digest": outward.digest(page.digest)} if page.digest else {}
            return Answer(200, {"nmsEventList": events, "more": page.more, **digest})
        limit = len(page.changes) // 2


def _content_size(change: Change | ResetBox) -> int:
    """Bytes of the content that an event describes; 0 if it describes none."""
    match change:
        case Change(event=ChangedObject(metadata=told)) if told and told.content:
            return told.content.size
    return 0


def _interest(request: Request, token: RestartToken | None) -> Interest:
    """What the client follows: the preferences that it names, or those that its token remembers."""
    named = request.query.get("preferences")
    if named is not None and not is_name(named):
        raise InvalidInput("preferences")
    if token and named is not None and named != token.followed.name:
        raise InvalidInput("preferences")
    name = token.followed.name if token else named or ""
    if name and not token:
        preferences.check_exist(request.store, request.key, name)
    return preferences.interest(request.store, request.key, name, policy(request.settings.sync_policy))


def _page(request: Request, token: RestartToken | None, limit: int, interest: Interest) -> log.Page:
    try:
        return log.changes(request.store, request.key, token, limit, interest)
    except BadToken as error:
        raise InvalidInput("restartToken") from error


ROUTES = [Route("GET", "/changes", READ, get_changes, json_only=True)]
