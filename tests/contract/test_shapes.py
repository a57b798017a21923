"""What no example can make a new store answer with is as the contract says, too."""

import json
from datetime import UTC, datetime

import pytest

from infra.contract.reading import contract
from onecopy.domain import retention
from onecopy.domain.change import (
    Change,
    ChangedFolder,
    ChangedObject,
    DeletedFolder,
    DeletedObject,
    Event,
    ResetBox,
)
from onecopy.domain.ids import FolderId, ModSeq, ObjectId
from onecopy.wire import outward
from onecopy.wire.preferences import policy, policy_shown
from onecopy.wire.urls import Urls
from tests.contract.validation import faults

URLS = Urls("https://store.example", "main", "tel:+99911112222", None)
SCHEMAS = contract()["components"]["schemas"]


@pytest.mark.parametrize(
    "event",
    [
        ChangedObject(ObjectId("a5"), FolderId("a4"), ("\\Seen",), "one", "two", None),
        DeletedObject(ObjectId("a5"), "one", "two"),
        DeletedObject(ObjectId("a5"), "one", "two", expired=True),
        ChangedFolder(FolderId("a4"), FolderId("a3"), "Holiday", ()),
        DeletedFolder(FolderId("a4")),
    ],
    ids=lambda event: type(event).__name__,
)
def test_the_contract_has_every_event(event: Event) -> None:
    told = outward.event(Change(ModSeq(7), datetime.now(UTC), event), URLS)

    assert faults(SCHEMAS["NmsEvent"], told) == []


def test_the_contract_has_the_reset_of_a_box() -> None:
    assert faults(SCHEMAS["NmsEvent"], outward.event(ResetBox(), URLS)) == []


@pytest.mark.parametrize("given", [{"days": 30}, {"minDate": "2026-07-01T00:00:00Z"}])
def test_the_contract_has_the_policy_of_every_sync(given: dict[str, object]) -> None:
    given |= {"folders": {"exclude": ["/RCSMessageStore/Work"]}, "messageContext": ["pager-message"]}

    assert faults(SCHEMAS["SyncPolicy"], policy_shown(policy(json.dumps(given)))) == []


def test_the_contract_has_the_rules_of_a_retention() -> None:
    rules = [{"folder": "/Default", "days": 90}, {"messageContext": "pager-message", "days": 365}]

    shown = retention.as_json(retention.parse(json.dumps(rules)))

    assert [fault for rule in shown for fault in faults(SCHEMAS["RetentionRule"], rule)] == []
