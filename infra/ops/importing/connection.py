"""The connection to a store: its token, and patience with a store that is briefly busy or away.

It does not decide what to ask of the store.
"""

import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

SCOPE = "oma_rest_nms.all_v1 onecopy.network"
TRIES = 7
FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0
LONGEST_RETRY_AFTER = 60.0
RENEW_BEFORE = 60.0
_BUSY = {429, 502, 503, 504}

Headers = dict[str, str]
_Answer = TypeVar("_Answer")


class Unusable(Exception):
    """The store does not answer, or refuses; the text says why, in words for an operator.

    `under_way` says that the store may still be working on the request.
    """

    def __init__(self, reason: str, under_way: bool = False) -> None:
        super().__init__(reason)
        self.under_way = under_way


class TryAgain(Exception):
    """Nobody knows whether it was done: the connection broke, or the store was too busy to answer.

    `under_way` says that the store may still be working on it.
    """

    def __init__(
        self, reason: str, after: float | None = None, progress: bool = False, under_way: bool = False
    ) -> None:
        super().__init__(reason)
        self.after = after
        self.progress = progress
        self.under_way = under_way


class Connection:
    """A connection to one box of one store. Threads may share it."""

    def __init__(self, url: str, store: str, box_id: str, token: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise Unusable(f"{url} is no http address")
        if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
            raise Unusable("the token is malformed")
        self.url = url.rstrip("/")
        self.base = f"{self.url}/nms/v1/{quote(store, safe='')}/{quote(box_id, safe='')}"
        self._box_id = box_id
        self._given = token
        self._token = token or ""
        self._renew_at = float("inf") if token else 0.0
        self._renewing = threading.Lock()
        self._reached = False
        self._client = httpx.Client(timeout=httpx.Timeout(90, connect=10))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._client.close()

    def ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send one request to the box, without a retry, except with a new token if the old one is refused."""
        token = self._current()
        answer = self._ask_with(token, method, path, content)
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._given is None:
            self._discard(token)
            answer = self._ask_with(self._current(), method, path, content)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Unusable("the store refuses the token")
        return answer

    def put(self, href: str, headers: Headers, content: bytes) -> httpx.Response:
        """Send content to a presigned URL, which wants no token."""
        return self._send("PUT", href, headers, {"content": content})

    def _ask_with(self, token: str, method: str, path: str, content: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", **content.get("headers", {})}
        return self._send(method, self.base + path, headers, {**content, "headers": None})

    def _send(self, method: str, url: str, headers: Headers, content: dict[str, Any]) -> httpx.Response:
        try:
            answer = self._client.request(method, url, **{**content, "headers": headers})
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise Unusable(f"{self.url} cannot be asked: {error}") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            reason = str(error) or type(error).__name__
            if not self._reached:
                raise Unusable(f"no store answers at {self.url}: {reason}") from None
            raise TryAgain(reason) from None
        except httpx.TransportError as error:
            raise TryAgain(str(error) or type(error).__name__, under_way=True) from None
        except httpx.HTTPError as error:
            raise Unusable(f"{self.url} does not answer as a store: {error}") from None
        self._reached = True
        if answer.status_code in _BUSY:
            raise TryAgain(f"it answers {answer.status_code}", _retry_after(answer))
        return answer

    def _current(self) -> str:
        with self._renewing:
            if time.monotonic() >= self._renew_at:
                self._renew()
            return self._token

    def _discard(self, token: str) -> None:
        with self._renewing:
            if token == self._token:
                self._renew_at = 0.0

    def _renew(self) -> None:
        """Get a token from the local stack, which gives one to anybody; elsewhere the user must bring one."""
        asked = {"boxId": self._box_id, "scope": SCOPE}
        answer = self._send("POST", f"{self.url}/local/token", {}, {"json": asked})
        given = body(answer) if answer.is_success else {}
        token, lifetime = given.get("access_token"), given.get("expires_in")
        if not isinstance(token, str) or not isinstance(lifetime, int | float):
            raise Unusable(f"{self.url} gives no token ({answer.status_code}); bring one with --token")
        self._token = token
        self._renew_at = time.monotonic() + max(lifetime - RENEW_BEFORE, lifetime / 2)


def body(answer: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object, empty if it holds none."""
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def fault(answer: httpx.Response) -> str:
    """An error of the store in short: its code and NMS's messageId, and nothing of the request."""
    return f"{answer.status_code} {message_id(body(answer))}".strip()


def message_id(failure: dict[str, Any]) -> str:
    error = failure.get("requestError", failure)
    for kind in ("serviceException", "policyException"):
        if isinstance(error, dict) and isinstance(error.get(kind), dict):
            return str(error[kind].get("messageId", ""))
    return ""


def patiently(url: str, attempt: Callable[[TryAgain | None], _Answer]) -> _Answer:
    """Try, and wait longer each time or as the store asks; `attempt` gets the outcome of the last try."""
    last: TryAgain | None = None
    fruitless = 0
    while True:
        try:
            return attempt(last)
        except TryAgain as again:
            last = again
            fruitless = 1 if again.progress else fruitless + 1
            if fruitless == TRIES:
                raise Unusable(f"no answer to be had from {url}: {again}", again.under_way) from None
            wait = min(FIRST_WAIT * 2 ** (fruitless - 1), LONGEST_WAIT)
            jitter = random.uniform(0.75, 1.25)  # noqa: S311  # no secret
            time.sleep(max(wait * jitter, again.after or 0.0))


def _retry_after(answer: httpx.Response) -> float | None:
    seconds = answer.headers.get("Retry-After", "")
    return min(float(seconds), LONGEST_RETRY_AFTER) if seconds.isdecimal() else None
