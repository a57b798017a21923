"""The local gateway behaves as an HTTP API: the event (payload 2.0), the answer, and who gets in."""

import base64
import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.local.stack import LocalStack
from tests.clients.eventually import eventually

BOX = "tel:+99911112222"


@pytest.fixture
def client(standins: LocalStack) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {standins.token(BOX)}"}
    with httpx.Client(base_url=f"{standins.url}/nms/v1/", headers=headers, timeout=30) as client:
        yield client


def event_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    event: dict[str, Any] = answer.json()["event"]
    return event


def raw_get(standins: LocalStack, target: str) -> dict[str, Any]:
    """A request whose target is sent exactly as written."""
    connection = http.client.HTTPConnection(urlsplit(standins.url).netloc)
    connection.putrequest("GET", target, skip_accept_encoding=True)
    connection.putheader("Authorization", f"Bearer {standins.token(BOX)}")
    connection.endheaders()
    event: dict[str, Any] = json.load(connection.getresponse())["event"]
    return event


# The event -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("main/tel%3A%2B999/objects", "main/tel:+999/objects"),
        ("flags/%5CSeen", "flags/\\Seen"),
        ("flags/%5c%E2%9C%93", "flags/\\✓"),
        ("flags/100%25", "flags/100%25"),
        ("flags/%2525", "flags/%2525"),
        ("a%2Fb", "a/b"),
        ("a%3Fb/c", "a"),
        ("a%23'\"", "a#'\""),
    ],
)
def test_a_path_comes_decoded_but_for_percent_and_cut_at_a_decoded_question_mark(
    standins: LocalStack, sent: str, seen: str
) -> None:
    event = raw_get(standins, f"/nms/v1/{sent}?q=1")

    assert event["rawPath"] == f"/nms/v1/{seen}"
    assert event["pathParameters"] == {"proxy": seen}
    assert event["rawQueryString"] == "q=1"


def test_the_event_is_that_of_payload_2_0(client: httpx.Client) -> None:
    event = event_of(client.get("a?x=1&x=2&y=%2B&z=", headers={"X-Own": "Some"}))

    assert event["version"] == "2.0"
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "ANY /nms/v1/{proxy+}"
    assert event["rawQueryString"] == "x=1&x=2&y=%2B&z="
    assert event["queryStringParameters"] == {"x": "1,2", "y": "+", "z": ""}
    assert event["headers"]["x-own"] == "Some"
    assert event["isBase64Encoded"] is False
    assert "body" not in event
    assert event["requestContext"]["stage"] == "$default"
    assert event["requestContext"]["http"]["method"] == "GET"
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"


def test_claims_come_as_text_and_scopes_are_null_where_the_route_demands_none(client: httpx.Client) -> None:
    authorizer = event_of(client.get("a"))["requestContext"]["authorizer"]

    assert authorizer["jwt"]["scopes"] is None
    claims = authorizer["jwt"]["claims"]
    assert claims["sub"] == BOX
    assert claims["scope"] == "oma_rest_nms.all_v1"
    assert claims["exp"].isdigit()


def test_a_claim_that_is_no_text_comes_as_text_and_a_list_in_brackets(standins: LocalStack) -> None:
    claims = {"scp": ["one", "two"], "groups": [], "phone_number_verified": True, "level": 3}
    headers = {"authorization": f"Bearer {standins.token(BOX, claims=claims)}"}

    seen = event_of(httpx.get(f"{standins.url}/nms/v1/a", headers=headers))["requestContext"]["authorizer"]

    told = {name: seen["jwt"]["claims"][name] for name in claims}
    assert told == {"scp": "[one two]", "groups": "[]", "phone_number_verified": "true", "level": "3"}


def test_repeated_headers_are_joined_and_cookies_stand_apart(client: httpx.Client) -> None:
    headers = [("X-Many", "1"), ("X-Many", "2"), ("Cookie", "a=1; b=2")]

    event = event_of(client.get("a", headers=headers))

    assert event["headers"]["x-many"] == "1,2"
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8", "application/xml"])
def test_a_body_that_is_text_comes_as_text(client: httpx.Client, kind: str) -> None:
    event = event_of(client.post("a", content='{"ä": 1}'.encode(), headers={"content-type": kind}))

    assert (event["body"], event["isBase64Encoded"]) == ('{"ä": 1}', False)


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "image/png", "application/x-www-form-urlencoded"]
)
def test_any_other_body_comes_in_base64(client: httpx.Client, kind: str) -> None:
    content = bytes(range(256))

    event = event_of(client.post("a", content=content, headers={"content-type": kind}))

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == content


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
def test_a_body_comes_with_any_method(client: httpx.Client, method: str) -> None:
    event = event_of(client.request(method, "a", json={"a": 1}))

    assert (event["requestContext"]["http"]["method"], event["body"]) == (method, '{"a":1}')


def test_a_chunked_body_comes_whole(client: httpx.Client) -> None:
    event = event_of(
        client.post("a", content=iter([b"one ", b"two"]), headers={"content-type": "text/plain"})
    )

    assert event["body"] == "one two"


