"""`onecopy import` turns each message of a backup into one object."""

import re
from itertools import pairwise

import pytest

from infra.local.stack import LocalStack
from tests.clients import backups
from tests.clients.backups import FRIEND, NOON, OTHER, SMIL, mms, part, sms, text_part, written
from tests.clients.box_client import Json
from tests.clients.importing import Finished, Phone, attributes, tags

PICTURE = bytes(range(256)) * 40
LARGE = b"large" * 600_000
"""Too large for the import's form-data: it goes by direct upload."""

GROUP = ("+99944445555", OTHER, FRIEND)
ROLES = [(FRIEND, "137"), (OTHER, "151"), ("insert-address-token", "151"), ("+99944445555", "130")]

MESSAGES = (
    sms("in", address="+999 100", type="1", read="1"),
    sms("out", address="+999101", type="2", read="0"),
    sms("draft", address="+999102", type="3"),
    sms("Your parcel", address="PARCELS"),
    sms("null", address="+999103", date=str(NOON + 1)),
    sms("undated", address="+999104", date="null"),
    sms("no address", address=None),
    sms("a/b", address="a/b"),
    sms("", address="+999105"),
    sms("Größe &#128512; 😀\n<>&\"'", address="+999106", subject="Zoë & Co"),
    *(sms("ok", address="+999107", type="2") for _ in range(3)),
    sms("third", address="+999108", date=str(NOON + 3)),
    sms("first", address="+999108", date=str(NOON + 1)),
    sms("second", address="+999108", date=str(NOON + 2), type="2"),
    mms(SMIL, text_part("look"), address="+999109", sub="A picture"),
    mms(SMIL, part("image/png", PICTURE, name="Größe.png", cid="<a@b>"), text_part("x"), address="+999110"),
    mms(SMIL, part("video/mp4", LARGE, cl="film.mp4"), text_part("a film"), address="+999111"),
    mms(text_part("all"), address="~".join(GROUP), addresses=ROLES),
    mms(text_part("sent"), msg_box="2", address=FRIEND, addresses=[(FRIEND, "151"), (OTHER, "129")]),
)


@pytest.fixture(scope="module")
def imported(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Phone, Finished]:
    phone = Phone(stack, tmp_path_factory.mktemp("phone"))
    return phone, phone.imports(*MESSAGES)


@pytest.fixture
def phone(imported: tuple[Phone, Finished]) -> Phone:
    return imported[0]


