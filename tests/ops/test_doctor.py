"""`onecopy doctor` reports what AWS and the issuer do not grant before a deployment fails."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from cfnlint.decode import decode

from infra.aws.template import TEMPLATE
from infra.local.stack import LocalStack
from infra.ops import cli, doctor
from infra.ops.doctor import Verdict, Wanted, examine, issuer

TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sts": ("get_caller_identity", {"Account": "123456789012"}),
    "lambda": ("get_account_settings", {"AccountLimit": {"ConcurrentExecutions": 1000}}),
    "apigateway": ("get_account", {"throttleSettings": {"rateLimit": 10000.0, "burstLimit": 5000}}),
    "sns": ("get_topic_attributes", {"Attributes": {"SubscriptionsConfirmed": "2"}}),
    "dynamodb": ("describe_table", {"Table": {"DeletionProtectionEnabled": True}}),
}
GIVEN = {"AlarmTopic": TOPIC, "UserPool": "yes"}
WANTED = Wanted(GIVEN, "onecopy-Table")


def aws(**other: dict[str, Any] | str) -> doctor.Client:
    """AWS with its usual answers. Pass another answer by its service's name; a string is an error's code."""

    def client(service: str) -> Any:
        made = boto3.client(
            service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
        )  # type: ignore[call-overload]
        operation, answer = ANSWERS[service]
        stubber, given = Stubber(made), other.get(service, answer)
        if isinstance(given, str):
            stubber.add_client_error(operation, given)
        else:
            stubber.add_response(operation, given)
        stubber.activate()
        return made

    return client


def told(client: doctor.Client, wanted: Wanted = WANTED) -> dict[Verdict, list[str]]:
    found: dict[Verdict, list[str]] = {verdict: [] for verdict in Verdict}
    for finding in examine(client, wanted):
        found[finding.verdict].append(finding.text)
    return found


def test_where_all_is_granted_nothing_is_wrong() -> None:
    found = told(aws())
    assert found[Verdict.WRONG] == found[Verdict.UNSEEN] == []
    assert len(found[Verdict.FINE]) == 6
    assert found[Verdict.FINE][0] == "account 123456789012, region eu-central-1"


@pytest.mark.parametrize(
    ("other", "wanted", "text"),
    [
        (
            {"lambda": {"AccountLimit": {"ConcurrentExecutions": 10}}},
            WANTED,
            "Lambda runs 10 invocations at once",
        ),
        ({}, Wanted({**GIVEN, "DeliveriesAtOnce": "1000"}), "1,090 may be taken"),
        ({}, Wanted({**GIVEN, "ApiConcurrency": "900"}), "900 are for requests"),
        ({}, Wanted({**GIVEN, "RequestsPerSecond": "20000"}), "RequestsPerSecond is 20,000"),
        ({}, Wanted({**GIVEN, "RequestBurst": "many"}), "a parameter is no number"),
        ({}, Wanted({"AlarmTopic": TOPIC}), "neither Issuer nor UserPool=yes"),
        ({}, Wanted({"UserPool": "yes"}), "AlarmTopic is empty"),
        ({"sns": {"Attributes": {"SubscriptionsConfirmed": "0"}}}, WANTED, "0 confirmed subscriptions"),
        ({"dynamodb": {"Table": {"DeletionProtectionEnabled": False}}}, WANTED, "set it to yes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_granted_is_wrong(other: dict[str, Any], wanted: Wanted, text: str) -> None:
    [wrong] = told(aws(**other), wanted)[Verdict.WRONG]
    assert text in wrong


def test_what_it_may_not_see_it_names_and_goes_on() -> None:
    found = told(aws(apigateway="AccessDeniedException"))
    assert found[Verdict.WRONG] == []
    assert [text.split(":")[0] for text in found[Verdict.UNSEEN]] == ["requests"]
    assert len(found[Verdict.FINE]) == 4


def test_it_reckons_with_what_the_template_gives_to_the_background() -> None:
    functions = decode(str(TEMPLATE))[0]["Resources"].values()
    bounds = [
        event["Properties"]["ScalingConfig"]["MaximumConcurrency"]
        for one in functions
        for event in one.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    assert sum(each for each in bounds if isinstance(each, int)) == doctor.BESIDE_DELIVERIES


# The issuer ------------------------------------------------------------------------------------------------


class Site:
    """Serves JSON by path, and answers 404 for any other path."""

    def __init__(self) -> None:
        pages: dict[str, Any] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path in pages else 404)
                self.end_headers()
                self.wfile.write(json.dumps(pages.get(self.path)).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.pages = pages
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def discovery(self, path: str = "", **other: Any) -> None:
        own = {"issuer": self.url + path, "jwks_uri": f"{self.url}/keys"}
        self.pages[f"{path.rstrip('/')}/.well-known/openid-configuration"] = own | other


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def wrong(url: str) -> list[str]:
    return [finding.text for finding in issuer(url) if finding.verdict is Verdict.WRONG]


def test_an_issuer_that_serves_rsa_keys_is_fine(stack: LocalStack, site: Site) -> None:
    assert wrong(f"{stack.url}/local") == []
    site.pages["/keys"] = {"keys": [{"kty": "RSA"}, {"kty": "EC"}]}
    for path in ("", "/", "/realms/one"):
        site.discovery(path)
        assert wrong(site.url + path) == []


@pytest.mark.parametrize(
    ("keys", "other", "text"),
    [
        ({"keys": [{"kty": "EC"}]}, {}, "its keys are EC"),
        ({"keys": []}, {}, "its keys are none"),
        ([], {}, "no JSON object"),
        ({"keys": [{"kty": "RSA"}]}, {"issuer": "https://another.example"}, "have to be the same"),
        ({"keys": [{"kty": "RSA"}]}, {"jwks_uri": "nowhere"}, "does not answer as it has to"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_issuer_that_api_gateway_cannot_use_is_wrong(
    site: Site, keys: Any, other: dict[str, Any], text: str
) -> None:
    site.pages["/keys"] = keys
    site.discovery(**other)
    [found] = wrong(site.url)
    assert text in found


def test_an_issuer_that_is_not_there_is_wrong(site: Site) -> None:
    [found] = wrong(site.url)
    assert "does not answer as it has to" in found


def test_the_command_prints_each_and_exits_1_if_one_is_wrong(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.pages["/keys"] = {"keys": [{"kty": "RSA"}]}
    site.discovery()
    monkeypatch.setattr(doctor, "clients", aws)
    given = ["doctor", "--parameters", f"AlarmTopic={TOPIC}"]
    assert cli.main([*given, f"Issuer={site.url}"]) == 0
    assert "ok: its keys are RSA" in capsys.readouterr().out
    assert cli.main([*given, f"Issuer={site.url}/other"]) == 1
    assert "wrong: the issuer" in capsys.readouterr().out


def test_a_parameter_that_the_template_does_not_have_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "clients", aws)
    given = ["doctor", "--parameters", f"AlarmTopic={TOPIC}", "UserPool=yes"]
    assert cli.main([*given, "DeliverysAtOnce=200"]) == 1
    said = capsys.readouterr().out
    assert "the template has no parameter DeliverysAtOnce; the nearest is DeliveriesAtOnce" in said
    assert cli.main([*given, "DeliveriesAtOnce=200"]) == 0


def test_a_parameter_without_a_value_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", "--parameters", "UserPool"])
    assert ended.value.code
    assert "UserPool is not NAME=VALUE" in capsys.readouterr().err