# The answer ----------------------------------------------------------------------------------------------


def test_an_answer_has_its_status_headers_cookies_and_bytes(client: httpx.Client) -> None:
    answer = client.get("bytes")

    assert answer.status_code == 201
    assert answer.content == bytes(range(256))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_head_has_the_headers_without_the_body(client: httpx.Client) -> None:
    answer = client.head("bytes")

    assert (answer.status_code, answer.headers["content-length"], answer.content) == (201, "256", b"")


def test_204_has_no_body(client: httpx.Client) -> None:
    answer = client.delete("nothing")

    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("deed", ["raise", "exit", "crash", "odd", "huge"])
def test_a_handler_without_a_proper_answer_is_500_and_the_next_request_is_served(
    client: httpx.Client, deed: str
) -> None:
    answer = client.get(deed)

    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    assert client.get("a").status_code == 200


def test_a_handler_that_takes_longer_than_its_timeout_is_503(client: httpx.Client) -> None:
    answer = client.get("hang")

    assert (answer.status_code, answer.json()) == (503, {"message": "Service Unavailable"})


def test_requests_at_the_same_time_have_a_worker_each(client: httpx.Client) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: client.get("pause").json(), range(4)))

    assert len({answer["pid"] for answer in answers}) == 4


# Who gets in ---------------------------------------------------------------------------------------------


def test_outside_the_routes_it_is_404(standins: LocalStack) -> None:
    for path in ("/", "/nms/v1", "/nms/v1/", "/nms/v2/a", "/local/other"):
        answer = httpx.get(standins.url + path)
        assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"}), path


def forged(standins: LocalStack, **changes: Any) -> str:
    """A token signed by the issuer, with these claims changed; None leaves a claim out."""
    now = int(time.time())
    claims = {"iss": f"{standins.url}/local", "aud": "onecopy", "sub": BOX, "iat": now, "exp": now + 60}
    wanted = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    key = (standins.data / "keys" / "issuer.pem").read_text()
    return jwt.encode(wanted, key, algorithm="RS256")


def status_with(standins: LocalStack, authorization: str | None) -> int:
    headers = {} if authorization is None else {"authorization": authorization}
    answer = httpx.get(f"{standins.url}/nms/v1/a", headers=headers)
    if answer.status_code == 401:
        assert answer.json() == {"message": "Unauthorized"}
    return answer.status_code


@pytest.mark.parametrize(
    "changes",
    [{}, {"aud": ["another", "onecopy"]}, {"aud": None, "client_id": "onecopy"}, {"sub": None}],
)
def test_a_good_token_gets_in(standins: LocalStack, changes: dict[str, Any]) -> None:
    """Without an audience, the client id counts as one. A token without a subject is also good."""
    assert status_with(standins, f"Bearer {forged(standins, **changes)}") == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 10},
        {"exp": None},
        {"iss": "https://elsewhere.example/local"},
        {"iss": None},
        {"aud": "another"},
        {"aud": "another", "client_id": "onecopy"},
        {"aud": []},
        {"aud": None},
        {"aud": None, "client_id": "another"},
    ],
)
def test_a_token_expired_for_others_or_incomplete_is_401(
    standins: LocalStack, changes: dict[str, Any]
) -> None:
    assert status_with(standins, f"Bearer {forged(standins, **changes)}") == 401


def test_no_token_or_none_of_ours_is_401(standins: LocalStack) -> None:
    good = forged(standins)
    claims = jwt.decode(good, options={"verify_signature": False})
    strangers_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for authorization in (
        None,
        "",
        "Bearer",
        "Bearer nonsense",
        f"Basic {good}",
        f"Bearer {good[:-6]}AAAAAA",
        f"Bearer {jwt.encode(claims, strangers_key, algorithm='RS256')}",
        f"Bearer {jwt.encode(claims, 'shared' * 8, algorithm='HS256')}",
        f"Bearer {jwt.encode(claims, '', algorithm='none')}",
    ):
        assert status_with(standins, authorization) == 401, authorization


# Pages of other origins ----------------------------------------------------------------------------------


def test_without_origins_a_page_is_nothing_special(standins: LocalStack, client: httpx.Client) -> None:
    """A preflight is then just a request without a token."""
    page = {"origin": "https://app.example.com"}
    asked = {**page, "access-control-request-method": "GET"}

    preflights = [
        httpx.options(f"{standins.url}{path}", headers=asked) for path in ("/nms/v1/a", "/local/token")
    ]
    answers = [*preflights, client.get("a", headers=page)]

    assert [answer.status_code for answer in answers] == [401, 405, 200]
    assert [name for answer in answers for name in answer.headers if name.startswith("access-control-")] == []
    assert event_of(client.options("a", headers=asked))["routeKey"] == "ANY /nms/v1/{proxy+}"
    with pytest.raises(ClientError, match="NoSuchCORSConfiguration"):
        standins.aws("s3").get_bucket_cors(Bucket=standins.name("ContentBucket"))


