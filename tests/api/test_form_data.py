"""Form-data as unknown clients write it: nested parts, odd headers, names that pose as something else."""

import json

import httpx
import pytest

from tests.clients.box_client import STORE, BoxClient, Json, fault
from tests.clients.following import now, since
from tests.clients.forms import Part, attachment, multipart, root, send

FIELDS = {"parentFolderPath": STORE}
CONTENT = b"\x00\xff content"


def stored(client: BoxClient, *attachments: Part) -> list[Json]:
    """Create an object with these attachments; returns its payload parts."""
    answer = send(client, multipart(root(FIELDS), *attachments))
    assert answer.status_code == 201, answer.text
    parts: list[Json] = client.get(answer.headers["location"]).json()["object"].get("payloadPart", [])
    return parts


def fetched(client: BoxClient, part: Json) -> httpx.Response:
    return httpx.get(client.get(part["href"]).headers["location"])


def mixed(*parts: Part, kind: str = "multipart/mixed") -> Part:
    return attachment(multipart(*parts, boundary="MM"), f"{kind}; boundary=MM")


@pytest.mark.whole
def test_what_a_file_name_says_is_no_field(client: BoxClient) -> None:
    named = 'form-data; filename="a; name=root-fields; b"; name="attachments"'
    (part,) = stored(client, attachment(CONTENT, disposition=named))
    assert fetched(client, part).content == CONTENT


@pytest.mark.whole
@pytest.mark.parametrize(
    "name",
    [
        "filename*=undefined''x",
        "filename*=idna''%ff",
        "filename*=utf-7''+2AA-",
        "filename*=%00''x",
        'filename="/"',
        'filename=".."',
        "filename*=UTF-8''%0D%0A",
    ],
)
def test_a_file_name_that_is_none_is_left_out(client: BoxClient, name: str) -> None:
    part = f"Content-Type: application/pdf\r\nContent-Disposition: attachment; {name}".encode(), CONTENT
    named = attachment(CONTENT, "application/pdf", f'form-data; name="attachments"; {name}')
    for way in (named, mixed(part)):
        answer = fetched(client, stored(client, way)[0])
        assert answer.content == CONTENT
        assert answer.headers["content-disposition"] == "attachment"


@pytest.mark.whole
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("filename*=UTF-8''a%0D%0AX-Header:%20b.pdf", "aX-Header%3A%20b.pdf"),
        ('filename="日本.pdf"', "%E6%97%A5%E6%9C%AC.pdf"),
        (f'filename="{"x" * 300}.pdf"', f"{'x' * 251}.pdf"),
        ('filename="a\\"b.pdf"', "a%22b.pdf"),
    ],
)
def test_a_file_name_is_a_name_and_no_header(client: BoxClient, name: str, kept: str) -> None:
    given = attachment(CONTENT, "application/pdf", f'form-data; name="attachments"; {name}')
    answer = fetched(client, stored(client, given)[0])
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{kept}"
    assert "x-header" not in answer.headers


def test_a_part_may_have_many_headers_of_its_own(client: BoxClient) -> None:
    more = "\r\n".join(f"X-Header-{n}: value" for n in range(12))
    (part,) = stored(client, attachment(CONTENT, more=f"Content-ID: <it>\r\n{more}"))
    assert part["contentId"] == "<it>"


@pytest.mark.nms(
    "POST /objects",
    "A multipart/related is taken apart like a multipart/mixed; a multipart inside it is one part",
)
@pytest.mark.whole
def test_headers_may_be_folded_and_content_keeps_its_line_breaks(client: BoxClient) -> None:
    kind = b"Content-Type: text/plain;\r\n\tcharset=utf-8"
    folded = kind + b"\r\nContent-Disposition: attachment;\r\n  filename=a.txt"
    content = b"--MM\r\n one\r\n\r\n--MMM\r\n two:\r\n three"
    inner = attachment(
        multipart((folded, content), boundary="MM M"),
        'multipart/mixed;\r\n boundary="MM M"',
        'form-data;\r\n name="attachments"',
    )
    (part,) = stored(client, inner)
    assert part["contentType"] == "text/plain; charset=utf-8"
    assert part["contentDisposition"] == "attachment; filename=a.txt"
    assert fetched(client, part).content == content


