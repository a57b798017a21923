"""Content over HTTP: presigned URLs lead straight to S3, which takes only what was agreed (NMS)."""

import json
import random
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest

from infra.local.stack import LocalStack
from onecopy.domain.content import file_name
from tests.clients.box_client import STORE, BoxClient, codes, fault
from tests.clients.following import listing, now, since, told
from tests.clients.forms import attachment, multipart, root, send
from tests.clients.uploading import DATA, FIELDS, announced, appeared, begin, object_url, put


def _uploaded(client: BoxClient, upload: dict[str, Any]) -> str:
    assert put(upload["part"][0]) == 200
    appeared(client, url := object_url(client, upload))
    return url


def stored(client: BoxClient, kind: str, name: str | None = None) -> httpx.Response:
    """What S3 answers for content with this type and file name."""
    disposition = f"\r\nContent-Disposition: {name}" if name else ""
    part = (f"Content-Type: {kind}{disposition}".encode(), b"content")
    inner = attachment(multipart(part, boundary="MM"), "multipart/mixed; boundary=MM")
    url = send(client, multipart(root(FIELDS), inner)).headers["location"]
    return httpx.get(client.get(f"{url}/payload").headers["location"])


@pytest.mark.nms(
    "GET /objects/{objectId}/payload", "The content comes by a redirect to S3, or its address as JSON"
)
@pytest.mark.whole
def test_a_head_of_a_body_leads_to_its_type_and_size(client: BoxClient) -> None:
    url = client.text_object("hello")
    redirect = client.http.head(f"{url}/payload")
    assert redirect.status_code == 307
    head = httpx.head(redirect.headers["location"])
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "5", b"")
    assert head.headers["content-type"].startswith("text/plain")


@pytest.mark.whole
def test_a_body_is_a_redirect_or_for_whom_prefers_it_json(client: BoxClient) -> None:
    url = client.text_object("hello")
    redirect = client.get(f"{url}/payload")
    assert (redirect.status_code, redirect.headers["cache-control"]) == (307, "no-store")
    asked = client.get(f"{url}/payloadParts/1", headers={"accept": "application/json, */*"})
    assert (asked.status_code, asked.headers["cache-control"]) == (200, "no-store")
    (part,) = client.get(url).json()["object"]["payloadPart"]
    given = asked.json()
    assert given.keys() == {"href", "expires", "contentType", "size", "checksum"}
    assert {k: given[k] for k in ("contentType", "size", "checksum")} == {
        k: part[k] for k in ("contentType", "size", "checksum")
    }
    assert httpx.get(given["href"]).text == httpx.get(redirect.headers["location"]).text == "hello"


