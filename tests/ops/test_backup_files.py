"""Backup files as they occur: with any characters, cut short, damaged, hostile, larger than memory."""

import gzip
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ops.phone import well_formed
from infra.ops.phone.backup import Backup, Refused
from tests.clients import backups
from tests.clients.backups import SMIL, Reader, document, mms, part, sms, text, text_part, written


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


# Characters


def as_saved(character: str) -> str:
    """XML cannot hold some characters: U+FFFD stands in their place."""
    forbidden = (ord(character) < 32 and character not in "\t\n\r") or character in "\ufffe\uffff"
    return "\ufffd" if forbidden else character


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 40))
def test_every_text_is_read_as_it_was_written_wherever_the_file_is_cut(written_text: str, step: int) -> None:
    raw = document(sms(f"»{written_text}«")).encode()
    whole = "".join(well_formed.mended(raw[at : at + step] for at in range(0, len(raw), step)))
    assert whole == well_formed.mend(raw.decode())


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_text_survives_but_for_what_xml_cannot_hold(
    tmp_path_factory: pytest.TempPathFactory, written_text: str
) -> None:
    (message,) = Backup(written(tmp_path_factory.getbasetemp(), sms(written_text))).messages()
    assert text(message) == "".join(map(as_saved, written_text))


@pytest.mark.parametrize(
    ("written_so", "meant"),
    [
        ("&#55357;&#56832;", "😀"),
        ("&#xD83D;&#xDE00;", "😀"),
        ("&#128512;", "😀"),
        ("&#55357;&#56397;&#55356;&#57341;", "👍🏽"),
        ("a&#55357;b", "a\ufffdb"),
        ("&#56832;&#55357;", "\ufffd\ufffd"),
        ("&#55357;&#55357;&#56832;", "\ufffd😀"),
        ("&#55357;", "\ufffd"),
        ("&#0;&#8;&#65535;", "\ufffd\ufffd\ufffd"),
        ("a\x00b\x1fc", "a\ufffdb\ufffdc"),
        ("&#1114112;&#9999999999;", "\ufffd\ufffd"),
        ("&#60;&#38;amp;&#34;&#10;", '<&amp;"\n'),
        ("&amp;#55357;", "&#55357;"),
    ],
)
def test_references_are_read_as_what_was_meant(read: Reader, written_so: str, meant: str) -> None:
    (message,) = read.bytes(document(sms("TEXT")).replace("TEXT", written_so).encode())
    assert text(message) == meant


def test_bytes_that_are_no_utf8_spoil_their_own_text_only(read: Reader) -> None:
    raw = document(sms("one BAD"), sms("two")).encode().replace(b"BAD", b"\xff")
    assert [text(message) for message in read.bytes(raw)] == ["one \ufffd", "two"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_may_begin_with_a_byte_order_mark(read: Reader, encoding: str) -> None:
    raw = document(sms("Größe")).replace("UTF-8", encoding.removesuffix("-sig")).encode(encoding)
    assert [text(message) for message in read.bytes(raw)] == ["Größe"]


# Files


def test_a_gzipped_backup_is_read_as_a_plain_one_whatever_its_name(read: Reader) -> None:
    raw = document(sms("1"), sms("2")).encode()
    assert read.bytes(gzip.compress(raw)) == read.bytes(raw)


def test_what_comes_after_the_backups_end_is_not_looked_at(read: Reader) -> None:
    raw = document(sms("1")).encode() + b"\0\0\0 <rest>"
    assert [text(message) for message in read.bytes(raw)] == ["1"]


def test_of_a_file_that_ends_too_early_all_that_is_there_is_read(read: Reader) -> None:
    raw = document(sms("1"), sms("2"), sms("last")).encode()
    texts, said = read.until_it_breaks(raw[: raw.index(b"last")])
    assert texts == ["1", "2"]
    assert "after message 2" in said


def test_of_a_gzipped_file_that_ends_too_early_all_that_is_there_is_read(read: Reader) -> None:
    whole = gzip.compress(document(*(sms(str(number)) for number in range(5000))).encode())
    texts, said = read.until_it_breaks(whole[: len(whole) // 2])
    assert texts == [str(number) for number in range(len(texts))]
    assert 0 < len(texts) < 5000
    assert f"after message {len(texts)}" in said


def test_of_a_gzipped_file_that_is_damaged_what_came_before_is_read(read: Reader) -> None:
    whole = bytearray(gzip.compress(document(*(sms(str(number)) for number in range(5000))).encode()))
    whole[len(whole) // 2 :] = bytes(len(whole) - len(whole) // 2)
    texts, _ = read.until_it_breaks(bytes(whole))
    assert texts == [str(number) for number in range(len(texts))]


def test_of_a_file_with_a_fault_what_came_before_is_read(read: Reader) -> None:
    texts, said = read.until_it_breaks(document(sms("1"), "<sms body=unquoted />", sms("3")).encode())
    assert texts == ["1"]
    assert "after message 1" in said


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"hello",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"\x1f\x8b",
        b"\x1f\x8b" + bytes(50),
        gzip.compress(b"hello", mtime=0),
        b"<html><body>sms</body></html>",
        document().encode(),
        b'<calls><call number="1"/></calls>',
        b'{"sms":[]}',
    ],
)
def test_a_file_without_a_message_is_refused_in_words(read: Reader, content: bytes) -> None:
    with pytest.raises(Refused, match="nothing readable in the file"):
        read.bytes(content)


def test_a_file_that_cannot_be_opened_is_refused_in_words(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.xml", tmp_path):
        with pytest.raises(Refused, match=f"{path} cannot be read: "):
            Backup(path)


# A backup is untrusted input


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE smses [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE smses [<!ENTITY b SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE smses [<!ENTITY % b SYSTEM "http://127.0.0.1:9/x"> %b;]>',
        '<!DOCTYPE smses SYSTEM "http://127.0.0.1:9/x.dtd">',
        "<!DOCTYPE smses>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused(read: Reader, declared: str, encoding: str) -> None:
    content = document(sms("TEXT")).replace("TEXT", "&b;").replace("<smses", f"{declared}\n<smses", 1)
    with pytest.raises(Refused, match="document type"):
        read.bytes(content.replace("UTF-8", encoding).encode(encoding))


def test_an_element_that_never_ends_is_not_read_into_memory(
    read: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(well_formed, "MAX_ELEMENT", 1_000_000)
    endless = document(sms("1"))[: -len("</smses>\n")] + '<sms body="' + "x" * 5_000_000
    texts, said = read.until_it_breaks(gzip.compress(endless.encode()))
    assert (texts, said) == (["1"], "the file breaks off after message 1: an element is too large")


def test_the_first_message_comes_before_the_rest_is_read(tmp_path: Path) -> None:
    backup = Backup(written(tmp_path, *(sms("x" * 1000) for _ in range(2000))))
    assert next(backup.messages())
    assert 0 < backup.position < backup.size / 10


def test_memory_holds_a_few_messages_however_many_there_are(tmp_path: Path) -> None:
    def endless() -> Iterator[str]:
        while True:
            yield mms(SMIL, part("image/png", bytes(100_000)), text_part("look"))

    def peak(messages: int) -> int:
        path = backups.zipped(tmp_path, islice(endless(), messages))
        tracemalloc.start()
        assert sum(1 for _ in Backup(path).messages()) == messages
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(48) < 1.5 * peak(8)