@pytest.mark.whole
def test_a_multipart_within_is_one_part_as_it_is(client: BoxClient) -> None:
    inner = multipart((b"Content-Type: text/plain", b"deep"), boundary="DEEP")
    related = mixed((b"Content-Type: multipart/alternative; boundary=DEEP", inner), kind="multipart/related")
    (part,) = stored(client, related)
    assert part["contentType"] == "multipart/alternative; boundary=DEEP"
    assert fetched(client, part).content == inner


@pytest.mark.whole
def test_several_attachments_are_the_parts_in_order(client: BoxClient) -> None:
    parts = stored(client, attachment(b"one", "text/plain"), attachment(b"two", "image/png"))
    assert [part["contentType"] for part in parts] == ["text/plain", "image/png"]
    assert [fetched(client, part).content for part in parts] == [b"one", b"two"]


@pytest.mark.parametrize("name", ["attachments[]", "Attachments", "content"])
def test_content_under_an_unknown_name_is_refused_and_not_lost(client: BoxClient, name: str) -> None:
    token = now(client)
    root = (None, json.dumps({"object": {"parentFolderPath": "/RCSMessageStore"}}), "application/json")
    answer = client.post("/objects", files={"root-fields": root, name: ("a.txt", "hello", "text/plain")})
    assert fault(answer) == (400, "SVC0002")
    assert since(client, token) == []


@pytest.mark.whole
def test_a_part_may_be_empty(client: BoxClient) -> None:
    kind = b"Content-Type: text/plain"
    empty, other = stored(client, mixed((kind, b""), (kind, "ü".encode())))
    assert (empty["size"], other["size"]) == (0, 2)
    assert [fetched(client, part).content for part in (empty, other)] == [b"", "ü".encode()]


def test_a_part_without_headers_is_plain_text(client: BoxClient) -> None:
    body = b"--MM\r\n\r\ntext\r\n--MM--\r\n"
    (part,) = stored(client, attachment(body, "multipart/mixed; boundary=MM"))
    assert (part["contentType"], part["size"]) == ("text/plain", 4)


@pytest.mark.whole
def test_quoted_printable_comes_back_as_it_was(client: BoxClient) -> None:
    (part,) = stored(client, attachment(b"a=3Db=\r\nc", more="Content-Transfer-Encoding: Quoted-Printable"))
    assert fetched(client, part).content == b"a=bc"


@pytest.mark.parametrize(
    "headers",
    [
        f"Content-Type: text/plain; {'x' * 255}",
        "Content-Type: text",
        "Content-Type: text/plain, text/html",
        'Content-Type: image/png; name="日本"',
        f"Content-ID: {'x' * 256}",
        f"Content-Type: text/plain\r\nContent-Disposition: attachment; filename={'x' * 4000}",
        f"X-Long: {'x' * 5000}",
        "\r\n".join(f"X-Header-{n}: value" for n in range(30)),
        "X Header: value",
    ],
    ids=lambda headers: headers[:40],
)
def test_headers_that_could_not_be_given_back_are_refused(client: BoxClient, headers: str) -> None:
    token = now(client)
    form = multipart(root(FIELDS), mixed((headers.encode(), CONTENT)))
    assert fault(send(client, form)) == (400, "SVC0002")
    assert since(client, token) == []


@pytest.mark.parametrize("text", ['\\"' * 100_000, "[" * 100_000])
def test_json_without_an_end_is_refused(client: BoxClient, text: str) -> None:
    body = f'{{"object":{{"correlationId":"{text}'.encode()
    assert fault(send(client, multipart(root(body), attachment(CONTENT)))) == (400, "SVC0002")
    assert fault(send(client, body, "application/json")) == (400, "SVC0002")


def test_text_is_any_text(client: BoxClient) -> None:
    values = ["\x00", "\uffff", "\U0010ffff", "a\r\nb", "\u2028", '"<&>\\', " ", "e\u0301", "\u202e"]
    attributes = {"attribute": [{"name": f"{n} {value}", "value": [value]} for n, value in enumerate(values)]}
    body = json.dumps({"object": {**FIELDS, "attributes": attributes, "correlationId": "\x00"}}).encode()
    url = send(client, body, "application/json").headers["location"]
    found = client.get(url).json()["object"]
    assert found["attributes"] == attributes
    assert found["correlationId"] == "\x00"