@pytest.mark.whole
def test_a_presigned_address_is_signed_with_sigv4_and_changed_it_is_worth_nothing(client: BoxClient) -> None:
    href = client.get(f"{client.text_object()}/payload").headers["location"]
    assert parse_qs(urlsplit(href).query)["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert httpx.get(href.replace("X-Amz-Expires=", "X-Amz-Expires=9")).status_code == 403
    assert httpx.get(href.split("?")[0]).status_code == 403
    assert httpx.put(href, content=b"other").status_code == 403


def test_an_address_is_good_for_minutes_and_says_until_when(client: BoxClient) -> None:
    url = client.text_object()
    given = client.get(f"{url}/payload", headers={"accept": "application/json"}).json()
    signed = {name: value for name, (value,) in parse_qs(urlsplit(given["href"]).query).items()}
    lifetime = timedelta(seconds=int(signed["X-Amz-Expires"]))
    end = datetime.strptime(signed["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z") + lifetime
    assert timedelta(minutes=1) <= lifetime <= timedelta(minutes=15)
    assert abs(datetime.fromisoformat(given["expires"]) - end) <= timedelta(seconds=2)


@pytest.mark.nms("GET /objects/{objectId}/payload", "A client may ask for a range of the content")
@pytest.mark.whole
def test_a_range_of_a_body_is_served(client: BoxClient) -> None:
    href = client.get(f"{client.text_object('0123456789')}/payload").headers["location"]
    answer = httpx.get(href, headers={"range": "bytes=2-4"})
    assert (answer.status_code, answer.text, answer.headers["content-range"]) == (206, "234", "bytes 2-4/10")


@pytest.mark.nms("GET /objects/{objectId}/payloadParts/{partId}")
@pytest.mark.parametrize("part", ["0", "2", "-1", "01", "x", "%31%20"])
def test_an_unknown_part_is_not_found(client: BoxClient, part: str) -> None:
    assert fault(client.get(f"{client.text_object()}/payloadParts/{part}")) == (404, "SVC0004")


@pytest.mark.whole
@pytest.mark.parametrize(
    ("kind", "disposition"),
    [
        ("image/png", "inline"),
        ("audio/amr", "inline"),
        ("video/mp4", "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("image/svg+xml", "attachment"),
        ("Image/SVG+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/pdf", "attachment"),
        ("application/xhtml+xml", "attachment"),
    ],
)
def test_only_what_a_browser_does_not_run_is_shown_in_place(
    client: BoxClient, kind: str, disposition: str
) -> None:
    answer = stored(client, kind)
    assert answer.headers["content-type"] == kind
    assert answer.headers.get("content-disposition", "inline") == disposition


@pytest.mark.whole
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ('attachment; filename="a b.png"', "a%20b.png"),
        ("attachment; filename*=UTF-8''%E6%97%A5.png", "%E6%97%A5.png"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="a; x=y.png"', "a%3B%20x%3Dy.png"),
    ],
)
def test_a_file_name_comes_back_encoded_and_without_folders(client: BoxClient, given: str, name: str) -> None:
    answer = stored(client, "application/pdf", given)
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"


TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Unicode's Bidi_Control characters: with them, `fdp.exe` looks as if it ended in `pdf`."""


@pytest.mark.whole
@pytest.mark.parametrize(
    "given",
    [
        f'attachment; filename="a{TURNS}b.exe"',
        f"attachment; filename*=UTF-8''a{quote(TURNS)}b.exe",
        f"attachment; filename*0*=UTF-8''a{quote(TURNS)}; filename*1=b.exe",
        f"attachment; filename*=UTF-16BE''{quote(f'a{TURNS}b.exe'.encode('utf-16-be'))}",
    ],
)
def test_a_file_name_that_is_sent_out_reads_in_the_order_of_its_letters(
    client: BoxClient, given: str
) -> None:
    url = object_url(client, upload := begin(client, announced(contentDisposition=given)))
    assert put(upload["part"][0]) == 200
    shown = [
        appeared(client, url)["payloadPart"][0]["contentDisposition"],
        told(listing(client)[0], "changedObject")[0]["payloadPart"][0]["contentDisposition"],
        httpx.get(client.get(f"{url}/payload").headers["location"]).headers["content-disposition"],
    ]
    assert {file_name(one) for one in shown} == {"ab.exe"}
    assert [one for one in shown if not set(TURNS).isdisjoint(unquote(one))] == []


@pytest.mark.nms("payloadPart", "contentDisposition is shown as it came")
@pytest.mark.whole
def test_a_disposition_is_shown_as_it_came(client: BoxClient) -> None:
    given = "attachment; filename*=UTF-8''%d9%85%d8%b1%d8%ad%d8%a8%d8%a7.txt; size=9"
    url = object_url(client, upload := begin(client, announced(contentDisposition=given)))
    assert put(upload["part"][0]) == 200
    assert appeared(client, url)["payloadPart"][0]["contentDisposition"] == given


@pytest.mark.whole
def test_an_upload_appears_as_an_object_when_all_its_parts_are_there(client: BoxClient) -> None:
    token = now(client)
    named = announced(contentDisposition='attachment; filename="p.jpg"', contentId="<1>")
    upload = begin(client, named, announced(b"x"), correlationTag="up", flags={"flag": ["\\Seen"]})
    first, second = upload["part"]
    assert put(first) == 200
    assert fault(client.get(object_url(client, upload))) == (404, "SVC0004")
    assert since(client, token) == []
    assert put(second, b"x") == 200
    found = appeared(client, object_url(client, upload))
    assert (found["correlationTag"], found["flags"]["flag"]) == ("up", ["\\Seen"])
    assert found["payloadPart"][0]["checksum"] == named["checksum"]
    assert found["payloadPart"][0]["contentId"] == "<1>"
    assert httpx.get(client.get(found["payloadPart"][0]["href"]).headers["location"]).content == DATA
    assert [list(event) for event in since(client, token)] == [["changedObject"]]


@pytest.mark.whole
def test_an_upload_takes_just_the_bytes_that_were_announced_and_once(client: BoxClient) -> None:
    (slot,) = begin(client, announced())["part"]
    assert put(slot, DATA[::-1]) >= 400
    assert put(slot, DATA[:-1], **{"content-length": str(len(DATA) - 1)}) >= 400
    assert put(slot, **{"content-type": "text/html"}) == 403
    without = {k: v for k, v in slot["headers"].items() if k != "if-none-match"}
    assert httpx.put(slot["href"], content=DATA, headers=without).status_code == 403
    assert put(slot) == 200
    assert put(slot) == 412


@pytest.mark.whole
def test_what_is_too_large_for_a_form_is_uploaded_and_comes_back_as_it_was(client: BoxClient) -> None:
    data = random.Random(1).randbytes(8_000_000)
    upload = begin(client, announced(data))
    assert put(upload["part"][0], data) == 200
    (part,) = appeared(client, object_url(client, upload))["payloadPart"]
    answer = httpx.get(client.get(part["href"]).headers["location"])
    assert (answer.headers["content-length"], answer.headers["content-type"]) == ("8000000", "image/jpeg")
    assert answer.content == data


@pytest.mark.whole
def test_what_s3_tells_twice_happens_once(stack: LocalStack, client: BoxClient) -> None:
    """Even if the object has been deleted in between: it does not come back."""
    token = now(client)
    url = _uploaded(client, slot := begin(client, announced()))
    key = urlsplit(slot["part"][0]["href"]).path.split("/", 2)[2]
    again = {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key}}}]}
    sqs, queue = stack.aws("sqs"), stack.name("ArrivalQueue")
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(again))
    client.delete(url)
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(again))
    _uploaded(client, begin(client, announced()))  # queued after those two
    kinds = [next(iter(event)) for event in since(client, token)]
    assert kinds.count("deletedObject") == 1
    assert fault(client.get(url)) == (404, "SVC0004")


