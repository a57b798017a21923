"""`api`: every request of the HTTP API (payload 2.0), through one catch-all route.

HTTP APIs pass the path already decoded, but the resolver's patterns need it quoted. So it is quoted again
here, and unquoted once, segment by segment, before a route sees it.
"""

import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.domain.errors import Busy, MethodNotAllowed, NMSError, Unknown
from onecopy.handlers.edge import composition
from onecopy.handlers.edge.request import (
    Answer,
    Request,
    always,
    authorize,
    authorize_network,
    sent,
    without_body,
)
from onecopy.handlers.routes import (
    Route,
    bulk,
    changes,
    copies,
    delivery_to_many,
    flags,
    folders,
    objects,
    payloads,
    policies,
    preferences,
    search,
    subscriptions,
    uploads,
)
from onecopy.store.commit.throttling import is_throttled
from onecopy.wire import outward

STORE = "/nms/v1/<store_name>"
BOX = f"{STORE}/<box_id>"
HEAD = "HEAD"
METHODS = ["GET", "PUT", "POST", "DELETE", "PATCH", HEAD, "OPTIONS", "TRACE"]
OTHER = "TRACE"
"""Stands for every method that is not listed. No resource has it."""

ROUTES = [
    *changes.ROUTES,
    *folders.ROUTES,
    *copies.ROUTES,
    *search.ROUTES,
    *objects.ROUTES,
    *bulk.ROUTES,
    *payloads.ROUTES,
    *uploads.ROUTES,
    *flags.ROUTES,
    *subscriptions.ROUTES,
    *delivery_to_many.ROUTES,
    *preferences.ROUTES,
    *policies.ROUTES,
]

composition.loaded("CONTENT_BUCKET", "JOBS_QUEUE_URL", "DELIVERY_QUEUE_URL", "RESTART_TOKEN_KEYS")
logger = Logger()
app = APIGatewayHttpResolver()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if is_preflight(event):
        return {"statusCode": 204, "headers": always(204, event["requestContext"]["requestId"])}
    return app.resolve(resolvable(event), context)


def resolvable(event: dict[str, Any]) -> dict[str, Any]:
    """The event with a path and a method that the resolver can match with a resource."""
    asked = event["requestContext"]
    method = asked["http"]["method"]
    known = {**asked["http"], "method": method if method in METHODS else OTHER}
    path = quoted_path(event["rawPath"])
    return {**event, "rawPath": path, "requestContext": {**asked, "http": known}}


def is_preflight(event: dict[str, Any]) -> bool:
    """Whether it is a browser's CORS preflight, which comes without a token, through a route of its own.

    API Gateway adds what the browser looks for. The status comes from here and has to be a success.
    """
    asked = event["requestContext"]
    return asked["http"]["method"] == "OPTIONS" and "authorizer" not in asked


def quoted_path(raw_path: str) -> str:
    """The path that the gateway decoded, quoted again. `%25`, which the gateway does not decode, stays."""
    return quote(raw_path, safe="/%")


def _resource(path: str, routes: dict[str, Route]) -> Callable[..., Response[Any]]:
    """One resource with all its methods, and HEAD beside GET. Any other is answered with 405 and Allow."""

    def resource(store_name: str, box_id: str | None = None, **segments: str) -> Response[Any]:
        def ask() -> Answer:
            method = str(app.current_event.http_method)
            route = routes.get("GET" if method == HEAD else method)
            request = _authorized(unquote(store_name), box_id, route)
            if not route:
                raise MethodNotAllowed(tuple(sorted({*routes, HEAD} if "GET" in routes else routes)))
            if route.json_only:
                request.check_json()
            answer = route.function(request, **{name: unquote(value) for name, value in segments.items()})
            return replace(answer, json_only=route.json_only)

        return _answered(ask, path)

    return resource


def _authorized(store_name: str, box_id: str | None, route: Route | None) -> Request:
    """`box_id`: as the path has it; None for a resource of the store itself."""
    event = app.current_event.raw_event
    if box_id is None:
        return authorize_network(event, store_name)
    needed = (route.scope, route.stores) if route else (None, False)
    return authorize(event, store_name, unquote(box_id), *needed)


def _not_found(_: Exception) -> Response[Any]:
    def refuse() -> Answer:
        raise Unknown("request")

    return _answered(refuse, "unknown")


def _answered(ask: Callable[[], Answer], path: str) -> Response[Any]:
    """Maps errors by class. If AWS throttles the request, the answer is Busy. Any other exception that is not
    an NMSError is logged without its text and answered as SVC0001.
    """
    event = app.current_event.raw_event
    correlation_id = event["requestContext"]["requestId"]
    try:
        answer = ask()
    except NMSError as error:
        answer = _refusal(error)
    except Exception as error:
        answer = _refusal(Busy()) if is_throttled(error) else _failure(error, path, correlation_id)
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    out, body = sent(answer, headers, correlation_id)
    if event["requestContext"]["http"]["method"] == HEAD:
        out, body = without_body(out, body)
    return Response(answer.status, headers=out, body="" if body is None else body)


def _failure(error: Exception, path: str, correlation_id: str) -> Answer:
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error(
        "request failed",
        extra={
            "correlation_id": correlation_id,
            "resource": path,
            "error": type(error).__name__,
            "at": frames,
        },
    )
    return Answer(500, outward.request_error(NMSError(correlation_id)))


def _refusal(error: NMSError) -> Answer:
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = ", ".join(error.allow)
    return Answer(error.status, outward.request_error(error), headers)


def _register() -> None:
    by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        by_path.setdefault((STORE if route.of_store else BOX) + route.path, {})[route.method] = route
    for path, routes in by_path.items():
        app.route(path, method=METHODS)(_resource(path, routes))
    app.not_found(_not_found)


_register()
