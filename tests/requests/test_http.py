"""What HTTP leaves to a client, whatever the resource: HEAD, charsets, encodings, paths, numbers."""

import gzip
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import STORE, BoxClient, Json, codes, fault
from tests.clients.following import now, since
from tests.clients.forms import attachment, multipart, root, send

READ = [
    "{object}",
    "{object}/flags",
    "{object}/flags/%5CSeen",
    "{object}/flags/absent",
    "{object}/payload",
    "{object}/payloadParts/1",
    "/objects/zz9",
    "/objects/operations/pathToId?path=x",
    "{folder}",
    "{folder}?listFilter=All",
    "{folder}?listFilter=nonsense",
    "{folder}/folderName",
    "/folders/operations/pathToId?path=/",
    "/changes",
    "/changes?restartToken=forged",
    "/subscriptions",
    "/uploads/zz9",
    "/nope",
]
OF_ONE_ANSWER = {"date", "x-correlation-id", "location"}


@pytest.mark.nms("methods", "HEAD answers as GET does, without the body")
@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_head_answers_as_get_does_but_for_the_body(client: BoxClient, path: str, coding: str) -> None:
    url = client.text_object("text", flags={"flag": ["\\Seen", "x" * 128]})
    path = path.format(object=url, folder=client.folder("f"))
    got, head = (
        client.http.request(method, path, headers={"accept-encoding": coding}) for method in ("GET", "HEAD")
    )
    assert head.status_code == got.status_code
    assert head.content == b""
    kept = [{n: v for n, v in one.headers.items() if n not in OF_ONE_ANSWER} for one in (got, head)]
    if (path, coding) == ("/changes", "gzip"):  # the token holds the time, which is not always as short
        assert all(int(one.pop("content-length")) > 0 for one in kept)
    assert kept[0] == kept[1]
    assert ("location" in head.headers) == ("location" in got.headers)


@pytest.mark.parametrize("path", ["/objects", "/folders", "/objects/operations/bulkUpdate"])
def test_head_is_not_allowed_where_get_is_not(client: BoxClient, path: str) -> None:
    answer = client.http.head(path)
    assert (answer.status_code, answer.content) == (405, b"")
    assert answer.headers["allow"] == "POST"


def test_head_needs_the_scope_of_get(stack: LocalStack) -> None:
    with BoxClient(stack, scope="oma_rest_nms.create") as client:
        assert client.http.head("/changes").status_code == 403


def asked(client: BoxClient, body: bytes, kind: str, **headers: str) -> httpx.Response:
    return client.http.post("/folders", content=body, headers={"content-type": kind, **headers})


FOLDER = json.dumps({"folder": {"parentFolderPath": STORE, "name": "日本"}}, ensure_ascii=False)


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;Charset="UTF-8"',
        "application/json; charset=UTF8; x=y",
        "application/json; charset=",
        "text/plain",
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
def test_json_is_read_in_utf_8_with_or_without_a_byte_order_mark(
    client: BoxClient, kind: str, mark: bytes
) -> None:
    assert asked(client, mark + FOLDER.encode(), kind).status_code == 201
    assert client.folder_at(f"{STORE}/日本")


def test_root_fields_are_read_with_a_byte_order_mark(client: BoxClient) -> None:
    fields = b'\xef\xbb\xbf{"object":{}}'
    assert send(client, multipart(root(fields), attachment(b""))).status_code == 201


def test_a_charset_that_is_not_read_is_refused(client: BoxClient) -> None:
    token = now(client)
    for charset in ("utf-16", "iso-8859-1", "nonsense", "utf-8x"):
        answer = asked(client, FOLDER.encode(), f"application/json; charset={charset}")
        assert fault(answer) == (415, "SVC0002")
    form = multipart(root({}, kind="application/json; charset=utf-16"), attachment(b""))
    assert fault(send(client, form)) == (415, "SVC0002")
    assert since(client, token) == []


def test_a_compressed_body_is_refused_and_an_identical_one_is_read(client: BoxClient) -> None:
    token, kind = now(client), "application/json"
    for coding in ("gzip", "GZIP", "br", "identity, gzip", "nonsense"):
        for body in (gzip.compress(FOLDER.encode()), FOLDER.encode()):
            assert fault(asked(client, body, kind, **{"content-encoding": coding})) == (415, "SVC0002")
    form = multipart(root({}), attachment(b""))
    headers = {"content-type": "multipart/form-data; boundary=BB", "content-encoding": "gzip"}
    assert fault(client.http.post("/objects", content=form, headers=headers)) == (415, "SVC0002")
    assert since(client, token) == []
    assert asked(client, FOLDER.encode(), kind, **{"content-encoding": "Identity"}).status_code == 201


@pytest.mark.nms(
    "URL variables", "A box id may be percent-encoded in any way; a resourceURL holds it encoded"
)
@pytest.mark.parametrize("safe", ["", ":", "+", ":+"])
def test_a_box_is_the_same_however_its_name_is_encoded(client: BoxClient, safe: str) -> None:
    url = client.plain_object()
    name = quote(client.box, safe="")
    other = url.replace(name, quote(client.box, safe=safe))
    assert client.get(other).json()["object"]["resourceURL"] == url
    assert client.get(other.replace("%3A", "%3a").replace("%2B", "%2b")).status_code == 200
    assert fault(client.get(url.replace(name, quote(name, safe="")))) == (403, "POL0001")