@pytest.mark.whole
def test_an_upload_whose_folder_has_gone_appears_in_the_users_store(client: BoxClient) -> None:
    folder = client.folder("gone")
    upload = begin(client, announced(), parentFolderPath=f"{STORE}/gone")
    client.delete(folder)
    assert put(upload["part"][0]) == 200
    assert appeared(client, object_url(client, upload))["parentFolder"] == client.folder_at(STORE)


@pytest.mark.parametrize(
    "part",
    [
        announced(b""),
        {**announced(), "size": 5_000_000_001},
        {**announced(), "size": -1},
        {**announced(), "size": 1.5},
        {**announced(), "size": True},
        {**announced(), "size": "many"},
        {**announced(), "checksum": "sha256:x"},
        {**announced(), "checksum": "md5:1B2M2Y8AsgTpgAmY7PhCfg=="},
        {**announced(), "contentType": ""},
        {**announced(), "contentType": "a\r\nb/c"},
        {**announced(), "contentType": "a/b; "},
        {**announced(), "contentType": "a/b" + "c" * 255},
        {**announced(), "contentId": "x" * 256},
        {**announced(), "contentDisposition": "a\nb"},
        {k: v for k, v in announced().items() if k != "checksum"},
        {k: v for k, v in announced().items() if k != "size"},
        {k: v for k, v in announced().items() if k != "contentType"},
        "x",
    ],
    ids=lambda part: str(part)[-60:],
)
def test_an_upload_announced_wrongly_is_refused(client: BoxClient, part: Any) -> None:
    assert fault(client.create({**FIELDS, "payloadPart": [part]})) == (400, "SVC0002")


@pytest.mark.parametrize("parts", [[], [announced()] * 101], ids=len)
def test_an_upload_has_1_to_100_parts(client: BoxClient, parts: Any) -> None:
    assert fault(client.create({**FIELDS, "payloadPart": parts})) == (400, "SVC0002")


@pytest.mark.whole
def test_a_size_may_come_as_a_string(client: BoxClient) -> None:
    assert put(begin(client, {**announced(), "size": str(len(DATA))})["part"][0]) == 200


@pytest.mark.whole
def test_addresses_of_many_bodies_at_once(stack: LocalStack, client: BoxClient) -> None:
    text, plain, gone = client.text_object("text"), client.plain_object(), client.text_object()
    client.delete(gone)
    with BoxClient(stack) as other:
        foreign = other.text_object()
    references = [{"resourceURL": url} for url in (text, plain, gone, f"{client.base}/objects/zz9", foreign)]
    asked = {"objects": {"objectReference": references}}
    items = client.post("/objects/operations/payloads", asked).json()["bulkResponseList"]["response"]
    assert codes(items) == [200, 200, (404, "SVC0004"), (404, "SVC0004"), (400, "SVC0002")]
    assert items[0]["success"]["resourceURL"] == text
    (part,) = items[0]["success"]["part"]
    assert httpx.get(part["href"]).text == "text"
    assert items[1]["success"]["part"] == []


def test_addresses_of_as_many_bodies_as_may_be_asked_for(client: BoxClient) -> None:
    text = client.text_object("text")
    urls = [item["success"]["resourceURL"] for item in client.copy(client.folder("copies"), [text] * 100)]
    asked = {"objects": {"objectReference": [{"resourceURL": url} for url in urls]}}
    items = client.post("/objects/operations/payloads", asked).json()["bulkResponseList"]["response"]
    assert [item["success"]["resourceURL"] for item in items] == urls


@pytest.mark.parametrize("many", [0, 101])
def test_addresses_of_1_to_100_objects(client: BoxClient, many: int) -> None:
    references = [{"resourceURL": client.plain_object()}] * many
    asked = {"objects": {"objectReference": references}}
    assert fault(client.post("/objects/operations/payloads", asked)) == (400, "SVC0002")
