"""API Gateway on one machine: routes and the authorizer from the template, the real handler behind them.

It refuses what an HTTP API refuses, in the same words, and leaves everything else to the handler. It never
logs a path, a query or a box.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infra.local.functions.declared import Route
from infra.local.functions.workers import FunctionFailed, FunctionTimedOut, Pool
from infra.local.gateway import documentation
from infra.local.gateway import event as http_event
from infra.local.gateway.cors import Cors
from infra.local.gateway.event import Request, Response, document, message
from infra.local.gateway.issuer import BadToken, BadTokenRequest, Issuer
from infra.local.host.logs import Log

_BODY_LIMIT = 10_000_000
_EVENT_LIMIT = 6_291_556
_SECONDS = 30
_DRAINED = 64_000_000
_DRAIN_SECONDS = 5
# The standard's own words in a path; anything else in it may come from a user.
_WORDS = frozenset(
    "nms v1 objects folders subscriptions changes operations flags payload payloadParts search pathToId "
    "bulkCreation bulkUpdate bulkDelete payloads folderName copyToFolder moveToFolder preferences deliver "
    "uploads docs local token jwks .well-known openid-configuration".split()
)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    """The client disconnected before its request was complete."""


class Gateway:
    """An ASGI application."""

    def __init__(
        self,
        routes: list[tuple[Route, Pool]],
        audience: list[str],
        issuer: Issuer,
        threads: int,
        log: Log,
        cors: Cors,
    ) -> None:
        in_order = sorted(routes, key=lambda one: one[0].method == "ANY")  # a method's own route comes first
        self._routes = [(_pattern(route.path), route, pool) for route, pool in in_order]
        self._audience, self._cors = audience, cors
        self._issuer, self._log = issuer, log
        self._executor = ThreadPoolExecutor(threads, "api")

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.monotonic()
        raw_path, peer = scope["raw_path"], (scope.get("client") or ("127.0.0.1",))[0]
        asked = http_event.request(scope["method"], raw_path, scope["query_string"], scope["headers"], peer)
        upload = Upload(asked.headers, receive)
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await self._answer(asked, upload)
        except TimeoutError:
            answer = message(503, "Service Unavailable")
        except _TooLarge:
            answer = message(413, "Request Entity Too Large", ("connection", "close"))
        except _Gone:
            return
        await _send(answer, upload, send, asked.method)
        correlation = answer.header("x-correlation-id")
        seconds = time.monotonic() - started
        self._log.request(asked.method, _route_for_log(asked.path), answer.status, seconds, correlation)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, asked: Request, upload: Upload) -> Response:
        if asked.path == "/local" or asked.path.startswith("/local/"):
            return self._cors.named().on(asked, self._local(asked, await upload.read()))
        if documentation.is_documentation(asked.path):
            return await asyncio.to_thread(documentation.answer, asked)
        for pattern, route, pool in self._routes:
            found = pattern.fullmatch(asked.path)
            if found and route.method in ("ANY", asked.method):
                return await self._invoke(asked, route, pool, found.groupdict(), upload)
        if self._cors.answers(asked):
            return self._cors.on(asked, Response(204, [], b""))
        return message(404, "Not Found")

    async def _invoke(
        self, asked: Request, route: Route, pool: Pool, parameters: dict[str, str], upload: Upload
    ) -> Response:
        authorizer = self._authorizer(asked, route) if route.authorized else None
        if isinstance(authorizer, Response):
            return authorizer
        body = await upload.read()
        event = http_event.event(asked, f"{route.method} {route.path}", parameters, authorizer, body)
        if len(event) > _EVENT_LIMIT:
            raise _TooLarge
        return await self._result(pool, event, asked)

    def _authorizer(self, asked: Request, route: Route) -> dict[str, Any] | Response:
        """The claims that the authorizer passes on, or its refusal."""
        try:
            token = _bearer(asked.headers.get("authorization", ""))
            claims = self._issuer.claims(token, self._audience)
        except BadToken:
            return message(401, "Unauthorized", ("www-authenticate", "Bearer"))
        if route.scopes and not set(route.scopes) & http_event.scopes(claims):
            return message(403, "Forbidden")
        return http_event.claims_as_text(claims, route.scopes)

    async def _result(self, pool: Pool, event: bytes, asked: Request) -> Response:
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._executor, pool.invoke, event, asked.id)
            if len(result) > _EVENT_LIMIT:
                raise http_event.BadResult("larger than a function may answer")
            return self._cors.on(asked, http_event.response(result))
        except FunctionTimedOut as error:
            self._log.event(pool.function.name, f"FAILED  {error}")
            return message(503, "Service Unavailable")
        except (FunctionFailed, http_event.BadResult, ValueError) as error:
            self._log.event(pool.function.name, f"FAILED  {error}")
            return message(500, "Internal Server Error")

    def _local(self, asked: Request, body: bytes) -> Response:
        documents = {
            "/local/.well-known/openid-configuration": self._issuer.configuration,
            "/local/jwks": self._issuer.jwks,
        }
        if self._cors.named().answers(asked):
            return Response(204, [], b"")
        if asked.path == "/local/token":
            if asked.method != "POST":
                return message(405, "Method Not Allowed", ("allow", "POST"))
            try:
                return document(self._issuer.token(body), ("cache-control", "no-store"))
            except BadTokenRequest as error:
                return message(400, str(error))
        if asked.path in documents:
            if asked.method not in ("GET", "HEAD"):
                return message(405, "Method Not Allowed", ("allow", "GET, HEAD"))
            return document(documents[asked.path]())
        return message(404, "Not Found")


class Upload:
    """A request's body while it arrives."""

    def __init__(self, headers: dict[str, str], receive: Receive) -> None:
        length = headers.get("content-length", "0")
        self._declared = int(length) if length.isdigit() else 0
        self._receive = receive
        self._finished = False

    async def read(self) -> bytes:
        """The whole body; raises _TooLarge as soon as that is known."""
        if self._declared > _BODY_LIMIT:
            raise _TooLarge
        body = bytearray()
        while not self._finished:
            body += await self._part()
            if len(body) > _BODY_LIMIT:
                raise _TooLarge
        return bytes(body)

    async def drain(self) -> None:
        """Receive the rest from a client that is still sending, or it would never read the answer."""
        left = _DRAINED
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while left > 0 and not self._finished:
                    left -= len(await self._part())
        except (TimeoutError, _Gone):
            return

    async def _part(self) -> bytes:
        part = await self._receive()
        if part["type"] == "http.disconnect":
            raise _Gone
        self._finished = not part.get("more_body", False)
        content: bytes = part.get("body", b"")
        return content


