"""An HTTP API event (payload 2.0) as the routes see it, and how their answer is sent."""

import base64
import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from typing import Any

from onecopy.domain.box import BoxKey
from onecopy.domain.errors import Busy, InvalidInput, NotAllowed, TooLarge, UnsupportedMedia
from onecopy.domain.match import ANY, Match
from onecopy.domain.token import BadToken, RestartToken, parse
from onecopy.handlers.edge import accept, composition
from onecopy.handlers.edge.caller import Caller, caller_of, is_box_id
from onecopy.settings import Settings
from onecopy.store.box.contents import Contents
from onecopy.store.commit.transact import Store
from onecopy.store.queues import Queues
from onecopy.wire import inward, outward
from onecopy.wire.media import JSON, Media
from onecopy.wire.selection import Cursors
from onecopy.wire.urls import OWN_BOX, Urls

TIME = timedelta(seconds=13)
"""After this, a request begins nothing new. It finishes what is under way and is answered within 20 s."""

_COMPRESS_ABOVE = 1000

_LEVEL = 8
"""gzip's level. A page of 1,000 messages is 7 % smaller than at 6, for 7 ms more; 9 adds 1 % for 5 ms."""

_BYTES_ABOVE = 1_000_000
"""A larger answer leaves the function as bytes. A function returns JSON. JSON escapes text, which may make it
three times as long; base64 makes bytes a third longer, whatever they hold.
"""
_TAG = r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"'
_ENTITY_TAG = re.compile(_TAG)
_ENTITY_TAGS = re.compile(rf"\s*{_TAG}\s*(?:,\s*{_TAG}\s*)*")


@dataclass(frozen=True)
class Request:
    """A request that its caller may make, in the box that the path names.

    For a request to the store itself, `key` and `urls` have an empty box id, which no box has.
    """

    settings: Settings
    store: Store
    key: BoxKey
    caller: Caller
    urls: Urls
    query: Mapping[str, str]
    headers: Mapping[str, str]
    _event: Mapping[str, Any] = field(repr=False)

    @property
    def contents(self) -> Contents:
        return composition.contents()

    @property
    def queues(self) -> Queues:
        return composition.queues()

    @cached_property
    def body(self) -> bytes:
        """Raises UnsupportedMedia if it is compressed."""
        codings = self.headers.get("content-encoding", "").lower().split(",")
        if any(coding.strip() not in ("", "identity") for coding in codings):
            raise UnsupportedMedia("Content-Encoding")
        body = self._event.get("body") or ""
        try:
            return base64.b64decode(body) if self._event.get("isBase64Encoded") else body.encode()
        except ValueError as error:
            raise InvalidInput("body") from error

    @property
    def method(self) -> str:
        return str(self._event["requestContext"]["http"]["method"])

    @property
    def resource(self) -> str:
        """The path after the box, as the gateway decoded it."""
        return str(self._event["rawPath"]).split("/", 5)[5]

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def is_form(self) -> bool:
        return self.content_type.lower().lstrip().startswith("multipart/form-data")

    def json(self, most: int = inward.JSON_LIMIT) -> Any:
        """The body as JSON's values: parsed as XML if its type says so, else as JSON, whatever its type says.

        `most`: bytes of JSON. Refuses form-data. Raises InvalidInput, UnsupportedMedia or TooLarge.
        """
        if len(self.body) > inward.limit(self.content_type, most):
            raise TooLarge("size")
        if self.is_form:
            raise InvalidInput("Content-Type")
        return inward.parse(self.body, self.content_type, "body")

    @cached_property
    def media(self) -> Media:
        """The form that the client wants NMS's structures in."""
        return accept.chosen(self.headers.get("accept", ""))

    def check_json(self) -> None:
        """Raises NotAcceptable if the answer is not NMS's, and the client takes only XML."""
        accept.check_json(self.headers.get("accept", ""))

    @property
    def is_late(self) -> bool:
        """Whether it is too late to begin another item."""
        try:
            self.store.check_time()
        except Busy:
            return True
        return False

    @cached_property
    def match(self) -> Match:
        """What If-Match asks for; weak tags count like strong ones. InvalidInput if it is malformed."""
        given = self.headers.get("if-match")
        if given is None or given.strip() == "*":
            return ANY
        if not _ENTITY_TAGS.fullmatch(given):
            raise InvalidInput("If-Match")
        return Match(frozenset(_ENTITY_TAG.findall(given)))

    def max_entries(self) -> int:
        return inward.count(self.query.get("maxEntries"), "maxEntries")

    @property
    def cursors(self) -> Cursors:
        """Those of the box's searches."""
        return Cursors(self.urls, self.settings.restart_token_keys)

    def restart_token(self, text: str | None) -> RestartToken | None:
        if text is None:
            return None
        try:
            return parse(text, self.key, self.settings.restart_token_keys)
        except BadToken as error:
            raise InvalidInput("restartToken") from error

    def signed(self, token: RestartToken) -> str:
        return token.sign(self.key, self.settings.restart_token_keys)


