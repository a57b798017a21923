"""Where a webhook may go. Nothing else reads a notifyURL or decides whether an address is allowed.

Nothing here resolves a name or opens a connection. A URL is read once, into a NotifyURL, and the sender
connects by that alone. The grammar is narrower than RFC 3986's (ASCII only, a name of letters and digits,
an address in its one usual spelling), so no other parser could find another host in a URL that passes.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Scheme = Literal["http", "https"]

MOST_BYTES = 2_000
PORTS: dict[Scheme, int] = {"http": 80, "https": 443}
LOCAL_HOSTS = {"127.0.0.1": "127.0.0.1", "[::1]": "::1", "localhost": "localhost"}
"""Local hosts as a URL spells them, each with the host it means. Nothing else is ever local."""

_LOCAL_ADDRESSES = frozenset({ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")})

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?]*)"
    r"(?P<target>(?:[/?](?:[a-z0-9._~!$&'()*+,;=:@/?-]|%[0-9a-f]{2})*)?)",
    re.IGNORECASE | re.ASCII,
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{0,5}))?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

_NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the cloud's metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""All that is assigned. Loopback, link-local, unique local, multicast, IPv4-mapped and NAT64 lie outside."""

_NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: any IPv4 address in disguise
        "3fff::/20",  # documentation
    )
)


class BadNotifyURL(ValueError):
    """The text is the reason. It may be shown, and it quotes nothing of the URL."""


@dataclass(frozen=True)
class NotifyURL:
    """What to connect to. `host` is in lower case; an IPv6 address has no brackets."""

    scheme: Scheme
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def literal(self) -> Address | None:
        """The host if it is an address; None if it is a name."""
        return ipaddress.ip_address(self.host) if ":" in self.host or _is_ipv4(self.host) else None

    def may_reach(self, address: Address) -> bool:
        """Only a local host may lead to loopback, and `parse` refuses local hosts unless they are allowed."""
        if self.host in LOCAL_HOSTS.values():
            return address in _LOCAL_ADDRESSES
        return public(address)


def public(address: Address) -> bool:
    """Whether the address is public by the lists above. The standard library's differ between Pythons."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    if address.scope_id is not None or address not in _PUBLIC_V6:
        return False
    return not any(address in network for network in _NOT_PUBLIC_V6)


def check_notify_url(url: str, *, allow_local: bool) -> None:
    """Raises BadNotifyURL. The addresses that a name leads to are checked at every send."""
    parse(url, allow_local=allow_local)


def host_of(url: str) -> str:
    """The host and port that a notifyURL calls. Subscribers with the same ones share its slowness."""
    try:
        return parse(url, allow_local=True).authority
    except BadNotifyURL:  # accepted when the rules were different
        return url


def parse(url: str, *, allow_local: bool) -> NotifyURL:
    _check_characters(url)
    found = _URL.fullmatch(url)
    if not found:
        raise BadNotifyURL("not an absolute URL by RFC 3986")
    scheme = found["scheme"].lower()
    if scheme != "https" and not (allow_local and scheme == "http"):
        raise BadNotifyURL("the scheme is not https")
    if "@" in found["authority"]:
        raise BadNotifyURL("it holds credentials")
    authority = _AUTHORITY.fullmatch(found["authority"])
    if not authority:
        raise BadNotifyURL("malformed host or port")
    known: Scheme = "https" if scheme == "https" else "http"
    target = found["target"].removeprefix("/")
    return NotifyURL(
        known, _host(authority["host"], allow_local), _port(authority["port"], known), f"/{target}"
    )


def _check_characters(url: str) -> None:
    if not url.isascii():
        raise BadNotifyURL("not ASCII: a name wants its xn-- form, anything else percent-encoding")
    if len(url) > MOST_BYTES:
        raise BadNotifyURL(f"longer than {MOST_BYTES} bytes")
    if not url.isprintable() or " " in url or "\\" in url:
        raise BadNotifyURL("it holds a space, a control character or a backslash")
    if "#" in url:
        raise BadNotifyURL("it holds a fragment")


def _port(text: str | None, scheme: Scheme) -> int:
    port = int(text) if text else PORTS[scheme]
    if not 1 <= port <= 65_535:
        raise BadNotifyURL("no such port")
    return port


def _host(text: str, allow_local: bool) -> str:
    if allow_local and text in LOCAL_HOSTS:
        return LOCAL_HOSTS[text]
    host = text.lower()
    if host.startswith("["):
        return _literal(ipaddress.IPv6Address, host[1:-1])
    host = host.removesuffix(".")
    if not host:
        raise BadNotifyURL("no host")
    if _is_ipv4(host):
        return _literal(ipaddress.IPv4Address, host)
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadNotifyURL("malformed host")
    if labels[-1] == "localhost":
        raise BadNotifyURL("the address is not public")
    return host


def _is_ipv4(host: str) -> bool:
    """Whether browsers and C libraries would read an address: 2130706433, 0x7f.1 and 127.1 are addresses."""
    return _NUMBER.fullmatch(host.split(".")[-1]) is not None


def _literal(kind: type[Address], text: str) -> str:
    """Takes IPv4 in its usual spelling only: a library could read a rarer one as a different address."""
    try:
        address = kind(text)
    except ValueError as error:
        raise BadNotifyURL("malformed address") from error
    if not public(address):
        raise BadNotifyURL("the address is not public")
    return str(address)