@pytest.mark.nms("acr:auth", "Every resourceURL in a request may say acr:auth")
@pytest.mark.parametrize("own", ["acr:auth", "acr%3Aauth", "acr%3aauth"])
def test_every_reference_may_name_ones_own_box_acr_auth(client: BoxClient, own: str) -> None:
    def by_own(url: str) -> str:
        return url.replace(quote(client.box, safe=""), own)

    folder, target = client.folder("folder"), client.folder("target")
    url = client.plain_object(parent=by_own(folder))
    assert client.get(by_own(url)).json()["object"]["parentFolder"] == folder
    [copied] = client.copy(by_own(target), objects=[by_own(url)])
    [moved] = client.move(by_own(target), folders=[by_own(folder)])
    assert moved["success"]["resourceURL"] == folder
    assert copied["success"]["resourceURL"].startswith(f"{client.base}/objects/")
    objects = {"objectReference": [{"resourceURL": by_own(url)}]}
    for body in ({"objects": objects}, {"bulkDelete": {"objects": objects}}):
        operation = "payloads" if "objects" in body else "bulkDelete"
        [item] = client.post(f"/objects/operations/{operation}", body).json()["bulkResponseList"]["response"]
        assert item["success"]["resourceURL"] == url


@pytest.mark.nms("URL variables", "URL variables are decoded once")
def test_a_flag_in_a_path_is_decoded_once(client: BoxClient) -> None:
    flags = f"{client.plain_object()}/flags"
    assert client.put(f"{flags}/%5CSeen").status_code == 201
    assert client.get(f"{flags}/%5cSEEN").status_code == 204
    assert client.put(f"{flags}/%255CSeen").status_code in (400, 404)
    assert client.get(flags).json()["flagList"]["flag"] == ["\\Seen"]


STRANGE: Json = {"unknown": {"deep": [1.5, None, True, {"x": "y"}]}, "size": 1e30}


def test_members_that_nms_does_not_know_are_ignored(client: BoxClient) -> None:
    given = {"parentFolderPath": STORE, "name": "f", **STRANGE}
    assert client.post("/folders", {"folder": given, **STRANGE}).status_code == 201
    url = client.plain_object(**STRANGE, flags={"flag": ["a"], **STRANGE})
    objects = {"objectReference": [{"resourceURL": url, **STRANGE}], **STRANGE}
    update = {"objects": objects, "operation": "AddFlag", "flags": {"flag": ["b"], **STRANGE}, **STRANGE}
    done = client.post("/objects/operations/bulkUpdate", {"bulkUpdate": update, **STRANGE})
    assert codes(done.json()["bulkResponseList"]["response"]) == [200]
    assert client.get(f"{url}/flags").json()["flagList"]["flag"] == ["a", "b"]


@pytest.mark.parametrize(("number", "status"), [("1", 200), ("7" * 9, 200), ("7" * 99, 200), ("1e3", 400)])
def test_any_number_of_entries_may_be_asked_for(client: BoxClient, number: str, status: int) -> None:
    assert client.get("/changes", params={"maxEntries": number}).status_code == status


NUMBERS: dict[str, Any] = {
    "too large for a float": "1e400",
    "too small for a float": "-1e400",
    "of many digits": "9" * 5000,
    "many digits as a text": f'"{"9" * 5000}"',
    "beyond what a duration may be": "9" * 300,
    "a fraction": "1.5",
    "a truth": "true",
    "no number": '"one"',
}


@pytest.mark.nms("numbers", "What is no number in the range of its field is refused")
@pytest.mark.parametrize("what", NUMBERS)
def test_a_number_that_is_none_is_refused(client: BoxClient, what: str) -> None:
    subscription = {"callbackReference": {"notifyURL": "https://example.com/"}, "duration": "NUMBER"}
    body = json.dumps({"nmsSubscription": subscription}).replace('"NUMBER"', NUMBERS[what])
    answer = client.http.post("/subscriptions", content=body, headers={"content-type": "application/json"})
    assert fault(answer) == (400, "SVC0002")


@pytest.mark.nms("numbers")
@pytest.mark.parametrize("number", ["1000", '"1000"', "1000.0", "1E3"])
def test_a_number_may_be_written_as_a_text(client: BoxClient, number: str) -> None:
    criterion = {"type": "Attribute", "name": "Root", "value": "Yes"}
    criteria = {"maxEntries": "NUMBER", "searchCriteria": {"criterion": [criterion]}}
    body = json.dumps({"selectionCriteria": criteria}).replace('"NUMBER"', number)
    assert client.http.post("/folders/operations/search", content=body).status_code == 200


def test_a_thousand_long_paths_fit_a_list(client: BoxClient) -> None:
    path = STORE + f"/{'x' * 250}" * 14
    found = client.post("/folders/operations/pathToId", {"pathList": {"path": [path] * 1000}})
    assert codes(found.json()["bulkResponseList"]["response"]) == [(404, "SVC2008")] * 1000
    too_long = client.post("/folders/operations/pathToId", {"pathList": {"path": [path] * 1200}})
    assert fault(too_long) == (413, "POL0001")
