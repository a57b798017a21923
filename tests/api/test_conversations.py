"""Conversations and session histories (NMS, layout): what the network records below /Default.

A conversation's folder is named by its Conversation-ID. It holds messages, and a folder for each session.
That one is named by its Contribution-ID. It holds a session-info object, messages and group states.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import NETWORK, STORE, BoxClient, codes, fault, transfer
from tests.clients.eventually import eventually
from tests.clients.following import listing, told
from tests.clients.searching import attributes, criterion, found

CONVERSATION, CONTRIBUTION = "5c1f4a@conversation", "77ab0e@contribution"
KINDS = {
    "application/X-CPM-Session": "session",
    "text/plain": "message",
    "application/group-state-object+xml": "group state",
}


class Recorded(NamedTuple):
    conversation: str
    session: str
    message: str
    in_session: dict[str, str]


@pytest.fixture
def recorded(stack: LocalStack, client: BoxClient) -> Iterator[Recorded]:
    with BoxClient(stack, client.box, NETWORK) as network:
        ids = attributes(Conversation_ID=CONVERSATION)
        conversation = network.folder(CONVERSATION, "/Default", attributes=ids)
        both = attributes(Conversation_ID=CONVERSATION, Contribution_ID=CONTRIBUTION)
        session = network.folder(CONTRIBUTION, conversation, attributes=both)
        message = network.text_object(parent=conversation, attributes=ids)
        objects = {}
        for kind, tag in KINDS.items():
            root = {
                "parentFolder": session,
                "correlationTag": tag,
                "attributes": attributes(Content_Type=kind),
            }
            form = {
                "root-fields": (None, json.dumps({"object": root}), "application/json"),
                "attachments": (None, "<x/>", kind),
            }
            objects[tag] = network.post("/objects", files=form).json()["reference"]["resourceURL"]
        yield Recorded(conversation, session, message, objects)


@pytest.mark.nms("/Default", "A conversation's folder has its Conversation-ID as its name")
def test_what_the_network_says_of_a_conversation_is_kept_and_shown(
    client: BoxClient, recorded: Recorded
) -> None:
    expected = attributes(Conversation_ID=CONVERSATION, Contribution_ID=CONTRIBUTION)
    assert client.get(recorded.session).json()["folder"]["attributes"] == expected
    events = {one["resourceURL"]: one for one in told(listing(client)[0], "changedFolder")}
    assert events[recorded.session]["attributes"] == expected
    assert client.folder_at(f"/Default/{CONVERSATION}/{CONTRIBUTION}") == recorded.session


@pytest.mark.nms("session history")
def test_conversations_and_sessions_are_found_by_their_ids(client: BoxClient, recorded: Recorded) -> None:
    by_conversation = criterion("Attribute", CONVERSATION, "Conversation-ID")
    by_contribution = criterion("Attribute", CONTRIBUTION, "contribution-id")
    assert set(found(client, by_conversation, what="folders")) == {recorded.conversation, recorded.session}
    assert found(client, by_contribution, what="folders") == [recorded.session]
    assert found(client, by_conversation) == [recorded.message]


@pytest.mark.nms("/Default")
def test_a_conversation_is_searched_with_its_sessions(client: BoxClient, recorded: Recorded) -> None:
    scope = {"resourceURL": recorded.conversation}
    assert set(found(client, searchScope=scope)) == {recorded.message, *recorded.in_session.values()}
    assert found(client, searchScope=scope, nonRecursiveScope=True) == [recorded.message]
    info = criterion("Attribute", "application/x-cpm-session", "Content-Type")
    assert found(client, info, searchScope=scope) == [recorded.in_session["session"]]


@pytest.mark.nms("session history")
def test_a_session_history_is_copied_out_by_copying_its_folder(client: BoxClient, recorded: Recorded) -> None:
    (item,) = client.copy(client.folder_at(STORE), folders=[recorded.session])
    assert item["code"] == 200
    copy = item["success"]["resourceURL"]
    scope = {"resourceURL": copy}
    assert eventually(lambda: len(found(client, searchScope=scope)) == len(KINDS))
    objects = [client.get(url).json()["object"] for url in found(client, searchScope=scope)]
    assert {one["payloadPart"][0]["contentType"]: one["correlationTag"] for one in objects} == KINDS
    originals = [client.get(url).json()["object"] for url in recorded.in_session.values()]
    assert {one["contentId"] for one in objects} == {one["contentId"] for one in originals}
    shown = client.get(copy).json()["folder"]
    assert (shown["name"], shown["parentFolder"]) == (CONTRIBUTION, client.folder_at(STORE))
    assert shown["attributes"] == client.get(recorded.session).json()["folder"]["attributes"]


@pytest.mark.nms("session history")
def test_a_session_history_is_moved_out_by_moving_its_folder(client: BoxClient, recorded: Recorded) -> None:
    assert codes(client.move(client.folder_at(STORE), folders=[recorded.session])) == [200]
    assert client.folder_at(f"{STORE}/{CONTRIBUTION}") == recorded.session
    scope = {"resourceURL": client.folder_at("/Default")}
    assert found(client, searchScope=scope) == [recorded.message]


def test_objects_of_conversations_are_never_moved_singly_at_any_depth(
    stack: LocalStack, client: BoxClient, recorded: Recorded
) -> None:
    with BoxClient(stack, client.box, NETWORK) as network:
        deep = network.text_object(parent=network.folder("deeper", recorded.session))
        within = [recorded.message, *recorded.in_session.values(), deep]
        target = client.folder("target")
        free = client.plain_object()
        items = client.move(target, objects=[*within, free])
        assert codes(items) == [(403, "POL0001")] * len(within) + [200]
        assert codes(client.copy(target, objects=within)) == [200] * len(within)
        parents = [client.get(url).json()["object"]["parentFolder"] for url in within]
        assert target not in parents


@pytest.mark.nms("session history")
def test_a_client_records_nothing_in_a_session(client: BoxClient, recorded: Recorded) -> None:
    assert fault(client.create({"parentFolder": recorded.session})) == (403, "POL1031")
    asked = transfer(recorded.session, [client.plain_object()], [])
    assert fault(client.post("/folders/operations/copyToFolder", asked)) == (403, "POL1031")
