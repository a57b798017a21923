"""Reading a backup file: each message in the file's order, whatever the app and the phone wrote into it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ops.phone.backup import Backup
from infra.ops.phone.message import PHONE, Message
from tests.clients import backups
from tests.clients.backups import (
    FRIEND,
    NOON,
    OTHER,
    OWNER,
    SMIL,
    Reader,
    document,
    mms,
    part,
    sms,
    text,
    text_part,
    written,
)

TEL_FRIEND, TEL_OTHER = f"tel:{FRIEND}", f"tel:{OTHER}"


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


# Text messages


def test_a_received_text_message_comes_from_its_address_to_the_phone(read: Reader) -> None:
    (message,) = read(sms("hello", address=FRIEND, type="1"))
    assert (message.incoming, message.sender, message.to) == (True, TEL_FRIEND, (PHONE,))
    assert message.others == (TEL_FRIEND,)
    assert message.context == "pager-message"


@pytest.mark.parametrize("kind", ["2", "3", "4", "5", "6", "0", "", "null", "x", None])
def test_every_type_but_1_is_outgoing(read: Reader, kind: str | None) -> None:
    (message,) = read(sms("hello", address=FRIEND, type=kind))
    assert (message.incoming, message.sender, message.to) == (False, PHONE, (TEL_FRIEND,))


def test_only_a_message_of_type_or_box_3_is_a_draft(read: Reader) -> None:
    kinds = [sms(type=kind) for kind in "123456"] + [mms(text_part("x"), msg_box=kind) for kind in "1234"]
    assert [message.draft for message in read(*kinds)] == [False, False, True, *[False] * 5, True, False]


@pytest.mark.parametrize(("mark", "seen"), [("1", True), ("0", False), ("null", False), (None, False)])
def test_a_message_is_seen_if_it_was_read(read: Reader, mark: str | None, seen: bool) -> None:
    assert [message.seen for message in read(sms(read=mark), mms(text_part("x"), read=mark))] == [seen, seen]


@pytest.mark.parametrize(
    ("written_so", "meant"),
    [
        ("+999 (22) 22-33.33", "tel:+99922223333"),
        ("\u202a+999\u00a02222\u20113333\u202c", "tel:+99922223333"),
        ("tel:+99922223333", "tel:+99922223333"),
        ("0222 / 333", "tel:0222333"),
        ("112", "tel:112"),
        ("*101#", "tel:*101#"),
        ("PARCELS", "PARCELS"),
        ("My Bank 24", "My Bank 24"),
        ("someone@example.org", "someone@example.org"),
        ("Zoë", "Zoë"),
    ],
)
def test_an_address_is_a_number_or_a_name(read: Reader, written_so: str, meant: str) -> None:
    (message,) = read(sms(address=written_so))
    assert (message.others, message.sender) == ((meant,), meant)


def test_a_group_is_its_numbers_sorted_however_the_app_joined_them(read: Reader) -> None:
    one, other = read(sms(address=f"{OTHER}~{FRIEND}", type="2"), sms(address=f"{FRIEND}~{OTHER}", type="2"))
    assert one.others == other.others == one.to == (TEL_FRIEND, TEL_OTHER)


def test_a_text_is_the_one_part_of_its_message(read: Reader) -> None:
    (message,) = read(sms("Größe 😀"))
    (only,) = message.parts
    assert (only.content_type, only.data.decode(), message.is_single_text) == ("text/plain", "Größe 😀", True)


def test_a_message_without_a_text_has_no_parts(read: Reader) -> None:
    assert [message.parts for message in read(sms(""), sms(None), mms(), mms(SMIL))] == [()] * 4


def test_the_word_null_is_no_value_except_as_what_somebody_wrote(read: Reader) -> None:
    short, long = read(sms("null", subject="null", date="null"), mms(text_part("null"), sub="null"))
    assert (text(short), short.subject, short.date) == ("null", None, None)
    assert (text(long), long.subject) == ("null", None)


def test_a_subject_is_kept(read: Reader) -> None:
    assert [message.subject for message in read(sms(subject="Hi"), mms(text_part("x"), sub="Hi"))] == [
        "Hi"
    ] * 2


def test_a_date_is_the_milliseconds_since_1970(read: Reader) -> None:
    (message,) = read(sms(date=str(NOON + 123)))
    assert message.date == datetime(2026, 5, 1, 12, tzinfo=UTC) + timedelta(milliseconds=123)


@pytest.mark.parametrize("date", [None, "", "yesterday", "9" * 30, "-" + "9" * 30, "9" * 5000])
def test_a_message_is_worth_more_than_its_date(read: Reader, date: str | None) -> None:
    (message,) = read(sms("hello", date=date))
    assert (message.date, text(message)) == (None, "hello")


@pytest.mark.parametrize("address", [None, "", "null", "~", "~~"])
def test_a_message_without_an_address_is_still_a_message(read: Reader, address: str | None) -> None:
    (message,) = read(sms("hello", address=address))
    assert (message.others, text(message)) == ((), "hello")


def test_attributes_and_elements_that_nobody_knows_are_passed_over(read: Reader) -> None:
    call = backups.element("call", number=FRIEND, duration="3")
    assert [text(message) for message in read(sms("1", colour="red"), call, sms("2"))] == ["1", "2"]


# Multimedia messages


def test_parts_come_in_order_byte_for_byte_without_the_smil(read: Reader) -> None:
    every_byte = bytes(range(256))
    (message,) = read(mms(SMIL, part("image/png", every_byte), text_part("look"), part("video/mp4", b"\0")))
    found = [(one.content_type, one.data) for one in message.parts]
    assert found == [("image/png", every_byte), ("text/plain", b"look"), ("video/mp4", b"\0")]
    assert message.context == "multimedia-message"
    assert not message.is_single_text


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4))
def test_any_bytes_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, data: list[bytes]
) -> None:
    path = written(tmp_path_factory.getbasetemp(), mms(*(part("image/png", one) for one in data)))
    (message,) = Backup(path).messages()
    assert isinstance(message, Message)
    assert [one.data for one in message.parts] == data


def test_an_attachment_may_be_broken_into_lines(read: Reader) -> None:
    lines = "aGVs&#10;bG8h".replace("&#10;", "\n")
    (message,) = read(mms(backups.element("part", ct="image/png", text="null", data=lines)))
    assert message.parts[0].data == b"hello!"


def test_a_text_may_come_as_an_attachment(read: Reader) -> None:
    (message,) = read(mms(part("text/x-vCard; charset=utf-8", b"BEGIN:VCARD")))
    assert [(one.content_type, one.data) for one in message.parts] == [("text/x-vcard", b"BEGIN:VCARD")]


@pytest.mark.parametrize(
    "content_type", ["", "null", "png", "image/", "image/png\r\nX-Evil: 1", "a/" + "b" * 200]
)
def test_a_type_that_is_none_becomes_bytes(read: Reader, content_type: str) -> None:
    (message,) = read(mms(part(content_type, b"x")))
    assert [one.content_type for one in message.parts] == ["application/octet-stream"]


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        ({"fn": "f.png", "name": "n.png", "cl": "c.png"}, "f.png"),
        ({"name": "n.png", "cl": "c.png"}, "n.png"),
        ({"cl": "c.png"}, "c.png"),
        ({}, None),
    ],
)
def test_an_attachment_keeps_the_name_it_was_sent_with(
    read: Reader, names: dict[str, str], kept: str | None
) -> None:
    (message,) = read(mms(part("image/png", b"x", **names)))
    assert message.parts[0].file_name == kept


def test_a_parts_content_id_is_kept_if_it_can_stand_in_a_header(read: Reader) -> None:
    given_ids = ("<a@b>", "a\r\nX-Evil: 1", "é")
    (message,) = read(mms(*(part("image/png", b"x", cid=given_id) for given_id in given_ids)))
    assert [one.content_id for one in message.parts] == ["<a@b>", None, None]


def test_addresses_have_roles(read: Reader) -> None:
    roles = [("insert-address-token", "137"), (FRIEND, "151"), (OTHER, "130"), ("+99944445555", "129")]
    (message,) = read(mms(text_part("x"), msg_box="2", address=FRIEND, addresses=roles))
    assert (message.sender, message.to) == (PHONE, (TEL_FRIEND,))
    assert (message.cc, message.bcc) == ((TEL_OTHER,), ("tel:+99944445555",))


def test_in_a_group_the_sender_is_one_of_it_and_the_phones_own_number_is_the_phone(read: Reader) -> None:
    roles = [(OTHER, "137"), (FRIEND, "151"), (OWNER, "151")]
    (message,) = read(mms(text_part("x"), address=f"{FRIEND}~{OTHER}", addresses=roles))
    assert (message.sender, message.to) == (TEL_OTHER, (TEL_FRIEND, PHONE))
    assert message.others == (TEL_FRIEND, TEL_OTHER)


def test_a_conversation_that_is_not_named_is_that_of_the_addresses(read: Reader) -> None:
    came = mms(text_part("x"), address=None, addresses=[(FRIEND, "137"), ("insert-address-token", "151")])
    went = mms(text_part("x"), address="null", msg_box="2", addresses=[(OTHER, "151"), (FRIEND, "151")])
    assert [message.others for message in read(came, went)] == [(TEL_FRIEND,), (TEL_FRIEND, TEL_OTHER)]


@pytest.mark.parametrize("data", ["?", "aGVsbG8", "aGVs?bG8=", "=aGVs", "aGVsbG8=aGVs", "é", "aG==Vs"])
def test_an_attachment_that_is_not_whole_is_not_guessed_at(read: Reader, data: str) -> None:
    (message,) = read.bytes(document(mms(backups.element("part", ct="image/png", data=data))).encode())
    assert str(message) == "an attachment is not base64"


def test_a_message_that_cannot_be_taken_is_counted_and_the_others_are_read(read: Reader) -> None:
    faulty = mms(backups.element("part", ct="image/png", data="no base64!"))
    crowded = mms(*[part("image/png", b"x")] * 101)
    before, *bad, after = read.bytes(document(sms("1"), faulty, crowded, sms("2")).encode())
    assert [str(one) for one in bad] == ["an attachment is not base64", "too large"]
    assert (text(before), text(after)) == ("1", "2")
    assert isinstance(after, Message)
    assert after.number == 4
