"""A function with a missing or malformed setting fails when it is loaded, and names the setting."""

import importlib
import sys

import pytest

from infra.aws.template import TEMPLATE, Template
from onecopy import settings
from onecopy.settings import BadSetting

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/onecopy"
GOOD = {
    "TABLE_NAME": "onecopy-Table-1A2B3C",
    "STORE_NAME": "main",
    "BOX_CLAIM": "https://nms.example.com/phone_number",
    "CONTENT_BUCKET": "onecopy-contentbucket-1a2b3c",
    "JOBS_QUEUE_URL": URL,
    "RECLAIM_QUEUE_URL": URL,
    "DELIVERY_QUEUE_URL": f"{URL}.fifo",
    "SERVER_ROOT": "https://nms.example.com",
    "RESTART_TOKEN_KEYS": "new, old",
    "HISTORY_DAYS": "30",
    "INLINE_LIMIT": "4000000",
    "UPLOAD_WINDOW": "86400",
    "URL_SECONDS": "300",
    "RESTORE_DAYS": "7",
    "SYNC_POLICY": '{"folders":{"exclude":["/Default/spam"]},"days":365}',
    "BACKOFF_MAX": "900",
    "DELIVERIES_PER_HOST": "20",
    "REST_SECONDS": "21600",
    "QUOTA_LINKS": "0",
    "QUOTA_BYTES": "0",
    "RETAINS": "yes",
    "RETENTION": '[{"folder":"/Default","days":90}]',
    "ALLOW_LOCAL_CALLBACKS": "1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
}
NEEDED = {
    "api": {"TABLE_NAME", "CONTENT_BUCKET", "JOBS_QUEUE_URL", "DELIVERY_QUEUE_URL", "RESTART_TOKEN_KEYS"},
    "arrival": {"TABLE_NAME"},
    "changes": {"TABLE_NAME", "DELIVERY_QUEUE_URL", "RECLAIM_QUEUE_URL"},
    "deliver": {"TABLE_NAME", "DELIVERY_QUEUE_URL", "RESTART_TOKEN_KEYS"},
    "jobs": {"TABLE_NAME", "JOBS_QUEUE_URL"},
    "reclaim": {"TABLE_NAME", "CONTENT_BUCKET"},
    "sweep": {
        "TABLE_NAME",
        "CONTENT_BUCKET",
        "JOBS_QUEUE_URL",
        "RECLAIM_QUEUE_URL",
        "DELIVERY_QUEUE_URL",
    },
}


def load(patch: pytest.MonkeyPatch, handler: str, given: dict[str, str]) -> None:
    """Load the handler's module as a new execution environment does."""
    for name in GOOD:
        patch.delenv(name, raising=False)
    for name, value in given.items():
        patch.setenv(name, value)
    module = f"onecopy.handlers.{handler}"
    patch.delitem(sys.modules, module, raising=False)
    importlib.import_module(module)


