"""Preferences (Onecopy's own): what a device wants to know of. test_interest covers what it is told."""

from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, Json, fault
from tests.stack.behind import Behind

WEEK = {"days": 7}


def put(box: BoxClient, given: Any, name: str = "phone") -> tuple[int, Json]:
    answer = box.put(f"/preferences/{name}", {"preferences": given})
    return answer.status_code, answer.json()


def test_preferences_are_made_shown_replaced_and_deleted(box: BoxClient) -> None:
    folder = box.folder("private")
    given = {
        "folders": {"exclude": [folder]},
        "minDate": "2026-05-01T00:00:00Z",
        "messageContext": ["pager-message", "multimedia-message"],
    }
    answer = box.put("/preferences/phone-1", {"preferences": given})
    assert (answer.status_code, answer.json()) == (201, {"preferences": given})
    assert answer.headers["location"] == f"{box.base}/preferences/phone-1"
    assert box.get("/preferences/phone-1").json() == {"preferences": given}
    assert put(box, WEEK, "phone-1") == (200, {"preferences": WEEK})
    assert box.get("/preferences/phone-1").json() == {"preferences": WEEK}
    assert box.delete("/preferences/phone-1").status_code == 204
    for gone in (box.get("/preferences/phone-1"), box.delete("/preferences/phone-1")):
        assert fault(gone) == (404, "SVC0004")


def test_a_list_shows_each_by_its_name_and_may_be_sent_back(box: BoxClient) -> None:
    base = f"{box.base}/preferences"
    assert box.get("/preferences").json() == {"preferencesList": {"preferences": [], "resourceURL": base}}
    put(box, WEEK, "b")
    put(box, {}, "a")
    found = box.get("/preferences").json()["preferencesList"]["preferences"]
    first, second = ({"name": name, "resourceURL": f"{base}/{name}"} for name in "ab")
    assert found == [first, {**second, **WEEK}]
    assert put(box, found[1], "b") == (200, {"preferences": WEEK})


@pytest.mark.parametrize("days", [1, "1", 36_500])
def test_days_are_a_number(box: BoxClient, days: int | str) -> None:
    assert put(box, {"days": days}) == (201, {"preferences": {"days": int(days)}})


def test_a_date_is_shown_in_utc(box: BoxClient) -> None:
    shown = {"preferences": {"minDate": "2026-05-01T10:00:00Z"}}
    assert put(box, {"minDate": "2026-05-01T12:00:00+02:00"}) == (201, shown)


def test_a_folder_may_be_named_as_any_reference_may(box: BoxClient) -> None:
    folder = box.folder("private")
    path = folder.split("/nms/")[1]
    given = [
        folder,
        f"http://elsewhere.example/nms/{path}",
        f"/nms/v1/main/acr:auth/{path[8:].split('/', 1)[1]}",
    ]
    shown = {"preferences": {"folders": {"exclude": [folder]}}}
    assert put(box, {"folders": {"exclude": given}}) == (201, shown)


WRONG = [
    {"days": 7, "minDate": "2026-05-01T00:00:00Z"},
    *({"days": days} for days in (0, -1, 1.5, True, None, "", "week", 36_501, 10**30)),
    *({"minDate": date} for date in ("", "yesterday", "2026-05-01", "2026-05-01T00:00:00", 20260501, None)),
    *({"messageContext": one} for one in ([], "text-message", [1], [""], ["x" * 256], ["x"] * 21, None)),
    *({"folders": one} for one in ([], None, {"include": []}, {"exclude": "x"}, {"exclude": [1]})),
    *({"folders": {"exclude": [url]}} for url in ("", "x", "/RCSMessageStore", "//[")),
    {"messageContexts": ["text-message"]},
    [],
    None,
    "phone",
]


@pytest.mark.parametrize("given", WRONG, ids=repr)
def test_what_makes_no_sense_is_refused_and_changes_nothing(box: BoxClient, given: Any) -> None:
    put(box, WEEK)
    assert fault(box.put("/preferences/phone", {"preferences": given})) == (400, "SVC0002")
    assert box.get("/preferences/phone").json() == {"preferences": WEEK}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"null", b'{"days":7}'])
