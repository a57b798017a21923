"""Notifications in XML, for a subscription that asks for them (NMS, notificationFormat)."""

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from tests.clients.box_client import BoxClient, Json
from tests.clients.eventually import eventually
from tests.clients.following import since
from tests.clients.subscriber import (
    TAKEN,
    Post,
    Subscriber,
    ask,
    assert_told,
    look,
    refusal,
    shown,
    some_of_everything,
)

pytestmark = pytest.mark.whole


@pytest.fixture
def made(box: BoxClient, subscriber: Subscriber) -> Json:
    callback = {"callbackData": "<mine> & more", "notificationFormat": "xml"}
    found = shown(ask(box, subscriber.url, callback), 201)
    assert eventually(lambda: look(box, found)["state"] == "active")
    return found


def lists(subscriber: Subscriber) -> list[Post]:
    return [post for post in list(subscriber.posts) if not post.verification]


@pytest.mark.nms("nmsSubscription")
def test_a_subscription_shows_its_format_if_it_asked_for_one(
    box: BoxClient, subscriber: Subscriber, made: Json
) -> None:
    assert made["callbackReference"]["notificationFormat"] == "XML"
    assert look(box, made)["callbackReference"] == made["callbackReference"]
    in_json = shown(ask(box, subscriber.url, {"notificationFormat": "Json"}), 201)
    assert in_json["callbackReference"]["notificationFormat"] == "JSON"
    silent = shown(ask(box, subscriber.url), 201)
    assert "notificationFormat" not in silent["callbackReference"]


@pytest.mark.nms("POST {notifyURL}", "notificationFormat XML asks for lists in XML")
def test_lists_come_in_xml_and_say_what_a_sync_would_have_told(
    box: BoxClient, subscriber: Subscriber, made: Json
) -> None:
    some_of_everything(box)
    assert_told(subscriber, since(box, made["restartToken"]))
    assert all(post.is_xml for post in lists(subscriber))
    for each in subscriber.lists:
        assert each["callbackData"] == "<mine> & more"
        assert each["link"] == [{"rel": "NmsSubscription", "href": made["resourceURL"]}]


def test_the_address_is_still_verified_in_json(subscriber: Subscriber, made: Json) -> None:
    [post] = subscriber.verifications
    assert post.headers["content-type"] == "application/json"
    post.verify(made["secret"])


def test_the_signature_is_of_the_xml(box: BoxClient, subscriber: Subscriber, made: Json) -> None:
    box.folder("Ordner für Ünïcode & <mehr>")
    assert eventually(lambda: subscriber.lists)
    [post] = lists(subscriber)
    post.verify(made["secret"])
    with pytest.raises(WebhookVerificationError):
        Post(post.headers, post.body.replace(b"><", b"> <", 1)).verify(made["secret"])


def subject(text: str) -> Json:
    return {"attributes": {"attribute": [{"name": "Subject", "value": [text]}]}}


def test_a_list_holds_no_more_than_64_kilobytes_of_xml(
    box: BoxClient, subscriber: Subscriber, made: Json
) -> None:
    """An ampersand takes five bytes in XML and one in JSON. A retry is the same, byte for byte."""
    subscriber.answer = refusal(500)
    for _ in range(6):
        box.plain_object(**subject("&" * 4_000))
        box.plain_object(**subject("x" * 9_000))
    large = box.plain_object(**subject("&" * 13_000))
    assert eventually(lambda: len(lists(subscriber)) > 1)
    subscriber.answer = TAKEN
    expected = since(box, made["restartToken"])
    for event in expected:
        if event["changedObject"]["resourceURL"] == large:
            del event["changedObject"]["attributes"]
    assert_told(subscriber, expected)
    assert max(len(post.body) for post in lists(subscriber)) <= 64_000
    assert max(len(each["nmsEvent"]) for each in subscriber.lists) > 1
