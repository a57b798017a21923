"""How a list gets to its subscriber, and what a receiver may do without harm to the store.

`dial` leads a public name to a receiver on loopback, and records the address that it was asked for.
Receivers that drip or wait do so until the sender hangs up: if it did not, these tests would never end.
"""

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from standardwebhooks import Webhook

from onecopy.push.webhook import Answer, DeliveryFailed, Network, new_secret, send, trust
from tests.clients.receiver import Receiver, after_request, certificate, drip

pytestmark = pytest.mark.whole

SECRET = new_secret(bytes(range(24)))
BODY = '{"nmsEventList":{"nmsEvent":[],"callbackData":"Grüße"}}'.encode()
NAME = "hooks.example.com"
URL = f"https://{NAME}/hook?a=%2F"
PUBLIC = "93.184.215.14"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


Dialled = list[tuple[str, int]]


def leading_to(
    receiver: Receiver, anchor: ssl.SSLContext | None = None, *addresses: str
) -> tuple[Network, Dialled]:
    """The name resolves to these addresses. Whichever is dialled, the receiver answers."""
    dialled: Dialled = []

    def dial(address: str, port: int, timeout: float) -> socket.socket:
        dialled.append((address, port))
        return socket.create_connection(("127.0.0.1", receiver.port), timeout)

    return Network(lambda host: list(addresses or [PUBLIC]), dial, lambda: anchor or trust()), dialled


def deliver(url: str = URL, network: Network | None = None, **options: Any) -> Answer:
    settings: dict[str, Any] = {"body": BODY, "allow_local": False, "timeout": 5.0, **options}
    return send(url, SECRET, "box.7.12", datetime.now(UTC), network=network or Network(), **settings)


def local(receiver: Receiver, **options: Any) -> Answer:
    return deliver(f"http://127.0.0.1:{receiver.port}/", **{"allow_local": True, **options})


def failure(call: Callable[[], object]) -> str:
    with pytest.raises(DeliveryFailed) as failed:
        call()
    return str(failed.value)


def test_a_list_arrives_whole_signed_and_under_its_name(tmp_path: Path) -> None:
    server, anchor = certificate(tmp_path, NAME)
    asked: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: asked.append(name)
    with Receiver(OK, server) as receiver:
        network, dialled = leading_to(receiver, anchor)
        assert deliver(network=network) == Answer(204, b"")
    [(line, headers, body)] = receiver.requests
    assert (line, headers["host"]) == ("POST /hook?a=%2F HTTP/1.1", NAME)
    assert (asked, dialled) == ([NAME], [(PUBLIC, 443)])
    assert (headers["content-type"], headers["user-agent"]) == ("application/json", "onecopy")
    assert (headers["webhook-id"], body) == ("box.7.12", BODY)
    Webhook(SECRET).verify(body, dict(headers.items()))


def test_the_signature_holds_wherever_the_clock_stands() -> None:
    with Receiver(OK) as receiver:
        now = datetime.now(timezone(timedelta(hours=9)))
        send(f"http://127.0.0.1:{receiver.port}", SECRET, "1", now, BODY, allow_local=True)
    [(_, headers, body)] = receiver.requests
    Webhook(SECRET).verify(body, dict(headers.items()))


def test_a_literal_address_needs_no_resolver_and_a_certificate_of_its_own(tmp_path: Path) -> None:
    server, anchor = certificate(tmp_path, "2606:4700::1111")
    with Receiver(OK, server) as receiver:
        network, dialled = leading_to(receiver, anchor, "10.0.0.1")
        deliver("https://[2606:4700::1111]:8443/", network)
    assert receiver.requests[0][1]["host"] == "[2606:4700::1111]:8443"
    assert dialled == [("2606:4700::1111", 8443)]


@pytest.mark.nms("POST {notifyURL}", "204, or any other 2xx, is success")
@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_is_success(status: int) -> None:
    with Receiver(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status) as receiver:
        assert local(receiver).status == status


@pytest.mark.parametrize("status", [400, 401, 410, 429, 500, 503, 101, 199])
def test_any_other_answer_is_a_failure_and_named(status: int) -> None:
    with Receiver(after_request(b"HTTP/1.1 %d X\r\n\r\n" % status)) as receiver:
        assert failure(lambda: local(receiver)) == f"answered {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with Receiver(OK) as target:
        answer = b"HTTP/1.1 %d X\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % (status, target.port)
        with Receiver(answer) as receiver:
            assert failure(lambda: local(receiver)) == f"redirect not followed: answered {status}"
    assert target.connections == 0


def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(OK) as proxy, Receiver(OK) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        local(receiver)
    assert (proxy.connections, receiver.connections) == (0, 1)


@pytest.mark.parametrize("frame", [b"Content-Length: 9000000\r\n", b"", b"Transfer-Encoding: chunked\r\n"])
def test_of_a_long_answer_eight_kilobytes_are_read(frame: bytes) -> None:
    piece = b"2710\r\n" + b"x" * 10_000 + b"\r\n" if b"chunked" in frame else b"x" * 10_000
    with Receiver(after_request(b"HTTP/1.1 200 OK\r\n" + frame + b"\r\n", piece)) as receiver:
        assert local(receiver) == Answer(200, b"x" * 8_000)


NOT_HTTP = {
    "another protocol": (b"SMTP\r\n", b""),
    "headers without end": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 999),
    "a header without end": (b"HTTP/1.1 200 OK\r\na:", b"b" * 9_999),
    "never a final answer": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 999),
}


@pytest.mark.parametrize(("first", "then"), NOT_HTTP.values(), ids=NOT_HTTP.keys())
def test_what_is_not_http_is_not_read_for_long(first: bytes, then: bytes) -> None:
    with Receiver(after_request(first, then)) as receiver:
        assert failure(lambda: local(receiver)) == "the answer is not HTTP"


