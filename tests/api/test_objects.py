"""Objects over HTTP: create with form-data, one or many, read, delete (NMS)."""

import base64
import hashlib
import json
from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import STORE, BoxClient, codes, fault, id_of
from tests.clients.following import now, since
from tests.clients.forms import attachment, bulk, multipart, root, send
from tests.clients.searching import criterion, found

BYTES = bytes(range(256)) * 4
FIELDS = {"parentFolderPath": STORE}


def made(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["reference"]["resourceURL"]
    assert answer.headers["location"] == url
    return url


def object_(client: BoxClient, url: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(url).raise_for_status().json()["object"]
    return found


def content(client: BoxClient, href: str) -> httpx.Response:
    return httpx.get(client.get(href).headers["location"])


FORMS = {
    "plain": (multipart(root(FIELDS), attachment(BYTES)), "multipart/form-data; boundary=BB"),
    "the standard's own disposition": (
        multipart(
            root(FIELDS, 'multipart/form-data; name="root-fields"'),
            attachment(BYTES, disposition='multipart/form-data; name="attachments"'),
        ),
        "multipart/form-data; boundary=BB",
    ),
    "typographic quotes": (
        multipart(
            root(FIELDS, "form-data; name=“root-fields”"),
            attachment(BYTES, disposition="form-data; name=“attachments”"),
        ),
        "multipart/form-data; boundary=BB",
    ),
    "no quotes": (
        multipart(
            root(FIELDS, "form-data; name=root-fields"),
            attachment(BYTES, disposition="form-data;name=attachments"),
        ),
        "multipart/form-data; boundary=BB",
    ),
    "base64": (
        multipart(
            root(FIELDS), attachment(base64.encodebytes(BYTES), more="Content-Transfer-Encoding: base64")
        ),
        "multipart/form-data; boundary=BB",
    ),
    "a quoted boundary": (
        multipart(root(FIELDS), attachment(BYTES), boundary="a b'c"),
        'multipart/form-data; boundary="a b\'c"',
    ),
    "upper case, a charset": (
        multipart(root(FIELDS, kind="application/json; charset=utf-8"), attachment(BYTES)),
        "Multipart/Form-Data; Boundary=BB",
    ),
    "preamble and epilogue": (
        b"before\r\n" + multipart(root(FIELDS), attachment(BYTES)) + b"after",
        "multipart/form-data; boundary=BB",
    ),
}


@pytest.mark.nms(
    "POST /objects",
    "A part may say multipart/form-data for form-data, and have typographic quotes",
)
@pytest.mark.whole
@pytest.mark.parametrize("form", FORMS)
def test_content_comes_back_byte_for_byte_however_the_form_was_written(client: BoxClient, form: str) -> None:
    body, kind = FORMS[form]
    found = object_(client, made(send(client, body, kind)))
    (part,) = found["payloadPart"]
    checksum = "sha256:" + base64.b64encode(hashlib.sha256(BYTES).digest()).decode()
    assert (part["contentType"], part["size"]) == ("application/octet-stream", len(BYTES))
    assert part["checksum"] == checksum
    assert content(client, part["href"]).content == BYTES
    assert content(client, found["payloadURL"]).content == BYTES


@pytest.mark.whole
def test_content_that_looks_like_a_boundary_is_content(client: BoxClient) -> None:
    tricky = b"--B\r\n--BBx\r\n--\r\n\r\n" + BYTES + b"\r\n"
    url = made(send(client, multipart(root(FIELDS), attachment(tricky))))
    assert content(client, f"{url}/payload").content == tricky


@pytest.mark.nms(
    "POST /objects", "The first-level parts of a multipart become payload parts with their headers"
)
@pytest.mark.nms("GET /objects/{objectId}/payloadParts/{partId}", "Each part comes back byte for byte")
@pytest.mark.nms("object", "An object of several parts has no payloadURL")
@pytest.mark.nms(
    "payloadPart", "href, contentType, size, contentId and contentDisposition of each first-level part"
)
@pytest.mark.whole
def test_the_parts_of_a_multipart_keep_their_order_type_name_and_id(client: BoxClient) -> None:
    picture = (
        b'Content-Type: image/png\r\nContent-Disposition: attachment; filename="p.png"\r\nContent-ID: <1>'
    )
    inner = multipart((b"Content-Type: text/plain", b"one"), (picture, BYTES), boundary="MM")
    url = made(send(client, multipart(root(FIELDS), attachment(inner, "multipart/mixed; boundary=MM"))))
    found = object_(client, url)
    first, second = found["payloadPart"]
    assert "payloadURL" not in found
    assert fault(client.get(f"{url}/payload")) == (404, "SVC0004")
    assert (first["contentType"], first["size"]) == ("text/plain", 3)
    assert "contentId" not in first
    assert (second["contentType"], second["contentId"]) == ("image/png", "<1>")
    assert second["contentDisposition"] == 'attachment; filename="p.png"'
    assert [content(client, part["href"]).content for part in (first, second)] == [b"one", BYTES]


@pytest.mark.nms("POST /objects")
def test_an_object_needs_no_content(client: BoxClient) -> None:
    for url in (client.plain_object(), made(send(client, multipart(root(FIELDS), attachment(b""))))):
        found = object_(client, url)
        assert not {"contentId", "payloadPart", "payloadURL"} & found.keys()
        assert fault(client.get(f"{url}/payload")) == (404, "SVC0004")
        assert fault(client.get(f"{url}/payloadParts/1")) == (404, "SVC0004")


@pytest.mark.nms("GET /objects/{objectId}")
@pytest.mark.nms(
    "object",
    "What was given is kept; parentFolder, resourceURL and lastModSeq are there",
)
def test_an_object_shows_what_it_was_given(client: BoxClient) -> None:
    given = {
        "attributes": {
            "attribute": [{"name": "Subject", "value": ["Ünï 🎂", ""]}, {"name": "To", "value": ["a", "b"]}]
        },
        "flags": {"flag": ["\\Seen", "mine"]},
        "correlationId": "an id",
        "correlationTag": "a tag",
    }
    url = client.text_object("x", **given)
    found = object_(client, url)
    assert found["attributes"] == given["attributes"]
    assert sorted(found["flags"]["flag"]) == ["\\Seen", "mine"]
    assert (found["correlationId"], found["correlationTag"]) == ("an id", "a tag")
    assert found["parentFolder"] == client.folder_at(STORE)
    assert found["lastModSeq"] > 0
    assert client.get(url).headers["etag"] == f'"{found["lastModSeq"]}"'


OF_NMS = """Date Message-Context Direction From To Cc Bcc Subject TextContent Content-Type Message-ID
    Conversation-ID Contribution-ID InReplyTo-Contribution-ID Is-CPM-Group DispositionStatus""".split()


@pytest.mark.nms("attributes of objects", "Every attribute that NMS names is kept and can be searched by")
def test_every_attribute_that_nms_names_is_kept_and_found(client: BoxClient) -> None:
    values = {name: f"{name} of it" for name in OF_NMS} | {"Date": "2020-01-01T00:00:00Z"}
    given = {"attribute": [{"name": name, "value": [value]} for name, value in values.items()]}
    url = client.plain_object(attributes=given)
    client.plain_object()
    assert object_(client, url)["attributes"] == given
    for name, value in values.items():
        assert found(client, criterion("Attribute", value, name.lower())) == [url], name


@pytest.mark.nms("POST /objects", "An object without a parent is stored in /RCSMessageStore")
@pytest.mark.nms("/RCSMessageStore", "It holds the user's own folders and objects")
def test_an_object_without_a_parent_is_stored_in_the_users_store(client: BoxClient) -> None:
    for text in (None, "with content"):
        url = made(client.create({}, text))
        assert object_(client, url)["parentFolder"] == client.folder_at(STORE)


@pytest.mark.nms("POST /objects", "201 with Location and a reference that has the path")
@pytest.mark.nms("object", "An object shows its path")
def test_the_answer_to_a_creation_is_a_reference_with_the_path(client: BoxClient) -> None:
    client.folder("folder")
    answer = client.create({"parentFolderPath": f"{STORE}/folder"}, "text")
    url = made(answer)
    path = f"{STORE}/folder/{id_of(url)}"
    assert answer.json() == {"reference": {"resourceURL": url, "path": path}}
    assert object_(client, url)["path"] == path


@pytest.mark.nms("objectId, folderId", "The id of a deleted object or folder is never given out again")
def test_an_id_is_never_given_out_again(client: BoxClient) -> None:
    """Ids count up, so each is above all that went before it, whether these are still there or not."""
    given: list[str] = []
    for kind in ("object", "folder") * 3:
        url = client.plain_object() if kind == "object" else client.folder()
        client.delete(url)
        given.append(id_of(url))
    assert given == sorted(set(given))


@pytest.mark.nms("numbers", "lastModSeq may come as a string")
def test_numbers_may_come_as_strings(client: BoxClient) -> None:
    assert client.create({"lastModSeq": "7"}).status_code == 201


@pytest.mark.nms("POST /objects", "A parentFolderPath that does not exist is created on the way")
def test_folders_on_the_way_are_made(client: BoxClient) -> None:
    url = client.plain_object(f"{STORE}/new/newer")
    assert object_(client, url)["parentFolder"] == client.folder_at(f"{STORE}/new/newer")


def test_the_same_bytes_twice_are_two_contents(client: BoxClient) -> None:
    first, second = (object_(client, client.text_object("same"))["contentId"] for _ in range(2))
    assert first != second


@pytest.mark.nms("POST /objects", "A client can store only below /RCSMessageStore")
@pytest.mark.parametrize("parent", ["/Default", "/Default/new", "/", "/Elsewhere"])
def test_only_the_network_stores_beside_the_users_own(client: BoxClient, parent: str) -> None:
    token = now(client)
    assert fault(client.create({"parentFolderPath": parent}, "x")) == (403, "POL1031")
    assert since(client, token) == []


WRONG_FORMS = {
    "no form at all": b"x",
    "nothing": b"",
    "not closed": multipart(root(FIELDS), attachment(BYTES), closed=False),
    "cut in the boundary": multipart(root(FIELDS), attachment(BYTES))[:-4],
    "cut in the content": multipart(root(FIELDS), attachment(BYTES))[:-100],
    "no root-fields": multipart(attachment(BYTES)),
    "root-fields twice": multipart(root(FIELDS), root(FIELDS), attachment(b"")),
    "no JSON": multipart(root(b"{"), attachment(b"")),
    "JSON in UTF-16": multipart(root('{"object":{}}'.encode("utf-16")), attachment(b"")),
    "a list": multipart(root(b"[]"), attachment(b"")),
    "no object": multipart(root(b"{}"), attachment(b"")),
    "no number": multipart(root(b'{"object":{"lastModSeq":NaN}}'), attachment(b"")),
    "half a character": multipart(root(b'{"object":{"correlationId":"\\ud800"}}'), attachment(b"")),
    "no base64": multipart(root(FIELDS), attachment(b"!", more="Content-Transfer-Encoding: base64")),
    "an unknown encoding": multipart(root(FIELDS), attachment(b"x", more="Content-Transfer-Encoding: zip")),
    "a control character in a header": multipart(root(FIELDS), attachment(b"x", "text/\x00plain")),
    "the inner multipart not closed": multipart(
        root(FIELDS),
        attachment(multipart((b"", b"x"), boundary="MM", closed=False), "multipart/mixed; boundary=MM"),
    ),
    "101 parts": multipart(
        root(FIELDS),
        attachment(multipart(*[(b"", b"x")] * 101, boundary="MM"), "multipart/mixed; boundary=MM"),
    ),
}


@pytest.mark.nms("POST /objects")
@pytest.mark.parametrize("form", WRONG_FORMS)
def test_a_wrong_form_is_refused_and_nothing_is_stored(
    stack: LocalStack, client: BoxClient, form: str
) -> None:
    token = now(client)
    assert fault(send(client, WRONG_FORMS[form])) == (400, "SVC0002")
    assert since(client, token) == []


def test_a_form_needs_a_boundary(client: BoxClient) -> None:
    assert fault(send(client, FORMS["plain"][0], "multipart/form-data")) == (400, "SVC0002")


@pytest.mark.nms("object")
@pytest.mark.parametrize(
    "given",
    [
        {"attributes": 5},
        {"attributes": {"attribute": [{"name": "a", "value": "x"}]}},
        {"attributes": {"attribute": [{"name": "", "value": ["x"]}]}},
        {"attributes": {"attribute": [{"name": "a" * 256, "value": ["x"]}]}},
        {"attributes": {"attribute": [{"name": "a", "value": ["x" * 32_001]}]}},
        {"attributes": {"attribute": [{"name": f"a{n}", "value": ["x"]} for n in range(201)]}},
        {"attributes": {"attribute": [{"name": f"a{n}", "value": ["x" * 31_000]} for n in range(10)]}},
        {"flags": {"flag": ["a\x00"]}},
        {"flags": {"flag": [str(n) for n in range(101)]}},
        {"correlationTag": "x" * 256},
        {"correlationId": "x" * 256},
        {"parentFolder": 5},
        {"parentFolder": "http://x/folders/a3"},
        {"parentFolderPath": "/RCSMessageStore/a\x07"},
        {"parentFolderPath": "RCSMessageStore"},
    ],
    ids=lambda given: str(given)[:60],
)
def test_a_wrong_object_is_refused_and_nothing_changes(client: BoxClient, given: Any) -> None:
    token = now(client)
    assert fault(client.create(given)) == (400, "SVC0002")
    assert fault(client.create(given, "text")) == (400, "SVC0002")
    assert since(client, token) == []


@pytest.mark.nms("attributes", "Values are Unicode, of any script")
def test_attributes_take_their_full_size_in_any_script(client: BoxClient) -> None:
    given = {"attribute": [{"name": f"a{n}", "value": ["語" * 9_900]} for n in range(10)]}
    assert object_(client, client.plain_object(attributes=given))["attributes"] == given


@pytest.mark.nms("413", "A form above the limit is refused with POL0001")
def test_a_form_of_up_to_four_megabytes_is_taken_and_no_larger(client: BoxClient) -> None:
    assert send(client, multipart(root(FIELDS), attachment(b"x" * 3_990_000))).status_code == 201
    token = now(client)
    larger = send(client, multipart(root(FIELDS), attachment(b"x" * 4_000_000)))
    assert fault(larger) == (413, "POL0001")
    assert since(client, token) == []


@pytest.mark.nms("DELETE /objects/{objectId}", "204, and the object is unknown from then on")
def test_a_deleted_object_is_gone(client: BoxClient) -> None:
    url = client.text_object()
    assert client.delete(url).status_code == 204
    for answer in (client.get(url), client.get(f"{url}/payload"), client.delete(url)):
        assert fault(answer) == (404, "SVC0004")


@pytest.mark.nms(
    "POST /objects/operations/bulkCreation",
    "200 with a code for each object; missing parent folders are made",
)
@pytest.mark.whole
def test_many_objects_in_one_request_each_with_its_code(client: BoxClient) -> None:
    objects = [
        FIELDS,
        {"parentFolderPath": "/Default/x"},
        {"parentFolderPath": f"{STORE}/new"},
        {"parentFolder": "x"},
    ]
    contents = [attachment(text) for text in (b"first", b"second", b"", b"fourth")]
    answer = bulk(client, objects, contents)
    assert answer.status_code == 200
    items = answer.json()["bulkResponseList"]["response"]
    assert codes(items) == [201, (403, "POL1031"), 201, (400, "SVC0002")]
    first, third = (items[n]["success"]["resourceURL"] for n in (0, 2))
    assert content(client, f"{first}/payload").content == b"first"
    assert "payloadPart" not in object_(client, third)


@pytest.mark.whole
def test_a_thousand_objects_in_one_request(client: BoxClient) -> None:
    answer = bulk(
        client, [{**FIELDS, "correlationTag": str(n)} for n in range(1000)], [attachment(b"")] * 1000
    )
    items = answer.json()["bulkResponseList"]["response"]
    assert codes(items) == [201] * 1000
    last = object_(client, items[-1]["success"]["resourceURL"])
    assert last["correlationTag"] == "999"


@pytest.mark.nms("POST /objects/operations/bulkCreation", "Each object has one attachments part, in order")
@pytest.mark.parametrize(
    ("objects", "contents"), [([], 0), ([FIELDS], 0), ([FIELDS, FIELDS], 1), ([FIELDS] * 1001, 1001)]
)
def test_each_object_has_one_attachment_and_there_are_1_to_1000(
    client: BoxClient, objects: list[Any], contents: int
) -> None:
    token = now(client)
    assert fault(bulk(client, objects, [attachment(b"")] * contents)) == (400, "SVC0002")
    assert since(client, token) == []


@pytest.mark.nms(
    "POST /objects/operations/bulkCreation", "If no object could be created, the request fails as a whole"
)
def test_a_bulk_creation_that_makes_nothing_fails_as_a_whole(client: BoxClient) -> None:
    assert fault(bulk(client, [{"parentFolder": "x"}], [attachment(b"x")])) == (400, "SVC0002")


@pytest.mark.nms("object")
def test_unknown_fields_are_passed_over(client: BoxClient) -> None:
    body = json.dumps({"object": {"later": {"and": "more"}}, "x": 1}).encode()
    assert send(client, body, "application/json").status_code == 201
