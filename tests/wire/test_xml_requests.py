"""What a request in XML may look like, and what is refused before it can do harm."""

import re
import sys
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

import pytest

from onecopy.domain.errors import InvalidInput, NMSError, UnsupportedMedia
from onecopy.wire import inward_xml
from onecopy.wire.inward import XML_LIMIT
from onecopy.wire.inward_xml import DEPTH, MOST_ELEMENTS, loads
from tests.clients.in_xml import NAMESPACE

OPEN, CLOSE = f'<nms:object xmlns:nms="{NAMESPACE}">', "</nms:object>"
TAG = {"object": {"correlationTag": "grüße"}}
LATIN = '<?xml version="1.0" encoding="ISO-8859-1"?>'


def xml(inside: str) -> bytes:
    return f"{OPEN}{inside}{CLOSE}".encode()


def as_bytes(body: bytes | str) -> bytes:
    return body if isinstance(body, bytes) else body.encode()


def read(body: bytes | str, kind: str = "application/xml") -> Any:
    return loads(as_bytes(body), kind, "body")


def test_children_may_come_in_any_order() -> None:
    turned = xml("<flags/><attributes><attribute><value>1</value><name>a</name></attribute></attributes>")
    assert read(turned) == {
        "object": {"flags": {"flag": []}, "attributes": {"attribute": [{"name": "a", "value": ["1"]}]}}
    }


def test_one_element_of_a_list_is_a_list() -> None:
    assert read(xml("<flags><flag>a</flag></flags>")) == {"object": {"flags": {"flag": ["a"]}}}


def test_white_space_around_elements_counts_nothing_and_in_a_text_it_stays() -> None:
    assert read(xml("\n\t<correlationTag> a\n b\t</correlationTag>\n <lastModSeq> 7\n</lastModSeq>")) == {
        "object": {"correlationTag": " a\n b\t", "lastModSeq": 7}
    }


def test_nil_is_what_null_is_in_json() -> None:
    space = 'xmlns:x="http://www.w3.org/2001/XMLSchema-instance"'
    assert read(xml(f'<correlationTag {space} x:nil="true"/>')) == {"object": {"correlationTag": None}}
    assert read(xml(f'<correlationTag {space} x:nil="false">a</correlationTag>')) == {
        "object": {"correlationTag": "a"}
    }


def test_numbers_and_booleans_are_what_they_are_in_json() -> None:
    body = read(
        f'<s:selectionCriteria xmlns:s="{NAMESPACE}"><maxEntries>5</maxEntries>'
        "<nonRecursiveScope>true</nonRecursiveScope></s:selectionCriteria>"
    )
    assert body == {"selectionCriteria": {"maxEntries": 5, "nonRecursiveScope": True}}


def test_what_is_no_number_is_left_for_the_reader_of_json_to_judge() -> None:
    assert read(xml("<lastModSeq>many</lastModSeq>")) == {"object": {"lastModSeq": "many"}}


@pytest.mark.nms("JSON and XML", "A request may use any prefix for the namespace")
def test_elements_may_have_the_namespace_by_default() -> None:
    body = f'<object xmlns="{NAMESPACE}"><correlationTag>grüße</correlationTag></object>'
    assert read(body) == TAG


def test_what_is_of_another_namespace_is_passed_over() -> None:
    assert read(xml('<o:correlationTag xmlns:o="urn:o">x<flag/></o:correlationTag>')) == {"object": {}}
    assert read(xml('<correlationTag xmlns:o="urn:o" o:a="1" b="2">grüße</correlationTag>')) == TAG


def test_elements_that_nms_does_not_know_are_read_like_members_that_it_does_not_know() -> None:
    assert read(xml("<colour>red</colour><size><w>1</w><w>2</w></size>")) == {
        "object": {"colour": "red", "size": {"w": ["1", "2"]}}
    }


def test_cdata_comments_and_instructions_change_nothing() -> None:
    body = f"<!-- a --><?go on?>{OPEN}<correlationTag><![CDATA[gr]]>ü<!-- <!DOCTYPE x> -->&#223;e"
    assert read(body + "</correlationTag>" + CLOSE + "<!-- b -->") == TAG


INSIDE = "<correlationTag>grüße</correlationTag>"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (xml(INSIDE), "application/xml"),
        (xml(INSIDE), "text/xml; charset=utf-8"),
        (xml(INSIDE), 'application/vnd.example+xml; charset="UTF-8"'),
        (b"\xef\xbb\xbf" + xml(INSIDE), "application/xml"),
        ((OPEN + INSIDE + CLOSE).encode("utf-16"), "application/xml"),
        ((OPEN + INSIDE + CLOSE).encode("utf-16-be"), "application/xml; charset=utf-16"),
        ((OPEN + INSIDE + CLOSE).encode("utf-16-le"), "application/xml; charset=utf-16"),
        ((OPEN + INSIDE + CLOSE).encode("utf-16"), "application/xml; charset=utf-8"),
        ((LATIN + OPEN + INSIDE + CLOSE).encode("latin-1"), "text/xml"),
        ((OPEN + INSIDE + CLOSE).encode("latin-1"), "text/xml; charset=ISO-8859-1"),
        ((LATIN + OPEN + INSIDE + CLOSE).encode(), "text/xml; charset=utf-8"),
    ],
)
def test_the_charset_is_the_byte_order_marks_or_the_headers_or_the_declarations(
    body: bytes, kind: str
) -> None:
    assert read(body, kind) == TAG


