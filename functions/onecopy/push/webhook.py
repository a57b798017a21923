"""The webhook channel: one signed POST to a checked address, by a deadline. No table, no retry, no state.

The name is resolved for every send, and the connection goes to the very address that was checked. So a name
that changes its address in between leads nowhere. Redirects are not followed, and proxies are not used.
"""

import base64
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http.client import HTTPConnection, HTTPException, LineTooLong
from importlib.resources import files
from io import BufferedReader, RawIOBase
from ipaddress import ip_address
from socket import IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, create_connection, gaierror, getaddrinfo, socket
from threading import Thread
from typing import TYPE_CHECKING, cast

from standardwebhooks import Webhook

from onecopy.push.address import BadNotifyURL, NotifyURL, parse

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

TIMEOUT = 10.0
"""Seconds for everything together: resolving, connecting, sending, and reading the answer."""

RESOLVE_TIMEOUT = 3.0
CONNECT_TIMEOUT = 3.0
MOST_OF_ANSWER = 8_000
_MOST_READ = 100_000
"""Bytes of a whole answer, with its headers and the framing of its body."""


class DeliveryFailed(Exception):
    """The text is the reason. It is short and may be shown to the subscription's owner."""


@dataclass(frozen=True)
class Answer:
    """`body` is cut at MOST_OF_ANSWER."""

    status: int
    body: bytes


def resolve(host: str) -> list[str]:
    """The addresses that the system's resolver gives. Raises OSError."""
    return [str(entry[4][0]) for entry in getaddrinfo(host, None, type=SOCK_STREAM)]


def dial(address: str, port: int, timeout: float) -> socket:
    return create_connection((address, port), timeout)


@cache
def trust() -> ssl.SSLContext:
    """The system's certificate authorities, or the SDK's if it has none. Read once, at the first send."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(cadata=files("botocore").joinpath("cacert.pem").read_text())
    return context


@dataclass(frozen=True)
class Network:
    """The calls to the world outside, passed as arguments."""

    resolve: Callable[[str], list[str]] = resolve
    dial: Callable[[str, int, float], socket] = dial
    trust: Callable[[], ssl.SSLContext] = trust


INTERNET = Network()


def new_secret(random_bytes: bytes) -> str:
    """Takes from 24 to 64 bytes, as Standard Webhooks requires."""
    return "whsec_" + base64.b64encode(random_bytes).decode()


def send(
    url: str,
    secret: str,
    webhook_id: str,
    now: datetime,
    body: bytes,
    content_type: str = "application/json",
    *,
    allow_local: bool,
    timeout: float = TIMEOUT,
    network: Network = INTERNET,
) -> Answer:
    """Only an answer with 2xx is a success; anything else raises DeliveryFailed."""
    deadline = _Deadline(time.monotonic() + timeout)
    headers = _signed(secret, webhook_id, now, body, content_type)
    try:
        place = parse(url, allow_local=allow_local)
        addresses = _addresses(place, deadline, network)
        with _connected(place, addresses, deadline, network) as connection:
            return _post(place, headers, body, _Line(connection, deadline))
    except (BadNotifyURL, OSError, HTTPException) as error:
        raise DeliveryFailed(_reason(error)) from error


def _signed(secret: str, webhook_id: str, now: datetime, body: bytes, content_type: str) -> dict[str, str]:
    moment = now.astimezone(UTC)  # the library reads the digits of any time as UTC
    return {
        "content-type": content_type,
        "user-agent": "onecopy",
        "connection": "close",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, moment, body.decode()),
    }


@dataclass(frozen=True)
class _Deadline:
    at: float

    def left(self, most: float = float("inf")) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, most)


def _addresses(place: NotifyURL, deadline: _Deadline, network: Network) -> list[str]:
    """All addresses, each checked. One bad address makes the send fail, even among good ones."""
    literal = place.literal
    texts = [str(literal)] if literal else _resolved(place.host, deadline, network)
    if not texts:
        raise DeliveryFailed("name does not resolve")
    if not all(place.may_reach(ip_address(text)) for text in texts):
        raise DeliveryFailed("address not public")
    return list(dict.fromkeys(texts))


def _resolved(host: str, deadline: _Deadline, network: Network) -> list[str]:
    """Resolves in a thread, since the system's resolver has no time limit; one that hangs is abandoned."""
    result: Future[list[str]] = Future()

    def run() -> None:
        try:
            result.set_result(network.resolve(host))
        except Exception as error:
            result.set_exception(error)

    Thread(target=run, name="resolve", daemon=True).start()
    try:
        return result.result(deadline.left(RESOLVE_TIMEOUT))
    except TimeoutError as error:
        raise DeliveryFailed("name does not resolve in time") from error


def _connected(place: NotifyURL, addresses: list[str], deadline: _Deadline, network: Network) -> socket:
    """Connects to the first address that accepts. The certificate must still be the host's."""
    failure: OSError = TimeoutError()
    for address in addresses:
        try:
            connection = network.dial(address, place.port, deadline.left(CONNECT_TIMEOUT))
        except OSError as error:
            failure = error
            continue
        connection.setsockopt(
            IPPROTO_TCP, TCP_NODELAY, 1
        )  # otherwise the body waits until the head is acknowledged
        if place.scheme == "http":
            return connection
        return _secured(connection, place, deadline, network)
    raise failure


def _secured(connection: socket, place: NotifyURL, deadline: _Deadline, network: Network) -> socket:
    """`settimeout` bounds the handshake as a whole."""
    try:
        connection.settimeout(deadline.left())
        return network.trust().wrap_socket(connection, server_hostname=place.host)
    except BaseException:
        connection.close()
        raise


def _post(place: NotifyURL, headers: dict[str, str], body: bytes, line: "_Line") -> Answer:
    http = HTTPConnection(place.host, place.port)
    http.sock = cast(socket, line)
    http.request("POST", place.target, body, {"host": place.authority, **headers})
    with http.getresponse() as response:
        if 300 <= response.status < 400:
            raise DeliveryFailed(f"redirect not followed: answered {response.status}")
        if not 200 <= response.status < 300:
            raise DeliveryFailed(f"answered {response.status}")
        return Answer(response.status, response.read(MOST_OF_ANSWER))


class _Line:
    """A connection as http.client uses one. Each step gets only the time left until the deadline.

    A time limit on the socket alone starts again with every byte, so a slow sender could hold it for ever.
    """

    def __init__(self, connection: socket, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, data: "ReadableBuffer") -> None:
        view = memoryview(data)
        while view:
            self._connection.settimeout(self._deadline.left())
            view = view[self._connection.send(view) :]

    def makefile(self, _mode: str) -> BufferedReader:
        return BufferedReader(_Incoming(self._connection, self._deadline))

    def close(self) -> None:
        """Does nothing, since http.client calls it before it reads the body.

        Whoever opened the connection closes it.
        """


class _Incoming(RawIOBase):
    def __init__(self, connection: socket, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._left = _MOST_READ

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._connection.settimeout(self._deadline.left())
        count = self._connection.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise LineTooLong("answer")
        return count


def _reason(error: Exception) -> str:
    match error:
        case BadNotifyURL():
            return f"notifyURL refused: {error}"
        case ssl.SSLCertVerificationError():
            return "TLS certificate not trusted"
        case ssl.SSLError():
            return "TLS failed"
        case TimeoutError():
            return "timed out"
        case gaierror():
            return "name does not resolve"
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionError():
            return "connection closed without an answer"
        case HTTPException():
            return "the answer is not HTTP"
        case _:
            return "not reachable"
