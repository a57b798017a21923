"""Converts HTTP to API Gateway's event and back (payload format 2.0), as HTTP APIs do. Nothing here waits."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from infra.aws.template import ACCOUNT

_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "expect", "te", "trailer"}
)
RawHeaders = Iterable[tuple[bytes, bytes]]


class BadResult(Exception):
    """A handler's result that is not a response."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    raw_path: bytes
    query: str
    headers: dict[str, str]
    cookies: list[str]
    source_ip: str
    id: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(11)).decode())


@dataclass(frozen=True)
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


def decoded_path(raw: bytes) -> str:
    """The path as an HTTP API sees it: decoded except for %25, and cut at a decoded question mark."""
    pieces = raw.decode("latin-1").split("%25")
    return "%25".join(unquote(piece) for piece in pieces).split("?", 1)[0]


def request(method: str, raw_path: bytes, query: bytes, raw_headers: RawHeaders, peer: str) -> Request:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for raw_name, raw_value in raw_headers:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        if name == "cookie":
            cookies += [one.strip() for one in value.split(";") if one.strip()]
        elif name not in _HOP_BY_HOP:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    headers |= {"x-forwarded-for": peer, "x-forwarded-proto": "http"}
    return Request(method, decoded_path(raw_path), raw_path, query.decode("latin-1"), headers, cookies, peer)


def event(asked: Request, route_key: str, parameters: dict[str, str], authorizer: Any, body: bytes) -> bytes:
    """The event as JSON, as Lambda passes it on."""
    now = datetime.now(UTC)
    trace = f"Root=1-{int(now.timestamp()):08x}-{uuid.uuid4().hex[:24]}"
    encoded = _is_binary(asked.headers, body)
    content: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": asked.path,
        "rawQueryString": asked.query,
        "headers": {**asked.headers, "x-amzn-trace-id": trace},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            **({"authorizer": authorizer} if authorizer else {}),
            "domainName": asked.headers.get("host", "").rsplit(":", 1)[0],
            "domainPrefix": "local",
            "http": {
                "method": asked.method,
                "path": asked.path,
                "protocol": "HTTP/1.1",
                "sourceIp": asked.source_ip,
                "userAgent": asked.headers.get("user-agent", ""),
            },
            "requestId": asked.id,
            "routeKey": route_key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "pathParameters": parameters,
        "isBase64Encoded": encoded,
    }
    if asked.cookies:
        content["cookies"] = asked.cookies
    if asked.query:
        content["queryStringParameters"] = _joined(parse_qsl(asked.query, keep_blank_values=True))
    if body:
        content["body"] = base64.b64encode(body).decode() if encoded else body.decode()
    return json.dumps(content).encode()


def response(result: bytes) -> Response:
    """A handler's result as an HTTP response."""
    answer = json.loads(result)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return document(answer)
    body = answer.get("body") or ""
    if not isinstance(body, str) or not 200 <= int(answer["statusCode"]) <= 599:
        raise BadResult("no body that is text, or no status")
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    headers = [(str(name).lower(), str(value)) for name, value in (answer.get("headers") or {}).items()]
    headers += [("set-cookie", cookie) for cookie in answer.get("cookies") or []]
    if content and not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain; charset=utf-8"))
    return Response(int(answer["statusCode"]), headers, content)


def document(content: Any, *headers: tuple[str, str], status: int = 200) -> Response:
    body = json.dumps(content, separators=(",", ":")).encode()
    return Response(status, [("content-type", "application/json"), *headers], body)


def message(status: int, text: str, *headers: tuple[str, str]) -> Response:
    """One of the gateway's own answers."""
    return document({"message": text}, *headers, status=status)


def scopes(claims: dict[str, Any]) -> set[str]:
    """The scopes of a token, of which a route may demand one: `scope` and `scp`, text or list."""
    held = [claims[name] for name in ("scope", "scp") if name in claims]
    return {word for one in held for word in (one if isinstance(one, list) else str(one).split())}


def claims_as_text(claims: dict[str, Any], scopes: tuple[str, ...] | None) -> dict[str, Any]:
    """A token's claims as an HTTP API passes them on: every value as text, a list as [a b]."""
    return {
        "jwt": {
            "claims": {name: _claim(value) for name, value in claims.items()},
            "scopes": list(scopes) if scopes else None,
        }
    }


def _claim(value: Any) -> str:
    if isinstance(value, list):
        return f"[{' '.join(map(str, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _is_binary(headers: dict[str, str], body: bytes) -> bool:
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    text = not kind or kind.startswith("text/") or kind in _TEXT_TYPES
    if not text or "content-encoding" in headers:
        return bool(body)
    try:
        body.decode()
    except UnicodeDecodeError:
        return True
    return False


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
