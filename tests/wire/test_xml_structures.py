"""XML and JSON say the same: a structure written as XML and read again is what it was (NMS, section 3)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecopy.wire import outward_xml
from onecopy.wire.inward_xml import loads
from onecopy.wire.schema import ANSWERS, STRUCTURES
from tests.clients.in_xml import NAMESPACE, ORDER, read

_REFERENCE = {"resourceURL": "https://store/nms/v1/main/tel%3A%2B1/objects/a1", "path": "/a/a1"}
_FLAGS = {"flag": ["\\Seen", "$Forwarded"]}
_ATTRIBUTES = {
    "attribute": [
        {"name": "From", "value": ["tel:+1"]},
        {"name": "To", "value": ["tel:+2", "tel:+3"]},
        {"name": "Subject", "value": []},
    ]
}
_PART = {
    "href": "https://store/p/1",
    "contentType": "text/plain",
    "size": 5,
    "contentId": "<1@x>",
    "contentLocation": "a.txt",
    "contentDisposition": "attachment",
    "contentEncoding": "gzip",
}
_OBJECT = {
    "parentFolder": "https://store/f/b",
    "attributes": _ATTRIBUTES,
    "flags": _FLAGS | {"resourceURL": "https://store/o/a1/flags"},
    "resourceURL": "https://store/o/a1",
    "path": "/a/a1",
    "payloadURL": "https://store/o/a1/payload",
    "payloadPart": [_PART],
    "lastModSeq": 7,
    "correlationId": "id",
    "correlationTag": "tag",
}
_FOLDER = {
    "parentFolder": "https://store/f/b",
    "attributes": {"attribute": []},
    "resourceURL": "https://store/f/c",
    "path": "/b/c",
    "name": "c",
    "lastModSeq": 8,
    "cursor": "next",
    "subFolders": {"folderReference": [_REFERENCE]},
    "objects": {"objectReference": []},
}
_CRITERIA = {"criterion": [{"type": "Flag", "name": "\\Seen", "value": "true"}], "operator": "And"}
_SELECTION = {
    "fromCursor": "x",
    "maxEntries": 10,
    "searchCriteria": _CRITERIA,
    "searchScope": {"resourceURL": "https://store/f/c"},
    "nonRecursiveScope": True,
    "sortCriteria": {"criterion": [{"type": "Date", "order": "Ascending"}]},
}
_SUBSCRIPTION = {
    "callbackReference": {"notifyURL": "https://me/", "callbackData": "mine", "notificationFormat": "XML"},
    "duration": 3600,
    "filter": _CRITERIA,
    "clientCorrelator": "c",
    "resourceURL": "https://store/s/1",
    "index": 1,
    "restartToken": "t",
}
_FAULT = {"serviceException": {"messageId": "SVC0002", "text": "Invalid %1", "variables": ["path"]}}
_CHANGED = {
    "parentFolder": "https://store/f/b",
    "flags": _FLAGS,
    "resourceURL": "https://store/o/a1",
    "lastModSeq": 9,
    "correlationId": "id",
    "correlationTag": "tag",
}
_CHANGED_FOLDER = {"parentFolder": "p", "resourceURL": "u", "name": "n", "lastModSeq": 3}
_GONE = {"resourceURL": "https://store/o/a1", "lastModSeq": 9}
_OBJECTS = {"objects": {"objectReference": [{"resourceURL": "https://store/o/a1"}]}}
_FOLDERS = {"folders": {"folderReference": []}}

EXAMPLES: dict[str, Any] = {
    "object": _OBJECT,
    "objectList": {"object": [_OBJECT, _OBJECT], "cursor": "c", "creationCursor": "d"},
    "objectReferenceList": {"objectReference": [_REFERENCE], "cursor": "c"},
    "folder": _FOLDER,
    "folderList": {"folder": [_FOLDER], "cursor": "c"},
    "flagList": _FLAGS | {"resourceURL": "https://store/o/a1/flags"},
    "reference": _REFERENCE,
    "name": "Käse & <Brot>",
    "pathList": {"path": ["/a/b"]},
    "targetSourceRef": {"targetRef": {"resourceURL": "u"}, "sourceRefs": _FOLDERS | _OBJECTS},
    "bulkUpdate": _OBJECTS | {"operation": "AddFlag", "flags": _FLAGS, "selectionCriteria": _SELECTION},
    "bulkDelete": _OBJECTS | {"selectionCriteria": _SELECTION},
    "selectionCriteria": _SELECTION,
    "nmsSubscription": _SUBSCRIPTION,
    "nmsSubscriptionUpdate": {"duration": 60, "restartToken": "t"},
    "nmsSubscriptionList": {"subscription": [_SUBSCRIPTION], "resourceURL": "https://store/s"},
    "nmsEventList": {
        "nmsEvent": [
            {"changedObject": _CHANGED},
            {"deletedObject": _GONE | {"correlationId": "id"}},
            {"expiredObject": _GONE},
            {"changedFolder": _CHANGED_FOLDER},
            {"deletedFolder": _GONE},
            {"expiredFolder": _GONE},
            {"resetBox": {}},
        ],
        "callbackData": "mine",
        "index": 3,
        "restartToken": "t",
        "link": [{"rel": "NmsSubscription", "href": "https://store/s/1"}],
    },
    "bulkResponseList": {
        "response": [
            {"code": 200, "reason": "OK", "success": _REFERENCE},
            {"code": 400, "reason": "Bad Request", "failure": _FAULT},
        ]
    },
    "requestError": _FAULT,
}
"""Every structure with all that it may hold."""

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
        lambda character: character >= " " or character in "\t\n\r"
    )
)
"""Any text that XML can hold."""


def again(body: Any) -> Any:
    return loads(outward_xml.dumps(body).encode(), "application/xml", "body")


@pytest.mark.nms("JSON and XML", "Every structure of NMS can be written as XML and read again")
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_structure_of_nms_is_the_same_after_a_way_through_xml(name: str) -> None:
    assert again({name: EXAMPLES[name]}) == {name: EXAMPLES[name]}


@pytest.mark.nms("JSON and XML", "The elements of an answer are in NMS's order")
@pytest.mark.parametrize("name", sorted(ANSWERS & EXAMPLES.keys()))
def test_an_answer_in_xml_has_the_schemas_order_whatever_order_it_was_made_in(name: str) -> None:
    backwards = outward_xml.dumps({name: _reversed(EXAMPLES[name])})
    assert backwards == outward_xml.dumps({name: EXAMPLES[name]})
    assert read(backwards.encode()) == {name: EXAMPLES[name]}


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(value[name]) for name in reversed(value)}
    return [_reversed(one) for one in value] if isinstance(value, list) else value


def test_the_product_and_this_tests_own_list_agree_on_the_order_of_every_answer() -> None:
    for name, order in ORDER.items():
        if name in STRUCTURES:
            assert list(STRUCTURES[name])[: len(order.split())] == order.split(), name


@pytest.mark.nms("JSON and XML", "The root element is in NMS's namespace, its children are unqualified")
def test_an_object_in_xml_reads_as_the_standard_has_it() -> None:
    body = {
        "object": {"flags": {"flag": ["\\Seen"]}, "attributes": {"attribute": _ATTRIBUTES["attribute"][:1]}}
    }
    assert outward_xml.dumps(body) == (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<nms:object xmlns:nms="{NAMESPACE}">'
        "<attributes><attribute><name>From</name><value>tel:+1</value></attribute></attributes>"
        "<flags><flag>\\Seen</flag></flags>"
        "</nms:object>"
    )


@pytest.mark.nms("JSON and XML", "What Onecopy adds to a structure comes behind the elements of NMS")
def test_what_onecopy_adds_follows_behind_what_nms_has() -> None:
    body = {"nmsSubscription": {"state": "active", "secret": "s", "index": 1, "expiry": "e", "duration": 2}}
    root = "".join(outward_xml.dumps(body).partition("<duration>")[1:])
    assert root == (
        "<duration>2</duration><index>1</index><state>active</state><secret>s</secret><expiry>e</expiry>"
        "</nms:nmsSubscription>"
    )


@given(TEXT, TEXT)
def test_any_text_that_xml_can_hold_arrives_as_it_was(text: str, other: str) -> None:
    body = {
        "object": {
            "attributes": {"attribute": [{"name": text, "value": [other, text]}]},
            "flags": {"flag": [text]},
            "correlationTag": other,
        }
    }
    assert again(body) == body
    assert read(outward_xml.dumps(body).encode()) == body


@given(st.text(min_size=1))
def test_a_character_that_xml_cannot_hold_becomes_the_replacement_character(text: str) -> None:
    allowed = {"\t", "\n", "\r"}
    shown = "".join(
        one if one in allowed or (one >= " " and one not in "\ufffe\uffff") else "\ufffd" for one in text
    )
    assert again({"name": text}) == {"name": shown}


@given(TEXT)
def test_the_size_that_is_counted_is_never_less_than_what_is_sent(text: str) -> None:
    """With the element's own name, or with any other that a list has."""
    one = {"resourceURL": text, "path": text}
    sent = outward_xml.dumps({"objectReferenceList": {"objectReference": [one] * 3}})
    frame = outward_xml.dumps({"objectReferenceList": {"objectReference": []}})
    assert len(sent.encode()) - len(frame.encode()) <= 3 * outward_xml.size(one)