SLOW = {
    "silence": (b"", b""),
    "the status": (b"HTTP/1.1 200 O", b"K"),
    "a header": (b"HTTP/1.1 200 OK\r\na: ", b"b"),
    "provisional answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body of known length": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"x"),
    "a body without end": (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
}


@pytest.mark.parametrize(("first", "then"), SLOW.values(), ids=SLOW.keys())
def test_a_slow_drip_does_not_stretch_the_deadline(first: bytes, then: bytes) -> None:
    with Receiver(after_request(first, then)) as receiver:
        assert failure(lambda: local(receiver, timeout=0.3)) == "timed out"


def test_a_handshake_that_drips_ends_by_the_deadline() -> None:
    with Receiver(lambda connection: drip(connection, b"\x16\x03\x03\x40\x00", b"x")) as receiver:
        assert failure(lambda: deliver(network=leading_to(receiver)[0], timeout=0.3)) == "timed out"


def test_a_receiver_that_does_not_listen_ends_by_the_deadline() -> None:
    with Receiver(None) as receiver:
        assert failure(lambda: local(receiver, body=b"x" * 50_000_000, timeout=0.5)) == "timed out"


@pytest.mark.parametrize(("name", "days", "known"), [("b.test", 1, True), (NAME, -1, True), (NAME, 1, False)])
def test_the_certificate_of_another_an_expired_and_an_unknown_one_are_not_trusted(
    tmp_path: Path, name: str, days: int, known: bool
) -> None:
    server, anchor = certificate(tmp_path, name, days)
    with Receiver(OK, server) as receiver:
        network, _ = leading_to(receiver, anchor if known else None)
        assert failure(lambda: deliver(network=network)) == "TLS certificate not trusted"
    assert receiver.requests == []


def test_a_receiver_without_tls_gets_nothing() -> None:
    with Receiver(lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\n\r\n", b"")) as receiver:
        assert failure(lambda: deliver(network=leading_to(receiver)[0])) == "TLS failed"


def test_a_system_without_authorities_uses_the_sdks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    assert trust.__wrapped__().cert_store_stats()["x509_ca"] > 50


def test_a_closed_port_and_a_closed_connection_are_told_apart() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        assert failure(lambda: deliver(url, allow_local=True)) == "connection refused"
    with Receiver(b"") as receiver:
        assert failure(lambda: local(receiver)) == "connection closed without an answer"


INTERNAL = "127.0.0.1 10.0.0.1 169.254.169.254 ::1 fd00:ec2::254 fe80::1%lo ::ffff:93.184.215.14".split()


@pytest.mark.parametrize("address", INTERNAL)
@pytest.mark.parametrize("allow_local", [False, True])
def test_one_internal_address_among_public_ones_is_refused(address: str, allow_local: bool) -> None:
    with Receiver(OK) as receiver:
        network, dialled = leading_to(receiver, None, PUBLIC, address)
        assert failure(lambda: deliver(network=network, allow_local=allow_local)) == "address not public"
    assert dialled == []


def test_a_name_that_turns_inward_is_refused_at_the_next_send(tmp_path: Path) -> None:
    server, anchor = certificate(tmp_path, NAME)
    answers = iter([[PUBLIC], ["10.0.0.1"], ["1.1.1.1"]])
    with Receiver(OK, server) as receiver:
        network, dialled = leading_to(receiver, anchor)
        turning = Network(lambda _: next(answers), network.dial, network.trust)
        deliver(network=turning)
        assert failure(lambda: deliver(network=turning)) == "address not public"
        deliver(network=turning)
    assert dialled == [(PUBLIC, 443), ("1.1.1.1", 443)]


@pytest.mark.parametrize("address", [PUBLIC, "10.0.0.1", "127.0.0.2"])
def test_localhost_leads_to_loopback_only(address: str) -> None:
    with Receiver(OK) as receiver:
        network, _ = leading_to(receiver, None, address)
        reason = failure(lambda: deliver("http://localhost/", network, allow_local=True))
        assert reason == "address not public"
        assert deliver(f"http://localhost:{receiver.port}/", allow_local=True).status == 204


def test_a_local_address_is_refused_where_none_is_allowed() -> None:
    with Receiver(OK) as receiver:
        assert "notifyURL refused" in failure(lambda: local(receiver, allow_local=False))
    assert receiver.connections == 0


def test_the_next_address_is_tried_if_one_takes_no_connection(tmp_path: Path) -> None:
    server, anchor = certificate(tmp_path, NAME)
    with Receiver(OK, server) as receiver:
        network, dialled = leading_to(receiver, anchor)

        def dial(address: str, port: int, timeout: float) -> socket.socket:
            if address == "2606:4700::1111":
                raise OSError("no route")
            return network.dial(address, port, timeout)

        both = ["2606:4700::1111", PUBLIC]
        deliver(network=Network(lambda _: both, dial, network.trust))
    assert dialled == [(PUBLIC, 443)]


def no_such_name(_host: str) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


@pytest.mark.parametrize("resolve", [no_such_name, lambda _: []])
def test_a_name_that_leads_nowhere(resolve: Callable[[str], list[str]]) -> None:
    assert failure(lambda: deliver(network=Network(resolve))) == "name does not resolve"


def test_a_resolver_that_hangs_ends_by_the_deadline() -> None:
    hung = Event()
    network = Network(lambda _: [PUBLIC] if hung.wait() else [])
    assert failure(lambda: deliver(network=network, timeout=0.3)) == "name does not resolve in time"
    hung.set()
