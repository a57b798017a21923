"""Flags over HTTP: a case-insensitive set, written as a list or one by one (NMS)."""

from typing import Any
from urllib.parse import quote

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, fault

OF_NMS = (
    "\\Seen \\Answered \\Flagged \\Deleted \\Draft \\Recent $MDNSent $Forwarded \\read-report-sent".split()
)
NAMES = [
    *OF_NMS,
    "a b",
    'say "hi"',
    "it's",
    "#1",
    "日本",
    "a+b",
    "tel:+1",
    "x" * 128,
]


@pytest.fixture
def client(stack: LocalStack) -> Any:
    with BoxClient(stack) as client:
        yield client


@pytest.fixture
def flags(client: BoxClient) -> str:
    return f"{client.plain_object()}/flags"


def listed(client: BoxClient, flags: str) -> list[str]:
    answer = client.get(flags).json()["flagList"]
    assert answer["resourceURL"] == flags
    found: list[str] = answer["flag"]
    return found


@pytest.mark.nms(
    "GET /objects/{objectId}/flags/{flagName}", "204 if the flag is there; 404 with an empty structure if not"
)
@pytest.mark.nms(
    "PUT /objects/{objectId}/flags/{flagName}", "201 with Location if the flag was added; 204 if it was there"
)
@pytest.mark.nms(
    "DELETE /objects/{objectId}/flags/{flagName}",
    "204 if the flag was removed; 404 with an empty structure if it was absent",
)
@pytest.mark.nms("names of flags", "Every flag that NMS names can be used, and any other")
@pytest.mark.parametrize("name", NAMES)
def test_a_flag_is_added_seen_and_removed_alone(client: BoxClient, flags: str, name: str) -> None:
    one = f"{flags}/{quote(name, safe='')}"
    absent = client.get(one)
    assert (absent.status_code, absent.json()) == (404, {"empty": None})
    added = client.put(one)
    assert (added.status_code, added.headers["location"]) == (201, one)
    assert client.put(one).status_code == 204
    assert client.get(one).status_code == 204
    assert listed(client, flags) == [name]
    assert client.delete(one).status_code == 204
    again = client.delete(one)
    assert (again.status_code, again.json()) == (404, {"empty": None})
    assert listed(client, flags) == []


@pytest.mark.nms("flags")
def test_flags_compare_without_case(client: BoxClient, flags: str) -> None:
    client.put(flags, {"flagList": {"flag": ["\\Seen", "\\SEEN", "Mine"]}})
    assert listed(client, flags) == ["\\Seen", "Mine"] or listed(client, flags) == ["Mine", "\\Seen"]
    assert client.get(f"{flags}/%5Cseen").status_code == 204
    assert client.put(f"{flags}/MINE").status_code == 204
    assert client.delete(f"{flags}/mINE").status_code == 204
    assert listed(client, flags) == ["\\Seen"]


@pytest.mark.nms("GET /objects/{objectId}/flags", "The flagList holds the flags and its own resourceURL")
@pytest.mark.nms("PUT /objects/{objectId}/flags", "200 with the new list, which replaces the old one whole")
def test_the_list_is_replaced_whole(client: BoxClient, flags: str) -> None:
    client.put(f"{flags}/before")
    answer = client.put(flags, {"flagList": {"flag": ["after", "a/b", "100%"]}})
    assert answer.status_code == 200
    assert (
        sorted(answer.json()["flagList"]["flag"]) == sorted(listed(client, flags)) == ["100%", "a/b", "after"]
    )
    client.put(flags, {"flagList": {"flag": []}})
    assert listed(client, flags) == []


@pytest.mark.nms("flags", "Flags are a set without order")
def test_what_changes_nothing_is_no_change(client: BoxClient, flags: str) -> None:
    client.put(flags, {"flagList": {"flag": ["a", "b"]}})
    seq = client.get(flags.removesuffix("/flags")).json()["object"]["lastModSeq"]
    client.put(flags, {"flagList": {"flag": ["B", "a", "A"]}})
    client.put(f"{flags}/A")
    client.delete(f"{flags}/c")
    assert client.get(flags.removesuffix("/flags")).json()["object"]["lastModSeq"] == seq


@pytest.mark.nms("PUT /objects/{objectId}/flags")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"flagList": []},
        {"flagList": {"flag": "x"}},
        {"flagList": {"flag": [1]}},
        {"flagList": {"flag": [None]}},
        {"flagList": {"flag": [""]}},
        {"flagList": {"flag": ["a\nb"]}},
        {"flagList": {"flag": ["x" * 129]}},
        {"flagList": {"flag": [str(n) for n in range(101)]}},
        [],
        "x",
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_bad_list_is_refused_and_the_old_one_stays(client: BoxClient, flags: str, body: Any) -> None:
    client.put(f"{flags}/old")
    assert fault(client.put(flags, body)) == (400, "SVC0002")
    assert listed(client, flags) == ["old"]


def test_a_full_list_takes_no_more(client: BoxClient, flags: str) -> None:
    client.put(flags, {"flagList": {"flag": [str(n) for n in range(100)]}})
    assert fault(client.put(f"{flags}/more"))[0] == 400
    assert client.put(f"{flags}/7").status_code == 204
    assert len(listed(client, flags)) == 100


@pytest.mark.parametrize("name", ["a%2525b", "x" * 129, "a%0Ab"])
def test_a_name_that_is_none_is_refused(client: BoxClient, flags: str, name: str) -> None:
    assert client.put(f"{flags}/{name}").status_code in (400, 404)
    assert listed(client, flags) == []


@pytest.mark.nms("GET /objects/{objectId}/flags/{flagName}", "An unknown object is a 404 SVC0004")
def test_an_unknown_object_has_no_flags(client: BoxClient, flags: str) -> None:
    gone = flags.removesuffix("/flags")
    client.delete(gone)
    for url in (flags, f"{client.base}/objects/zz9/flags"):
        assert fault(client.get(url)) == (404, "SVC0004")
        assert fault(client.put(url, {"flagList": {"flag": []}})) == (404, "SVC0004")
        assert fault(client.put(f"{url}/x")) == (404, "SVC0004")
        assert fault(client.delete(f"{url}/x")) == (404, "SVC0004")
