"""Every resource of NMS in XML and in JSON: the same answer, by the client's choice."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack
from onecopy.handlers import routes
from tests.clients.box_client import STORE, BoxClient, fault, id_of, transfer
from tests.clients.following import now, since
from tests.clients.forms import attachment, multipart, root, send
from tests.clients.in_xml import KIND, NAMESPACE, XmlBox, read, written

ONLY_XML = {"accept": KIND}
OURS = {
    ("GET", "/policies"),
    ("GET", "/preferences"),
    *((method, "/preferences/<name>") for method in ("GET", "PUT", "DELETE")),
    ("GET", "/changes"),
    ("GET", "/uploads/<object_id>"),
    ("DELETE", "/uploads/<object_id>"),
    ("POST", "/objects/operations/payloads"),
}
"""What NMS does not have. It is JSON only."""

OF_THE_STORE = {("POST", "/operations/deliver")}
"""The same, but of no box; the tests of deliveries say how it refuses XML."""

EITHER = [
    "/objects/{object}",
    "/objects/{object}/flags",
    "/objects/operations/pathToId?path=" + STORE + "/{object}",
    "/folders/{folder}",
    "/folders/{folder}?listFilter=All&path=Yes&attrFilter=Name,MsgCount",
    "/folders/{root}?listFilter=All&maxEntries=1",
    "/folders/{folder}/folderName",
    "/folders/operations/pathToId",
    "/subscriptions",
    "/subscriptions/{subscription}",
    "/objects/zz9",
    "/objects/{object}/flags/absent",
    "/folders/{folder}?listFilter=nonsense",
]
MOVING = ("duration", "restartToken", "lastError")
NAME = 'Ordner "Ünï" & <co> 日本'
SUBJECT = {"attribute": [{"name": "Subject", "value": ["a < b & c ]]> d", " \t\n ", "x" * 1000]}]}


@pytest.fixture(scope="module")
def given(stack: LocalStack) -> Iterator[tuple[BoxClient, dict[str, str]]]:
    with BoxClient(stack) as client:
        made = {
            "object": client.text_object("x", attributes=SUBJECT, flags={"flag": ["\\Seen", "\\Flagged"]}),
            "folder": client.folder(NAME),
            "root": client.folder_at("/"),
            "subscription": subscription(client),
        }
        yield client, {name: id_of(url) for name, url in made.items()}


def subscription(client: BoxClient) -> str:
    asked = {"callbackReference": {"notifyURL": "http://127.0.0.1:9/", "callbackData": "<&>"}}
    return str(client.post("/subscriptions", {"nmsSubscription": asked}).headers["location"])


@pytest.fixture
def xml(stack: LocalStack) -> Iterator[XmlBox]:
    with XmlBox(stack) as client:
        client.folder_at("/")
        client.seen.clear()
        yield client


def test_a_resource_is_nmss_and_has_both_forms_or_onecopys_and_has_json() -> None:
    """A new route has to say which."""
    names = [name for _, name, _ in pkgutil.iter_modules(routes.__path__, f"{routes.__name__}.")]
    every = [route for name in names for route in getattr(importlib.import_module(name), "ROUTES", ())]
    assert {(route.method, route.path) for route in every if route.json_only} == OURS | OF_THE_STORE


@pytest.mark.nms("JSON and XML", "Every answer says the same in JSON and in XML")
@pytest.mark.parametrize("path", EITHER)
def test_an_answer_says_the_same_in_either_form(given: Any, path: str) -> None:
    client, ids = given
    in_json = client.get(path.format(**ids), headers={"accept": "application/json"})
    in_xml = client.get(path.format(**ids), headers=ONLY_XML)
    assert lasting(read(in_xml.content)) == lasting(in_json.json())
    assert in_xml.status_code == in_json.status_code
    assert in_xml.headers["content-type"] == KIND
    assert in_json.headers["content-type"] == "application/json"
    for name in ("etag", "cache-control", "location"):
        assert in_xml.headers.get(name) == in_json.headers.get(name)
    for answer in (in_xml, in_json):
        assert answer.headers["vary"] == "Accept, Accept-Encoding"


def lasting(value: Any) -> Any:
    """An answer without what is another at every look."""
    if isinstance(value, dict):
        return {name: lasting(one) for name, one in value.items() if name not in MOVING}
    return [lasting(one) for one in value] if isinstance(value, list) else value


def test_a_client_that_takes_text_xml_gets_that(given: Any) -> None:
    client, ids = given
    answer = client.get(f"/objects/{ids['object']}", headers={"accept": "text/xml"})
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert "object" in read(answer.content)


def test_a_long_answer_is_compressed_in_xml_too(given: Any) -> None:
    client, ids = given
    for coding in ("gzip", "identity"):
        answer = client.get(f"/objects/{ids['object']}", headers=ONLY_XML | {"accept-encoding": coding})
        assert answer.headers.get("content-encoding", "identity") == coding
        assert "object" in read(answer.content)


@pytest.mark.parametrize(("method", "path"), sorted(OURS))
def test_what_is_onecopys_own_is_refused_to_who_takes_only_xml_in_xml(
    given: Any, method: str, path: str
) -> None:
    client, ids = given
    answer = client.http.request(method, path.replace("<object_id>", ids["object"]), headers=ONLY_XML)
    assert (answer.status_code, answer.headers["content-type"]) == (406, KIND)
    assert read(answer.content)["requestError"]["serviceException"]["messageId"] == "SVC0002"


def test_an_upload_is_not_begun_for_who_cannot_read_the_answer(given: Any) -> None:
    client, _ = given
    part = {"contentType": "text/plain", "size": 1, "checksum": f"sha256:{'A' * 43}="}
    body = {"object": {"correlationTag": "late", "payloadPart": [part]}}
    assert client.post("/objects", body, headers=ONLY_XML).status_code == 406
    taken = client.post("/objects", body, headers={"accept": f"{KIND}, application/json;q=0.1"})
    assert (taken.status_code, list(taken.json())) == (202, ["upload"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PATCH", "/objects/x", 405), ("GET", "/nothing/at/all", 404), ("GET", "/../tel%3A%2B1/changes", 403)],
)
def test_a_refusal_is_in_xml_for_who_wants_xml(given: Any, method: str, path: str, status: int) -> None:
    client, _ = given
    if status == 403:
        path = client.base.rsplit("/", 1)[0] + "/tel%3A%2B1/folders/operations/pathToId"
    answer = client.http.request(method, path, headers=ONLY_XML)
    assert (answer.status_code, answer.headers["content-type"]) == (status, KIND)
    assert list(read(answer.content)) == ["requestError"]
    assert answer.headers["x-correlation-id"]


@pytest.mark.nms("JSON and XML", "A client can work in XML alone")
def test_a_day_of_a_device_in_xml(xml: XmlBox, stack: LocalStack) -> None:
    """What another client sees in JSON is what the device has done, and all that it was told was XML."""
    trip, spare = xml.folder(NAME), xml.folder()
    first = xml.plain_object(trip, attributes=SUBJECT, correlationTag="a & b", flags={"flag": ["\\Seen"]})
    assert xml.put(f"{first}/flags", {"flagList": {"flag": ["one"]}}).json()["flagList"]["flag"] == ["one"]
    assert xml.put(f"{first}/flags/%5CFlagged").status_code == 201
    assert xml.delete(f"{first}/flags/one").status_code == 204
    assert xml.get(f"{first}/flags/one").json() == {"empty": None}
    assert xml.put(f"{spare}/folderName", {"name": " spare "}).json() == {"name": " spare "}
    [copied] = xml.copy(spare, [first])
    assert xml.move(trip, folders=[spare])[0]["code"] == 200
    root_of = {"type": "Attribute", "name": "Root", "value": "Yes"}
    asked = {"selectionCriteria": {"maxEntries": 5, "searchCriteria": {"criterion": [root_of]}}}
    found = xml.post("/folders/operations/search", asked).json()
    assert found["folderList"]["folder"][0]["resourceURL"] == xml.folder_at("/")
    paths = {"pathList": {"path": [f"{STORE}/{NAME}/ spare ", "/nowhere"]}}
    items = xml.post("/folders/operations/pathToId", paths).json()["bulkResponseList"]["response"]
    assert [item["code"] for item in items] == [200, 404]
    made = subscription(xml)
    update = xml.post(made, {"nmsSubscriptionUpdate": {"duration": 60}})
    assert update.json()["nmsSubscription"]["duration"] <= 60
    assert xml.delete(made).status_code == 204
    assert set(xml.seen) - {""} == {
        *("reference", "flagList", "empty", "name", "bulkResponseList", "folderList", "nmsSubscription"),
    }
    with BoxClient(stack, xml.box) as other:
        copy = other.get(copied["success"]["resourceURL"]).json()["object"]
        assert copy["attributes"] == SUBJECT
        assert (copy["correlationTag"], copy["flags"]) == ("a & b", {"flag": ["\\Flagged"]})
        assert other.get(trip).json()["folder"]["name"] == NAME


@pytest.mark.nms("JSON and XML", "Form-data may hold its root-fields in XML")
def test_form_data_may_hold_its_root_fields_in_xml(given: Any) -> None:
    client, _ = given
    fields = written({"object": {"correlationTag": "ü", "attributes": SUBJECT}})
    made = send(client, multipart(root(fields, kind=KIND), attachment(b"content", "text/plain")))
    shown = client.get(made.headers["location"]).json()["object"]
    assert (made.status_code, shown["correlationTag"], shown["attributes"]) == (201, "ü", SUBJECT)
    assert shown["payloadPart"][0]["size"] == 7


def test_many_objects_may_be_made_from_xml(given: Any) -> None:
    client, _ = given
    fields = written({"objectList": {"object": [{"correlationTag": "a"}, {"correlationTag": "b"}]}})
    form = multipart(root(fields, kind="text/xml; charset=utf-8"), attachment(b""), attachment(b"b"))
    items = send(client, form, path="/objects/operations/bulkCreation").json()["bulkResponseList"]["response"]
    shown = [client.get(item["success"]["resourceURL"]).json()["object"] for item in items]
    assert [one["correlationTag"] for one in shown] == ["a", "b"]


def post(client: BoxClient, path: str, body: bytes | str, kind: str = KIND, **headers: str) -> httpx.Response:
    return client.http.post(path, content=body, headers={"content-type": kind, **headers})


def test_a_repeat_is_told_by_what_its_xml_says_and_not_by_how(given: Any) -> None:
    client, _ = given
    key = {"idempotency-key": "the same"}
    first = post(client, "/folders", written({"folder": {"parentFolderPath": STORE, "name": "once"}}), **key)
    twisted = (
        f'<?xml version="1.0"?>\n<folder xmlns="{NAMESPACE}">\n <name>on<!-- and -->ce</name>\n'
        f" <parentFolderPath>{STORE}</parentFolderPath>\n</folder>"
    )
    again = post(client, "/folders", twisted, **key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["location"] == first.headers["location"]
    other = written({"folder": {"parentFolderPath": STORE, "name": "twice"}})
    assert post(client, "/folders", other, **key).status_code == 422


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>' + f'<nms:name xmlns:nms="{NAMESPACE}">&a;</nms:name>'


@pytest.mark.parametrize(
    ("body", "kind", "refusal"),
    [
        (BOMB, KIND, (400, "SVC0002")),
        ("", KIND, (400, "SVC0002")),
        ("<name>x</name>", KIND, (400, "SVC0002")),
        (written({"object": {}}), KIND, (400, "SVC0002")),
        (written({"name": "x"}), "application/xml; charset=koi8-r", (415, "SVC0002")),
        (b" " * 2_000_001, KIND, (413, "POL0001")),
        (written({"name": "x"}), "application/json", (400, "SVC0002")),
    ],
)
def test_xml_that_is_not_taken_changes_nothing(
    given: Any, body: bytes | str, kind: str, refusal: tuple[int, str]
) -> None:
    client, ids = given
    token = now(client)
    for asked in ("/objects", "/folders", "/folders/operations/copyToFolder", "/folders/operations/search"):
        if refusal[0] != 400 or b"object" not in (body if isinstance(body, bytes) else body.encode()):
            assert fault(post(client, asked, body, kind)) == refusal
    renamed = client.http.put(
        f"/folders/{ids['folder']}/folderName", content=body, headers={"content-type": kind}
    )
    assert fault(renamed) == refusal
    assert since(client, token) == []


def test_a_copy_may_be_asked_for_in_utf_16(given: Any) -> None:
    client, ids = given
    source, target = f"{client.base}/objects/{ids['object']}", f"{client.base}/folders/{ids['folder']}"
    body = written(transfer(target, [source], [])).decode().partition("?>")[2].encode("utf-16")
    answer = post(client, "/folders/operations/copyToFolder", body, "text/xml; charset=utf-16")
    assert [item["code"] for item in answer.json()["bulkResponseList"]["response"]] == [200]
