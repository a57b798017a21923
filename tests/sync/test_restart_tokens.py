"""Restart tokens (NMS) are signed, belong to one box and its validity, and are no older than the log. A bad
token never gets an empty answer: a device would believe it and miss everything.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.client.device import Device
from infra.local.stack import LocalStack
from onecopy.domain.ids import ModSeq
from onecopy.store.commit import rows
from onecopy.store.commit.kinds import BoxRow
from tests.clients.box_client import BoxClient, id_of
from tests.clients.following import follow, listing, names, now, page, told
from tests.stack.behind import Behind
from tests.stack.signing import Signer

HISTORY = timedelta(days=30)


def assert_refused(box: BoxClient, token: str) -> None:
    answer = box.get("/changes", params={"restartToken": token})
    assert answer.status_code == 400, answer.text
    fault = answer.json()["requestError"]["serviceException"]
    assert (fault["messageId"], fault["variables"]) == ("SVC0002", ["restartToken"])


def assert_reset(box: BoxClient, token: str) -> None:
    """The answer is one resetBox, and a token that starts the listing."""
    events, token, more = page(box, token)
    assert (events, more) == ([{"resetBox": {}}], True)
    again, _ = follow(box, token)
    assert again == listing(box)[0]


@pytest.mark.parametrize("token", ["", "x", "0", "null", "a-1-2--", "\x00", "é" * 40, "9" * 4000])
def test_what_is_no_token_is_refused(box: BoxClient, token: str) -> None:
    assert_refused(box, token)


def test_a_token_with_any_character_changed_is_refused(box: BoxClient) -> None:
    box.folder("folder")
    _, token, _ = page(box, most=1)
    for place in range(0, len(token), 3):
        other = "1" if token[place] != "1" else "2"
        assert_refused(box, token[:place] + other + token[place + 1 :])


def test_a_token_cut_short_or_made_longer_is_refused(box: BoxClient) -> None:
    token = now(box)
    for wrong in (token[:-1], token[1:], token[: len(token) // 2], token + "A", f" {token}", token + "\n"):
        assert_refused(box, wrong)


@pytest.mark.nms("restartToken")
def test_a_token_of_another_box_is_refused(stack: LocalStack, box: BoxClient) -> None:
    with BoxClient(stack) as other:
        other.folder("folder")
        assert_refused(box, now(other))
        assert_refused(box, page(other, most=1)[1])


def test_a_token_from_the_future_is_refused(stack: LocalStack, box: BoxClient) -> None:
    """The store gave it out, then went back to an earlier state: what follows this token is unknown."""
    token, signer = now(box), Signer(stack, box)
    last = signer.read(token).position
    assert page(box, signer.at(token, last))[::2] == ([], False)
    assert_refused(box, signer.at(token, last + 1))
    assert_refused(box, signer.at(token, 10**17))


@pytest.mark.nms("restartToken", "A token from before a reset gets a resetBox")
@pytest.mark.parametrize("phase", ["delta", "listing"])
def test_a_token_of_the_box_before_its_reset_says_so_and_leads_to_a_new_listing(
    stack: LocalStack, box: BoxClient, phase: str
) -> None:
    box.plain_object()
    token = now(box) if phase == "delta" else page(box, most=1)[1]
    behind = Behind(stack, box.box)
    behind.put({**behind.row(behind.box, "BOX"), "validity": {"S": "0123456789ab"}})
    assert_reset(box, token)


def test_a_device_that_hears_of_a_reset_forgets_and_lists_again(
    stack: LocalStack, box: BoxClient, tmp_path: Path
) -> None:
    """What the reset removed was never reported as deleted, and the old numbers mean nothing any more."""
    lost, kept = box.plain_object(), box.plain_object(correlationTag="kept")
    token = stack.token(box.box)
    device = Device(stack.url, box.box, lambda: token, tmp_path / "device.db")
    device.sync()
    behind = Behind(stack, box.box)
    row, whole = behind.row(behind.box, f"O#{id_of(lost)}"), behind.row(behind.box, "BOX")
    digest = rows.box(BoxRow.from_raw_data(whole)).digest
    left = digest.minus("object", id_of(lost), ModSeq(int(row["last_mod_seq"]["N"])))
    behind.delete(row)
    reset = {"validity": {"S": "0123456789ab"}, "digest": {"S": json.dumps(rows.digest_json(left))}}
    behind.put({**behind.row(behind.box, "BOX"), **reset})
    device.sync()
    objects, folders = device.state()
    device.close()
    assert objects == {id_of(kept): objects[id_of(kept)]}
    assert len(folders) == 3


@pytest.mark.nms("restartToken", "A token that is too old gets a resetBox")
def test_a_token_older_than_the_log_says_so_if_the_box_has_moved_since(
    stack: LocalStack, box: BoxClient
) -> None:
    token, signer = now(box), Signer(stack, box)
    box.folder("folder")
    assert_reset(box, signer.aged(token, HISTORY + timedelta(minutes=1)))
    assert_reset(box, signer.aged(page(box, most=1)[1], HISTORY + timedelta(minutes=1)))


def test_a_token_older_than_the_log_of_a_box_that_has_not_moved_is_as_good_as_new(
    stack: LocalStack, box: BoxClient
) -> None:
    signer = Signer(stack, box)
    old = signer.aged(now(box), 12 * HISTORY)
    events, fresh, more = page(box, old)
    assert (events, more) == ([], False)
    box.folder("folder")
    assert names(page(box, fresh)[0]) == ["changedFolder"]


@pytest.mark.nms("deletion and expiry", "Deletions are told to a token of up to 30 days")
def test_a_token_as_old_as_the_log_still_leads_on(stack: LocalStack, box: BoxClient) -> None:
    token, signer = now(box), Signer(stack, box)
    folder = box.folder("folder")
    events, _, more = page(box, signer.aged(token, HISTORY - timedelta(minutes=1)))
    assert ([event["resourceURL"] for event in told(events, "changedFolder")], more) == ([folder], False)


def test_pages_of_an_old_delta_do_not_make_their_tokens_young(stack: LocalStack, box: BoxClient) -> None:
    """Each page's token is as old as the page's last change. Only a token that was current is dated anew."""
    token, signer = now(box), Signer(stack, box)
    for n in range(3):
        box.folder(f"f{n}")
    behind, number = Behind(stack, box.box), signer.read(token).position + 1
    behind.age_log([behind.change(number)], timedelta(days=29))
    _, token, more = page(box, token, 1)
    assert more
    age = datetime.now(UTC) - signer.read(token).given
    assert timedelta(days=29) <= age < timedelta(days=29, hours=1)


@pytest.mark.nms("restartToken")
def test_a_token_is_opaque_but_fits_a_query_as_it_is(box: BoxClient) -> None:
    for token in (now(box), page(box, most=1)[1]):
        assert token.isascii()
        assert not set(token) & set("+/=&%# ")
        assert len(token) < 100
