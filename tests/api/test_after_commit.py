"""A request that has committed answers 201, even if every read after the commit fails."""

import gc
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.awsrequest import AWSResponse

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.ids import RCS_MESSAGE_STORE
from onecopy.handlers.edge.request import Answer, Caller, Request
from onecopy.handlers.routes.folders import create_folder
from onecopy.handlers.routes.objects import create_object
from onecopy.settings import read
from onecopy.store.box import folders
from onecopy.wire.urls import Urls
from tests.clients.box_client import BoxClient
from tests.stack.at_table import Call, answering, refusal, store_of

gc.enable()  # importing the handlers' package turned it off

CREATORS = {"folder": create_folder, "object": create_object}


@pytest.mark.whole
@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError", "AccessDeniedException"])
@pytest.mark.parametrize("kind", CREATORS)
def test_what_is_made_deep_down_is_answered_though_its_path_cannot_be_read(
    stack: LocalStack, box: BoxClient, kind: str, code: str
) -> None:
    """The request runs out of time while it retries the read."""
    store, key = store_of(stack), BoxKey("main", box.box)
    above = folders.create(store, key, RCS_MESSAGE_STORE, "a", (), False)
    parent = folders.create(store, key, above.folder_id, "b", (), False).folder_id
    urls = Urls(stack.url, "main", box.box, box.box)
    request = Request(
        settings=read(environ={"TABLE_NAME": "given"}),
        store=replace(store, deadline=store.now() + timedelta(seconds=3)),
        key=key,
        caller=Caller(box.box, frozenset()),
        urls=urls,
        query={},
        headers={},
        _event={"body": json.dumps({kind: {"parentFolder": urls.folder(parent)}})},
    )
    with answering(nothing_read_after_a_write(code)):
        answer: Answer = CREATORS[kind](request)
    assert answer.status == 201
    made = answer.body["reference"]
    assert made.keys() == {"resourceURL"}
    assert box.get(made["resourceURL"]).status_code == 200


def nothing_read_after_a_write(code: str) -> Callable[[str, Call], AWSResponse]:
    written = False

    def instead(operation: str, call: Call) -> AWSResponse:
        nonlocal written
        if written:
            return refusal(code)
        written = operation == "TransactWriteItems"
        return call()

    return instead