@dataclass(frozen=True)
class Answer:
    """`json_only`: it is not XML, even if its root is one of NMS's."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    json_only: bool = False


def authorize(
    event: Mapping[str, Any], store_name: str, box_id: str, scope: str | None, stores: bool = False
) -> Request:
    """Checks, before anything is read, that the caller may use the box and has the scope, if one is needed.

    The box has to be the caller's own, except for the network. Raises NotAllowed.
    """
    parts = composition.parts()
    caller = caller_of(event, parts.settings.box_claim)
    real_box = caller.own_box if box_id == OWN_BOX else box_id
    if store_name != parts.settings.store_name or real_box is None or not is_box_id(real_box):
        raise NotAllowed("box")
    if real_box != caller.own_box and not caller.is_network:
        raise NotAllowed("box")
    if scope is not None and not caller.may(scope, stores):
        raise NotAllowed("scope")
    return _request(event, caller, BoxKey(store_name, real_box), not (stores and caller.is_network))


def authorize_network(event: Mapping[str, Any], store_name: str) -> Request:
    """Checks that the caller is the network, for a request to the store itself. Raises NotAllowed.

    Closed boxes are closed to such a request.
    """
    settings = composition.parts().settings
    caller = caller_of(event, settings.box_claim)
    if store_name != settings.store_name:
        raise NotAllowed("box")
    if not caller.is_network:
        raise NotAllowed("scope")
    return _request(event, caller, BoxKey(store_name, ""), of_owner=True)


def _request(event: Mapping[str, Any], caller: Caller, key: BoxKey, of_owner: bool) -> Request:
    parts = composition.parts()
    root = parts.settings.server_root or f"https://{event['requestContext']['domainName']}"
    return Request(
        settings=parts.settings,
        store=parts.store.within(TIME, of_owner),
        key=key,
        caller=caller,
        urls=Urls(root, *key, caller.own_box),
        query=event.get("queryStringParameters") or {},
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        _event=event,
    )


def etag(last_mod_seq: int) -> dict[str, str]:
    return {"etag": f'"{last_mod_seq}"'}


def prefers_json(headers: Mapping[str, str]) -> bool:
    """Whether `application/json` comes first in Accept."""
    return headers.get("accept", "").split(",")[0].split(";")[0].strip().lower() == "application/json"


def always(status: int, correlation_id: str) -> dict[str, str]:
    """Headers of every answer. No cache may store one; a 304 leaves the answer it stands for as it is."""
    stored = {} if status == HTTPStatus.NOT_MODIFIED else {"cache-control": "no-store"}
    return {"x-correlation-id": correlation_id, **stored}


def sent(
    answer: Answer, headers: Mapping[str, str], correlation_id: str
) -> tuple[dict[str, str], str | bytes | None]:
    """Headers and body. Above 1 kB the body is compressed if the client takes gzip; a large one is bytes."""
    out = {**always(answer.status, correlation_id), **answer.headers}
    if answer.body is None:
        return out, None
    text, content_type = _written(answer, headers)
    raw = text.encode()
    out |= {"content-type": content_type, "vary": "Accept, Accept-Encoding"}
    if len(raw) <= _COMPRESS_ABOVE or not takes_gzip(headers.get("accept-encoding", "")):
        return out, raw if len(raw) > _BYTES_ABOVE else text
    out["content-encoding"] = "gzip"
    return out, gzip.compress(raw, _LEVEL, mtime=0)


def _written(answer: Answer, headers: Mapping[str, str]) -> tuple[str, str]:
    """The body in the form that the client wants, as far as it has that form, and its type."""
    media = JSON if answer.json_only else accept.chosen(headers.get("accept", ""))
    if not media.holds(answer.body):
        media = JSON
    return media.dumps(outward.fitting(answer.body, media.size)), media.content_type


def without_body(headers: dict[str, str], body: str | bytes | None) -> tuple[dict[str, str], None]:
    """The same headers, with the length of the body that a GET would bring (RFC 9110, 9.3.2)."""
    if body is None:
        return headers, None
    return headers | {"content-length": str(len(body.encode() if isinstance(body, str) else body))}, None


def takes_gzip(accept_encoding: str) -> bool:
    """RFC 9110, 12.5.3: gzip's own weight counts before that of `*`, and 0 means no."""
    weights = accept.weights(accept_encoding)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0