# Tokens --------------------------------------------------------------------------------------------------


def ask_for_token(standins: LocalStack, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{standins.url}/local/token", content=content)


def test_a_token_is_verified_by_the_published_keys(standins: LocalStack) -> None:
    answer = ask_for_token(standins, {"boxId": BOX, "scope": "oma_rest_nms.read oma_rest_nms.create"}).json()

    configuration = httpx.get(f"{standins.url}/local/.well-known/openid-configuration").json()
    key = jwt.PyJWKClient(configuration["jwks_uri"]).get_signing_key_from_jwt(answer["access_token"])
    claims = jwt.decode(
        answer["access_token"], key, ["RS256"], audience="onecopy", issuer=configuration["issuer"]
    )
    assert answer["token_type"] == "Bearer"
    assert (claims["sub"], claims["scope"]) == (BOX, "oma_rest_nms.read oma_rest_nms.create")
    assert claims["exp"] - claims["iat"] == answer["expires_in"] == 3600
    assert configuration["issuer"] == f"{standins.url}/local"


def test_a_token_can_say_more_or_less_than_usual(standins: LocalStack) -> None:
    claims = {"sub": None, "aud": ["a", "b"], "phone_number": "+99911112222"}
    asked = {"boxId": BOX, "scope": "oma_rest_nms.read", "claims": claims}

    token = ask_for_token(standins, asked).json()["access_token"]

    said = jwt.decode(token, options={"verify_signature": False})
    assert said.keys() == {"iss", "aud", "scope", "iat", "exp", "phone_number"}
    assert said["aud"] == ["a", "b"]
    assert said["phone_number"] == "+99911112222"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        [],
        {"scope": "oma_rest_nms.read"},
        {"boxId": "", "scope": "oma_rest_nms.read"},
        {"boxId": 1, "scope": "oma_rest_nms.read"},
        b'{"boxId":"half a character: \\ud800","scope":"oma_rest_nms.read"}',
        {"boxId": BOX},
        {"boxId": BOX, "scope": ""},
        {"boxId": BOX, "scope": " "},
        {"boxId": BOX, "scope": "root"},
        {"boxId": BOX, "scope": "oma_rest_nms.read root"},
        {"boxId": BOX, "scope": ["oma_rest_nms.read"]},
        {"boxId": BOX, "scope": "oma_rest_nms.read", "claims": ["sub"]},
        {"boxId": BOX, "scope": "oma_rest_nms.read", "claims": {"iss": 1}},
    ],
)
def test_a_bad_request_for_a_token_is_400_with_the_reason(standins: LocalStack, body: Any) -> None:
    answer = ask_for_token(standins, body)

    assert answer.status_code == 400
    assert answer.json()["message"]


def test_tokens_are_asked_for_by_post(standins: LocalStack) -> None:
    answer = httpx.get(f"{standins.url}/local/token")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


# Too large -----------------------------------------------------------------------------------------------


def test_a_body_over_10_mb_is_413_for_a_client_that_sends_it_all(client: httpx.Client) -> None:
    answer = client.post("a", content=b"x" * 10_000_001)

    assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})


def test_a_body_over_10_mb_in_chunks_is_413(client: httpx.Client) -> None:
    answer = client.post("a", content=(b"x" * 1_000_000 for _ in range(20)))

    assert answer.status_code == 413


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(standins: LocalStack) -> None:
    connection = http.client.HTTPConnection(urlsplit(standins.url).netloc, timeout=10)
    connection.putrequest("POST", "/nms/v1/a")
    connection.putheader("Authorization", f"Bearer {standins.token(BOX)}")
    connection.putheader("Content-Length", "5000000000")
    connection.endheaders()

    assert connection.getresponse().status == 413


def test_what_is_larger_than_a_function_takes_is_413(client: httpx.Client) -> None:
    answer = client.post("a", content=b"x" * 6_000_000, headers={"content-type": "image/png"})

    assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})


def test_a_large_body_is_no_reason_to_lose_a_401(standins: LocalStack) -> None:
    assert httpx.post(f"{standins.url}/nms/v1/a", content=b"x" * 9_000_000).status_code == 401


# The log -------------------------------------------------------------------------------------------------


def test_the_log_has_a_line_for_each_request_and_nothing_that_a_user_wrote(
    standins: LocalStack, client: httpx.Client
) -> None:
    client.get("main/tel%3A%2B99955554444/objects/o-secret/flags/%5CSecret?token=secret")
    client.get("bytes")
    client.get("raise/secret")
    client.get("print")

    assert eventually(lambda: "WARNING structured words count=3" in standins.output.read_text())
    log = standins.output.read_text()
    assert "GET    /nms/v1/{}/{}/objects/{}/flags/{}  200" in log
    assert "201" in next(line for line in log.splitlines() if line.endswith("c-1"))
    assert "KeyError" in log
    assert "plain words" in log
    assert "ecret" not in log
    assert "99955554444" not in log