@pytest.fixture
def fresh(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Phone:
    """A phone with a box of its own, for a test that changes it."""
    return Phone(stack, tmp_path_factory.mktemp("fresh"))


def only(phone: Phone, folder: str) -> Json:
    (shown,) = phone.in_folder(f"/Default/{folder}")
    return shown


def test_every_message_is_one_object(phone: Phone) -> None:
    assert len(phone.objects()) == len(MESSAGES)


def test_the_closing_line_tells_what_was_done(imported: tuple[Phone, Finished]) -> None:
    _, done = imported
    assert done.out.count("\n") == 1
    assert done.out.startswith(
        f"{len(MESSAGES)} messages: {len(MESSAGES)} stored, 0 there before, 0 failed; "
    )
    assert done.complaints == []


def test_a_received_text_message(phone: Phone) -> None:
    shown = only(phone, "tel:+999100")
    assert attributes(shown) == {
        "Date": ["2026-05-01T12:00:00Z"],
        "Message-Context": ["pager-message"],
        "Direction": ["In"],
        "From": ["tel:+999100"],
        "To": [phone.box.box],
    }
    assert shown["flags"]["flag"] == ["\\Seen"]
    assert [one["contentType"] for one in shown["payloadPart"]] == ["text/plain"]
    assert phone.content(shown) == [b"in"]


def test_a_sent_text_message_goes_from_the_box_to_the_conversation(phone: Phone) -> None:
    shown = only(phone, "tel:+999101")
    told = attributes(shown)
    assert (told["Direction"], told["From"], told["To"]) == (["Out"], [phone.box.box], ["tel:+999101"])
    assert shown["flags"]["flag"] == []


def test_a_draft_carries_the_standards_flag(phone: Phone) -> None:
    assert "\\Draft" in only(phone, "tel:+999102")["flags"]["flag"]


def test_a_sender_without_a_number_is_its_own_folder(phone: Phone) -> None:
    assert attributes(only(phone, "PARCELS"))["From"] == ["PARCELS"]


def test_a_message_that_says_null_says_it(phone: Phone) -> None:
    assert phone.content(only(phone, "tel:+999103")) == [b"null"]


def test_a_date_keeps_its_milliseconds(phone: Phone) -> None:
    assert attributes(only(phone, "tel:+999103"))["Date"] == ["2026-05-01T12:00:00.001Z"]


def test_a_message_without_a_date_comes_without_one(phone: Phone) -> None:
    assert "Date" not in attributes(only(phone, "tel:+999104"))


def test_a_message_without_an_address_has_a_folder_all_the_same(phone: Phone) -> None:
    assert phone.content(only(phone, "unknown")) == [b"no address"]


def test_a_name_that_cannot_be_a_folders_is_changed_to_one(phone: Phone) -> None:
    assert attributes(only(phone, "a_b"))["From"] == ["a/b"]


def test_a_message_without_content_shows_none(phone: Phone) -> None:
    assert {"payloadPart", "payloadURL", "contentId"}.isdisjoint(only(phone, "tel:+999105"))


def test_any_text_comes_byte_for_byte(phone: Phone) -> None:
    shown = only(phone, "tel:+999106")
    assert phone.content(shown) == ["Größe &#128512; 😀\n<>&\"'".encode()]
    assert attributes(shown)["Subject"] == ["Zoë & Co"]


def test_equal_messages_are_all_there_each_with_its_own_tag(phone: Phone) -> None:
    equal = phone.in_folder("/Default/tel:+999107")
    assert [phone.content(shown) for shown in equal] == [[b"ok"]] * 3
    assert len(set(tags(equal))) == 3


def test_a_conversation_lies_in_one_folder_by_date(phone: Phone) -> None:
    conversation = phone.in_folder("/Default/tel:+999108")
    assert [phone.content(shown) for shown in conversation] == [[b"first"], [b"second"], [b"third"]]


def test_every_message_has_a_short_tag_of_its_own(phone: Phone) -> None:
    assert all(re.fullmatch(r"[\w-]{8}", tag) for tag in tags(phone.objects()))
    assert all(one != other for one, other in pairwise(tags(phone.objects())))


def test_a_multimedia_message_with_only_a_text_is_one_plain_text(phone: Phone) -> None:
    shown = only(phone, "tel:+999109")
    told = attributes(shown)
    assert (told["Message-Context"], told["Subject"]) == (["multimedia-message"], ["A picture"])
    assert [one["contentType"] for one in shown["payloadPart"]] == ["text/plain"]
    assert phone.content(shown) == [b"look"]


def test_pictures_and_texts_are_parts_without_the_smil(phone: Phone) -> None:
    shown = only(phone, "tel:+999110")
    assert [one["contentType"] for one in shown["payloadPart"]] == ["image/png", "text/plain"]
    assert [one["size"] for one in shown["payloadPart"]] == [len(PICTURE), 1]
    assert phone.content(shown) == [PICTURE, b"x"]


def test_a_part_keeps_its_id_and_its_file_name(phone: Phone) -> None:
    picture = only(phone, "tel:+999110")["payloadPart"][0]
    assert picture["contentId"] == "<a@b>"
    assert picture["contentDisposition"] == "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe.png"


def test_what_no_form_takes_is_uploaded_directly(phone: Phone) -> None:
    shown = only(phone, "tel:+999111")
    assert phone.content(shown) == [LARGE, b"a film"]
    assert shown["payloadPart"][0]["contentDisposition"] == 'attachment; filename="film.mp4"'
    assert attributes(shown)["Message-Context"] == ["multimedia-message"]


def test_a_groups_folder_is_its_numbers_sorted(phone: Phone) -> None:
    told = attributes(only(phone, "tel:+99922223333,tel:+99933334444,tel:+99944445555"))
    assert told["From"] == ["tel:+99922223333"]
    assert told["To"] == ["tel:+99933334444", phone.box.box]
    assert told["Cc"] == ["tel:+99944445555"]


def test_a_sent_multimedia_message_names_its_recipients(phone: Phone) -> None:
    told = attributes(only(phone, f"tel:{FRIEND}"))
    assert (told["From"], told["To"], told["Bcc"]) == ([phone.box.box], [f"tel:{FRIEND}"], [f"tel:{OTHER}"])


def test_a_group_too_large_for_a_folders_name_has_a_folder_all_the_same(fresh: Phone) -> None:
    crowd = [f"+9992222{number:04d}" for number in range(40)]
    fresh.imports(sms("one", address="~".join(crowd)), sms("two", address="~".join(reversed(crowd))))
    one, two = fresh.objects()
    assert one["parentFolder"] == two["parentFolder"]
    assert len(attributes(one)["From"]) == 1


def test_what_the_store_does_not_take_is_named_and_the_rest_is_stored(fresh: Phone) -> None:
    too_long = sms("2", subject="x" * 40_000)
    done = fresh.run(written(fresh.folder, sms("1"), too_long, mms('<part ct="a/b" data="?" />'), sms("4")))
    assert done.code == 1
    assert done.out.startswith("4 messages: 2 stored, 0 there before, 2 failed; ")
    assert sorted(done.complaints) == [
        "message 2: 400 SVC0002",
        "message 3: an attachment is not base64",
    ]
    assert {part["size"] for shown in fresh.objects() for part in shown["payloadPart"]} == {1}


def test_of_a_file_that_breaks_off_what_is_there_is_stored(fresh: Phone) -> None:
    whole = backups.document(sms("one"), sms("two"), sms("last"))
    done = fresh.run(backups.written_bytes(fresh.folder / "cut", whole[: whole.index("last")].encode()))
    assert (done.code, len(fresh.objects())) == (1, 2)
    assert "the file breaks off after message 2" in done.complaints[-1]
    assert done.out.startswith("2 messages: 2 stored")