async def _send(answer: Response, upload: Upload, send: Send, method: str) -> None:
    """An answer to HEAD has no body, and keeps the length that the function says it would have."""
    headers = [(name, value) for name, value in answer.headers if name != "content-length"]
    if answer.status != 204:
        told = answer.header("content-length") if method == "HEAD" else ""
        headers.append(("content-length", told or str(len(answer.body))))
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    body = b"" if method == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await upload.drain()
    await send({"type": "http.response.body", "body": b""})


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise BadToken
    return token.strip()


def _pattern(path: str) -> re.Pattern[str]:
    """`/a/{b}/{c+}` as a pattern."""
    parts = re.split(r"\{(\w+\+?)\}", path)
    pieces = [re.escape(part) if at % 2 == 0 else _group(part) for at, part in enumerate(parts)]
    return re.compile("".join(pieces), re.DOTALL)


def _group(name: str) -> str:
    return f"(?P<{name[:-1]}>.+)" if name.endswith("+") else f"(?P<{name}>[^/]+)"


def _route_for_log(path: str) -> str:
    """The path with only the standard's words in it; store and box are always left out."""
    parts = path.split("/")
    return "/".join(
        part if part in _WORDS and (at < 3 or at > 4 or parts[1] == "local") else "{}" if part else ""
        for at, part in enumerate(parts)
    )
