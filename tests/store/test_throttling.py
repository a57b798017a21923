"""When AWS throttles a call of any kind, the client is told to try again, and nothing is changed."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from infra.bench.in_process import Api
from infra.local.stack import LocalStack
from onecopy.store.commit.throttling import is_throttled
from tests.stack.at_table import Call, Instead, answering, handlers_on, refusal

pytestmark = pytest.mark.whole

TEXT = b'--parts\r\nContent-Disposition: form-data; name="%s"\r\nContent-Type: %s\r\n\r\n%s\r\n'
OBJECT = (
    TEXT % (b"root-fields", b"application/json", b'{"object": {"parentFolderPath": "/RCSMessageStore"}}')
    + TEXT % (b"attachments", b"text/plain", b"hello")
    + b"--parts--\r\n"
)
STEPS = {
    "the box row that says what is new": ("GET", "/changes", None, "GetItem"),
    "a listing": ("GET", "/changes", None, "Query"),
    "the note of bytes that come in": ("POST", "/objects", OBJECT, "PutItem"),
    "the bytes themselves": ("POST", "/objects", OBJECT, ""),
    "where a path leads": (
        "POST",
        "/folders/operations/pathToId",
        {"pathList": {"path": ["/RCSMessageStore/a"]}},
        "BatchGetItem",
    ),
}


@pytest.fixture
def api(stack: LocalStack) -> Iterator[Api]:
    with handlers_on(stack) as running:
        yield running


def throttled(operation: str) -> Instead:
    slow = AWSResponse("", 503, {}, _Xml(b"<Error><Code>SlowDown</Code></Error>"))
    said = refusal("ThrottlingException") if operation else slow

    def instead(asked: str, call: Call) -> AWSResponse:
        return said if asked == operation else call()

    return instead


class _Xml:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._body


@pytest.mark.nms("SVC0001", "A store that is throttled answers 503 with Retry-After")
@pytest.mark.parametrize("step", STEPS)
def test_what_is_throttled_is_asked_for_again_later(api: Api, step: str) -> None:
    method, path, body, operation = STEPS[step]
    box = f"tel:+999{uuid.uuid4().int % 10**10:010}"
    api.ask("GET", box, "/changes")
    api.store(box, "before", "kept")
    with answering(throttled(operation)):
        answer = api.respond(method, box, path, body)
    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"] == "1"
    assert json.loads(answer["body"])["requestError"]["serviceException"]["messageId"] == "SVC0001"
    assert len(api.ask("GET", box, "/changes").json["nmsEventList"]["nmsEvent"]) > 0


@pytest.mark.parametrize("error", [ValueError("ThrottlingException"), KeyError("SlowDown")])
def test_no_other_error_passes_for_it(error: Exception) -> None:
    assert not is_throttled(error)