@pytest.mark.parametrize("handler", NEEDED)
def test_a_function_without_a_setting_fails_at_its_start(
    handler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {name: GOOD[name] for name in NEEDED[handler]}
    load(monkeypatch, handler, needed)

    for name in needed:
        with pytest.raises(BadSetting, match=f"^{name} is missing$"):
            load(monkeypatch, handler, {one: value for one, value in needed.items() if one != name})


@pytest.mark.parametrize("handler", NEEDED)
def test_the_template_gives_each_function_what_it_needs(handler: str) -> None:
    own = Template(TEMPLATE, {}).resources("AWS::Serverless::Function")[f"{handler.title()}Function"]
    shared = Template(TEMPLATE, {}).global_properties("Function")
    given = {
        *shared["Environment"]["Variables"],
        *own.get("Environment", {}).get("Variables", {}),
    }

    assert NEEDED[handler] <= given


def test_all_who_ring_agree_on_how_often_one_host_is_called_at_once() -> None:
    """Otherwise one subscription would be in two message groups, and its lists out of order."""
    functions = Template(TEMPLATE, {}).resources("AWS::Serverless::Function").values()
    ringing = [one["Environment"]["Variables"] for one in functions if "Environment" in one]
    given = [one.get("DELIVERIES_PER_HOST") for one in ringing if "DELIVERY_QUEUE_URL" in one]

    assert given.count({"Ref": "DeliveriesPerHost"}) == len(given) - 1 == 3  # `deliver` keeps to its group


BAD = {
    "TABLE_NAME": "two words",
    "STORE_NAME": "a/b",
    "BOX_CLAIM": "two words",
    "CONTENT_BUCKET": "Bucket",
    "JOBS_QUEUE_URL": "onecopy-JobsQueue",
    "RECLAIM_QUEUE_URL": "sqs://queue",
    "DELIVERY_QUEUE_URL": "https:///no-host",
    "SERVER_ROOT": "https://nms.example.com/path",
    "RESTART_TOKEN_KEYS": " , ",
    "HISTORY_DAYS": "a month",
    "INLINE_LIMIT": "-1",
    "UPLOAD_WINDOW": "0",
    "URL_SECONDS": "5 minutes",
    "RESTORE_DAYS": "a week",
    "SYNC_POLICY": "days=365",
    "BACKOFF_MAX": "1.5",
    "DELIVERIES_PER_HOST": "0",
    "REST_SECONDS": "0",
    "QUOTA_LINKS": "many",
    "QUOTA_BYTES": "-1",
    "RETAINS": "90",
    "RETENTION": "90",
    "ALLOW_LOCAL_CALLBACKS": "yes",
    "AWS_ENDPOINT_URL": "127.0.0.1:4566",
}


@pytest.mark.parametrize("name", GOOD)
def test_a_malformed_setting_is_named_and_not_shown(name: str) -> None:
    settings.read(environ=GOOD)

    with pytest.raises(BadSetting) as refused:
        settings.read(environ={**GOOD, name: BAD[name]})

    assert str(refused.value) == f"{name} is malformed"


@pytest.mark.parametrize("handler", ["jobs", "sweep"])
def test_a_function_with_a_retention_that_it_does_not_understand_fails_at_its_start(
    handler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule without a folder and a Message-Context would let everything expire."""
    needed = {name: GOOD[name] for name in NEEDED[handler]}
    with pytest.raises(BadSetting, match=r"^RETENTION is malformed$"):
        load(monkeypatch, handler, {**needed, "RETENTION": '[{"days":90}]'})


@pytest.mark.parametrize("handler", ["api", "deliver"])
@pytest.mark.parametrize(
    ("policy", "member"),
    [
        ("{days: 1}", "policy"),
        ('{"days":0}', "days"),
        ('{"days":1,"minDate":"2026-01-01T00:00:00Z"}', "days"),
        ('{"folders":{"exclude":["/"]}}', "exclude"),
        ('{"folders":{"exclude":["Default"]}}', "exclude"),
        ('{"messageContexts":["text-message"]}', "messageContexts"),
    ],
)
def test_a_policy_that_makes_no_sense_fails_a_function_at_its_start(
    handler: str, policy: str, member: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {name: GOOD[name] for name in NEEDED[handler]}

    with pytest.raises(BadSetting, match=f"^SYNC_POLICY is malformed: {member}$"):
        load(monkeypatch, handler, {**needed, "SYNC_POLICY": policy})


def test_keys_are_read_in_their_order() -> None:
    assert settings.read(environ=GOOD).restart_token_keys == (b"new", b"old")


def test_a_box_is_the_tokens_subject_where_no_claim_is_chosen() -> None:
    assert settings.read(environ={**GOOD, "BOX_CLAIM": ""}).box_claim == "sub"


def test_a_webhook_may_be_local_beside_an_emulator_alone() -> None:
    assert settings.read(environ=GOOD).allow_local_callbacks
    at_aws = {name: value for name, value in GOOD.items() if name != "AWS_ENDPOINT_URL"}
    assert not settings.read(environ=at_aws).allow_local_callbacks
