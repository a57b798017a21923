"""The contract as a page: `/docs` shows `infra/openapi.yaml`, and lets its reader send each request.

The page comes from this folder and loads nothing from elsewhere, so it works without a network.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from infra.local.gateway.event import Request, Response, document, message

_CONTRACT = Path(__file__).parents[2] / "openapi.yaml"
_PAGE = Path(__file__).with_name("page")
_FILES = {
    "/docs": (_PAGE / "index.html", "text/html"),
    "/docs/start.js": (_PAGE / "start.js", "text/javascript"),
    "/docs/docs.js": (_PAGE / "docs.js", "text/javascript"),
    "/docs/docs.css": (_PAGE / "docs.css", "text/css"),
    "/docs/openapi.yaml": (_CONTRACT, "application/yaml"),
}
_HEADERS = [
    ("cache-control", "no-cache"),
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:",
    ),
    ("x-content-type-options", "nosniff"),
]


def is_documentation(path: str) -> bool:
    return path == "/docs" or path.startswith("/docs/")


def answer(asked: Request) -> Response:
    if asked.method not in ("GET", "HEAD"):
        return message(405, "Method Not Allowed", ("allow", "GET, HEAD"))
    path = asked.path.rstrip("/")
    if path == "/docs/openapi.json":
        return _as_json()
    if path not in _FILES:
        return message(404, "Not Found")
    file, kind = _FILES[path]
    return Response(200, [("content-type", f"{kind}; charset=utf-8"), *_HEADERS], file.read_bytes())


@cache
def _as_json() -> Response:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C takes a tenth of the time
    return document(yaml.load(_CONTRACT.read_text(), Loader=loader), *_HEADERS)  # noqa: S506  a safe loader
