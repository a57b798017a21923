"""A webhook receiver for tests: a real socket on loopback that answers, drips, waits or hangs up."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Thread
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Script = Callable[[socket.socket], None]


class Receiver:
    """Runs its script on each connection, one after the other, and keeps the requests that it reads.

    If the script is bytes, it reads a request and answers with them. If None, it neither reads nor answers.
    """

    def __init__(
        self, script: bytes | Script | None, tls: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        self.script = script
        self.tls = tls
        self.requests: list[tuple[str, Message, bytes]] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._closing = Event()
        self._thread = Thread(target=self._run)

    def _run(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if self._closing.is_set():
                    return
                self.connections += 1
                with suppress(OSError):  # the sender hung up, as it should on most of these
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        if self.script is None:
            self._closing.wait()
            return
        if callable(self.script):
            self.script(connection)
            return
        talk = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
        with talk:
            self.requests.append(read_request(talk))
            talk.sendall(self.script)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


def read_request(connection: socket.socket) -> tuple[str, Message, bytes]:
    with connection.makefile("rb") as stream:
        line = stream.readline().decode().strip()
        head = b""
        while (row := stream.readline()) != b"\r\n":
            if not row:
                raise ConnectionError("the sender was cut off")
            head += row
        headers = message_from_bytes(head)
        length = int(headers["content-length"])
        body = stream.read(length)
    if len(body) < length:
        raise ConnectionError("the sender was cut off")
    return line, headers, body


def after_request(first: bytes, then: bytes = b"") -> Script:
    """Reads a request and sends `first`. It then sends `then` again and again, slowly, or just waits."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        drip(connection, first, then)

    return script


def drip(connection: socket.socket, first: bytes, then: bytes) -> None:
    connection.sendall(first)
    connection.settimeout(0.02)
    while True:
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            connection.sendall(then)


def certificate(folder: Path, name: str, days: int = 1) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A certificate, as the TLS context of the receiver and as that of a sender that trusts it."""
    path = folder / "certificate.pem"
    write_certificate(path, name, datetime.now(UTC) + timedelta(days=days))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


def write_certificate(path: Path, name: str, until: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    try:
        named: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        named = x509.DNSName(name)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(until - timedelta(days=9))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([named]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *private)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
