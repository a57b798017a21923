"""Where a webhook may lead: others choose the notifyURL, and none may lead inside the network."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from onecopy.push.address import BadNotifyURL, NotifyURL, check_notify_url, parse, public

NAME = "hooks.example.com"
PUBLIC = "93.184.215.14"

PRIVATE_NETWORKS = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
).split()
NOT_PUBLIC_V6 = (
    "::/128 ::1/128 ::ffff:0:0/96 ::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/32 2001:2::/48 "
    "2001:10::/28 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8"
).split()

private_ipv4 = st.sampled_from(PRIVATE_NETWORKS).flatmap(lambda network: st.ip_addresses(network=network))
not_public = private_ipv4 | st.sampled_from(NOT_PUBLIC_V6).flatmap(lambda net: st.ip_addresses(network=net))
number = st.sampled_from(["{:d}", "0{:o}", "00{:o}", "0x{:x}", "0X{:X}", "0x0{:x}"])
FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９。")
CIRCLED = str.maketrans("123456789", "①②③④⑤⑥⑦⑧⑨")


@st.composite
def short_forms(draw: st.DrawFn, address: int) -> str:
    """The forms that inet_aton reads: one to four numbers in any base, the last one holding what is left."""
    count = draw(st.integers(1, 4))
    octets = address.to_bytes(4, "big")
    numbers = [*octets[: count - 1], int.from_bytes(octets[count - 1 :], "big")]
    return ".".join(draw(number).format(each) for each in numbers) + draw(st.sampled_from(["", "."]))


def within_ipv6(address: int) -> list[str]:
    high, low = address >> 16, address & 0xFFFF
    flipped = address ^ 0xFFFFFFFF
    return [
        f"[::ffff:{IPv4Address(address)}]",
        f"[0:0:0:0:0:FFFF:{high:x}:{low:x}]",
        f"[::{IPv4Address(address)}]",
        f"[::ffff:0:{high:x}:{low:x}]",
        f"[64:ff9b::{IPv4Address(address)}]",
        f"[64:ff9b:1::{high:x}:{low:x}]",
        f"[2002:{high:x}:{low:x}::1]",
        f"[2001:0:4136:e378:8000:63bf:{flipped >> 16:x}:{flipped & 0xFFFF:x}]",
        f"[::ffff:{high:x}:{low:x}%25eth0]",
        f"[{IPv4Address(address)}]",
    ]


@st.composite
def spellings(draw: st.DrawFn) -> str:
    address = int(draw(private_ipv4))
    text = draw(short_forms(address) | st.sampled_from(within_ipv6(address)))
    disguise = draw(st.sampled_from(["", "width", "circled", "percent"]))
    if disguise == "percent":
        return "".join(f"%{ord(c):02x}" for c in text)
    return text.translate({"width": FULL_WIDTH, "circled": CIRCLED}.get(disguise, {}))


@given(spellings(), st.sampled_from(["", ":443", ":8443"]), st.booleans())
def test_every_private_address_is_refused_in_every_spelling(host: str, port: str, allow_local: bool) -> None:
    assume(host not in ("127.0.0.1", "[::1]") or not allow_local)
    with pytest.raises(BadNotifyURL):
        check_notify_url(f"https://{host}{port}/hook", allow_local=allow_local)


@given(not_public)
def test_no_address_of_a_special_network_is_public(address: IPv4Address | IPv6Address) -> None:
    assert not public(address)


@given(st.ip_addresses())
def test_what_the_standard_library_calls_special_is_never_public(address: IPv4Address | IPv6Address) -> None:
    assert not public(address) or (address.is_global and not address.is_multicast)


@pytest.mark.parametrize("text", [PUBLIC, "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::1"])
def test_ordinary_addresses_are_public(text: str) -> None:
    assert public(ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        *("", "hooks.example.com/hook", "//hooks.example.com/hook", "/hook", "https:hooks.example.com"),
        *("ftp://a.example", "HTTP://a.example", "http://a.example/", "javascript://a.example/%0aalert(1)"),
        *("https://", "https:///hook", "https://:443/", "https://?a", "https://./", "https://a..example/"),
        *("https://u:p@a.example/", "https://u@a.example/", "https://@a.example/", "https://:@a.example/"),
        *("https://a.example/#x", "https://a.example/#", "https://a.example#", "https://a.example?x#"),
        *("https://a.example:0/", "https://a.example:00000/", "https://a.example:65536/"),
        *(
            "https://a.example:-1/",
            "https://a.example:+443/",
            "https://a.example:4_3/",
            "https://a.example:x/",
        ),
        *(" https://a.example/", "https://a.example/\n", "https://a.exam\tple/", "https://a.example/\x00"),
        *(
            "https://a.example\\@10.0.0.1/",
            "https:\\\\a.example/",
            "https://a.example/a b",
            "https://a.example%2f/",
        ),
        *("https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/"),
        *(
            "https://[::1]/",
            "https://[8.8.8.8]/",
            "https://[2606:4700::1111%25eth0]/",
            "https://[::1]x/",
            "https://[::1/",
            "https://::1/",
            "https://[v1.a]/",
            "https://[]/",
        ),
        *(
            "https://256.1.1.1/",
            "https://1.2.3/",
            "https://134744072/",
            "https://a.0x/",
            "https://-a.example/",
        ),
        *("https://münchen.example/", "https://a.example/ü", "https://ⓛocalhost/", "https://a.example/%zz"),
        *(f"https://{'a' * 64}.example/", f"https://{'a.' * 126}example/"),
    ],
)
def test_what_is_no_public_https_address_is_refused(url: str) -> None:
    with pytest.raises(BadNotifyURL) as refusal:
        check_notify_url(url, allow_local=False)
    assert "example" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a.example/", "the scheme is not https"),
        ("https://u:p@a.example/", "it holds credentials"),
        ("https://a.example/#", "it holds a fragment"),
        ("https://a.example:0/", "no such port"),
        ("https://10.0.0.1/", "the address is not public"),
        ("https://ä.example/", "not ASCII: a name wants its xn-- form, anything else percent-encoding"),
    ],
)
def test_the_reason_is_told(url: str, reason: str) -> None:
    with pytest.raises(BadNotifyURL, match=f"^{reason}$"):
        check_notify_url(url, allow_local=False)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://Hooks.Example.com", NotifyURL("https", NAME, 443, "/")),
        (
            "HTTPS://hooks.example.com.:8443/a//b?c=%2F&d=e@f",
            NotifyURL("https", NAME, 8443, "/a//b?c=%2F&d=e@f"),
        ),
        ("https://hooks.example.com?a", NotifyURL("https", NAME, 443, "/?a")),
        ("https://xn--mnchen-3ya.example:/", NotifyURL("https", "xn--mnchen-3ya.example", 443, "/")),
        (f"https://{PUBLIC}//x", NotifyURL("https", PUBLIC, 443, "//x")),
        ("https://[2606:4700:0::1111]:444/", NotifyURL("https", "2606:4700::1111", 444, "/")),
    ],
)
def test_a_public_address_is_taken_apart_once(url: str, place: NotifyURL) -> None:
    assert parse(url, allow_local=False) == place


def test_a_notify_url_may_hold_two_kilobytes() -> None:
    check_notify_url("https://a.example/".ljust(2_000, "x"), allow_local=False)
    with pytest.raises(BadNotifyURL):
        check_notify_url("https://a.example/".ljust(2_001, "x"), allow_local=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_three_hosts_and_http_are_allowed_locally_only(scheme: str, host: str) -> None:
    check_notify_url(f"{scheme}://{host}:8000/", allow_local=True)
    with pytest.raises(BadNotifyURL):
        check_notify_url(f"{scheme}://{host}:8000/", allow_local=False)


NEARLY_LOCAL = (
    "127.0.0.2 127.1 2130706433 0.0.0.0 [::] [0::1] [::ffff:127.0.0.1] 127.0.0.1. a.localhost localhost. "
    "Localhost 10.0.0.1 169.254.169.254"
).split()


@pytest.mark.parametrize("host", NEARLY_LOCAL)
def test_no_other_spelling_or_host_is_allowed_locally(host: str) -> None:
    with pytest.raises(BadNotifyURL):
        check_notify_url(f"http://{host}:8000/", allow_local=True)


HOSTS = ["a.example", "b.test", "127.0.0.1", "[::1]", "localhost"]
PIECES = "https:// // @ : :443 :80 / \\ ? # 10.0.0.1 b.test %40 %2e . ; & \t [ ]".split(" ")


@given(st.sampled_from(HOSTS), st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
@example("a.example", "/@b.test")
@example("a.example", "?@b.test/")
def test_no_other_parser_finds_another_host_in_what_passes(host: str, rest: str) -> None:
    url = f"https://{host}{rest}"
    try:
        place = parse(url, allow_local=True)
    except BadNotifyURL:
        return
    for found, port in (
        (urlsplit(url).hostname, urlsplit(url).port),
        (parse_url(url).host, parse_url(url).port),
        (httpx.URL(url).host, httpx.URL(url).port),
    ):
        assert str(found).strip("[]").removesuffix(".") == place.host
        assert (port or 443) == place.port