def test_a_body_that_holds_no_preferences_is_refused(box: BoxClient, body: bytes) -> None:
    assert fault(box.http.put("/preferences/phone", content=body)) == (400, "SVC0002")


def test_preferences_are_json_alone(box: BoxClient) -> None:
    body, xml = b"<preferences><days>7</days></preferences>", {"content-type": "application/xml"}
    assert fault(box.http.put("/preferences/phone", content=body, headers=xml)) == (415, "SVC0002")
    for path in ("/preferences", "/policies"):
        assert box.get(path, headers={"accept": "application/xml"}).status_code == 406


def test_the_root_and_folders_that_are_not_there_cannot_be_excluded(
    stack: LocalStack, box: BoxClient
) -> None:
    gone = box.folder("gone")
    box.delete(gone)
    with BoxClient(stack) as other:
        foreign = other.folder("theirs")
    for url in (box.folder_at("/"), gone, foreign, f"{box.base}/folders/cxyz", f"{box.base}/folders/-"):
        given = {"preferences": {"folders": {"exclude": [url]}}}
        assert fault(box.put("/preferences/phone", given)) == (400, "SVC0002")
    assert fault(box.get("/preferences/phone")) == (404, "SVC0004")


@pytest.mark.parametrize("name", ["A", "a_b", "a.b", "é", "x" * 65, "%C3%A9"])
def test_a_name_has_small_letters_digits_and_dashes(box: BoxClient, name: str) -> None:
    assert fault(box.put(f"/preferences/{name}", {"preferences": {}})) == (400, "SVC0002")
    assert (
        fault(box.get(f"/preferences/{name}"))
        == fault(box.delete(f"/preferences/{name}"))
        == (404, "SVC0004")
    )


def test_a_box_has_twenty_preferences_at_most(box: BoxClient) -> None:
    for number in range(20):
        assert put(box, WEEK, f"{number}")[0] == 201
    assert fault(box.put("/preferences/more", {"preferences": WEEK})) == (403, "POL0001")
    assert put(box, {"days": 8}, "0")[0] == 200
    box.delete("/preferences/1")
    assert put(box, WEEK, "more")[0] == 201


def test_two_hundred_folders_can_be_excluded_and_no_more(box: BoxClient) -> None:
    folder = box.folder("one")
    assert put(box, {"folders": {"exclude": [folder] * 200}})[0] == 201
    assert put(box, {"folders": {"exclude": [folder] * 201}})[0] == 400


def test_preferences_are_no_change_of_the_box(stack: LocalStack, box: BoxClient) -> None:
    box.folder_at("/")
    behind = Behind(stack, box.box)
    before = behind.seq()
    put(box, WEEK)
    box.delete("/preferences/phone")
    assert behind.seq() == before


def test_reading_and_changing_preferences_take_their_own_scopes(stack: LocalStack, box: BoxClient) -> None:
    put(box, WEEK)
    with BoxClient(stack, box.box, "oma_rest_nms.read") as reader:
        assert reader.get("/preferences").status_code == reader.get("/preferences/phone").status_code == 200
        assert reader.get("/policies").status_code == 200
        assert fault(reader.put("/preferences/phone", {"preferences": {}})) == (403, "POL0001")
        assert fault(reader.delete("/preferences/phone")) == (403, "POL0001")
    with BoxClient(stack, box.box, "oma_rest_nms.modify") as writer:
        assert fault(writer.get("/preferences/phone")) == (403, "POL0001")
        assert put(writer, {})[0] == 200
        assert writer.delete("/preferences/phone").status_code == 204


def test_the_policies_show_the_limits_in_force(box: BoxClient) -> None:
    policies = box.get("/policies").raise_for_status().json()["policies"]
    assert "syncPolicy" not in policies
    assert policies["inlineLimit"] == 4_000_000
    assert (policies["uploadWindow"], policies["urlSeconds"]) == (86_400, 300)
    assert policies["historyDays"] == 30
    assert policies["limits"]["preferences"] == 20
    assert policies["limits"]["flagLength"] == 128
    too_long = box.create({"flags": {"flag": ["x" * 129]}})
    assert fault(too_long) == (400, "SVC0002")