def test_a_charset_that_is_not_read_is_refused() -> None:
    with pytest.raises(UnsupportedMedia):
        read(xml(INSIDE), "application/xml; charset=koi8-r")
    with pytest.raises(InvalidInput):
        read('<?xml version="1.0" encoding="koi8-r"?>' + OPEN + CLOSE)
    with pytest.raises(InvalidInput):
        read((OPEN + INSIDE + CLOSE).encode("latin-1"), "application/xml")


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
NOT_TAKEN: dict[str, bytes | str] = {
    "nothing": "",
    "spaces": "  ",
    "JSON": '{"object":{}}',
    "text": "object",
    "cut short": OPEN + "<flags>",
    "crossed": OPEN + "<flags><flag></flags></flag>" + CLOSE,
    "two roots": OPEN + CLOSE + OPEN + CLOSE,
    "no namespace": "<object/>",
    "another namespace": '<o:object xmlns:o="urn:oma:xml:rest:netapi:nms:2"/>',
    "a prefix that is not declared": "<nms:object/>",
    "a prefix inside that is not declared": OPEN + "<x:flags/>" + CLOSE,
    "a text in a structure": OPEN + "<flags>x</flags>" + CLOSE,
    "two of what there is one of": OPEN + "<correlationTag>a</correlationTag>" * 2 + CLOSE,
    "a control character": OPEN + "<correlationTag>&#1;</correlationTag>" + CLOSE,
    "half a character": OPEN + "<correlationTag>&#xD800;</correlationTag>" + CLOSE,
    "an entity": OPEN + "<correlationTag>&a;</correlationTag>" + CLOSE,
    "a document type": "<!DOCTYPE object>" + OPEN + CLOSE,
    "one behind a comment": "<!-- x --><?a b?>\n<!DOCTYPE object>" + OPEN + CLOSE,
    "one in UTF-16": ("<!DOCTYPE object>" + OPEN + CLOSE).encode("utf-16"),
    "a document type elsewhere": '<!DOCTYPE object SYSTEM "http://127.0.0.1:1/x.dtd">' + OPEN + CLOSE,
    "a file": '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + OPEN + "&f;" + CLOSE,
    "a parameter": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/"> %p;]>' + OPEN + CLOSE,
    "entities of entities": ENTITIES + OPEN + "&b;" * 100_000 + CLOSE,
    "one long entity often": '<!DOCTYPE x [<!ENTITY a "' + "a" * 500_000 + '">]>' + OPEN + "&a;" * 100_000,
    "too deep": OPEN + "<x>" * DEPTH + "</x>" * DEPTH + CLOSE,
    "far too deep": OPEN + "<x>" * 600_000,
    "too many elements": OPEN + "<x/>" * MOST_ELEMENTS + CLOSE,
    "many attributes": OPEN + "<x " + " ".join(f"a{n}=''" for n in range(180_000)) + "/>" + CLOSE,
    "many prefixes": OPEN + "<x " + " ".join(f"xmlns:a{n}='u'" for n in range(110_000)) + "/>" + CLOSE,
}


@pytest.mark.parametrize("body", NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_what_is_no_structure_or_a_bomb_is_refused(body: bytes | str) -> None:
    assert len(body) <= XML_LIMIT * 1.2
    with pytest.raises(InvalidInput) as refused:
        read(body)
    assert refused.value.variables == ("body",)


WITH_A_TYPE = [body for body in NOT_TAKEN.values() if b"DOCTYPE" in as_bytes(body).replace(b"\0", b"")]


@pytest.mark.parametrize("body", WITH_A_TYPE)
def test_a_document_type_is_refused_before_it_is_parsed(
    body: bytes | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inward_xml.expat, "ParserCreate", None)
    with pytest.raises(InvalidInput):
        read(body)


@pytest.mark.parametrize("body", WITH_A_TYPE)
def test_a_document_type_that_would_come_through_is_refused_by_the_parser(
    body: bytes | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inward_xml, "_PROLOG", re.compile(""))
    with pytest.raises(InvalidInput) as refused:
        read(body)
    assert not isinstance(refused.value.__cause__, expat.ExpatError)


def test_as_deep_as_json_may_be_is_not_too_deep() -> None:
    inside = "<x>" * (DEPTH - 1) + "</x>" * (DEPTH - 1)
    assert read(OPEN + inside + CLOSE)


def calls(work: Callable[[], object]) -> int:
    """How many functions of the reader run, instead of a time."""
    count = 0

    def note(frame: Any, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call" and "inward_xml" in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    except NMSError:
        pass
    finally:
        sys.setprofile(before)
    return count


def test_what_follows_a_refusal_costs_nothing() -> None:
    few, many = (OPEN + "<x>" * DEPTH + "<x>" * more + "</x>" * 9 for more in (10, 100_000))
    assert calls(lambda: read(few)) == calls(lambda: read(many))


def test_a_long_namespace_is_not_copied_for_every_element_in_it() -> None:
    """Expat would copy it: a megabyte for each of 50,000 elements takes minutes."""
    inside = f'<a:r xmlns:a="{"u" * 1_000_000}">' + "<a:x/>" * 50_000 + "</a:r>"
    assert read(OPEN + inside + CLOSE) == {"object": {}}
