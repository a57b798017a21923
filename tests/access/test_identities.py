"""Who gets in: what the template requires of a token, and a store whose tokens name phone numbers."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cfnlint.decode import decode

from infra.aws.template import TEMPLATE, Template
from infra.local.emulator import free_port
from infra.local.stack import LocalStack
from tests.clients.box_client import fault, new_box

pytestmark = pytest.mark.whole

ISSUER = "https://issuer.example/"


def asked(**parameters: str) -> Template:
    """The template with these parameters, and with names for the user pool and its clients."""
    template = Template(TEMPLATE, {"Issuer": ISSUER, **parameters})
    template.refs |= {name: name.lower() for name in ("Users", "AppClient", "NetworkClient")}
    return template


def demands(template: Template) -> dict[str, Any]:
    """What the authorizer requires of a token."""
    [authorizer] = template.resources("AWS::ApiGatewayV2::Authorizer").values()
    found: dict[str, Any] = template.resolve(authorizer["JwtConfiguration"])
    return found


def output(template: Template, name: str) -> str:
    written, _ = decode(str(TEMPLATE))
    return str(template.resolve(written["Outputs"][name]["Value"]))


def test_the_issuer_is_asked_for_as_it_was_written_with_its_slash() -> None:
    """API Gateway compares it with a token's iss character by character."""
    assert demands(asked())["Issuer"] == output(asked(), "TokenIssuer") == ISSUER


def test_each_of_several_audiences_is_taken_and_told() -> None:
    template = asked(Audience="https://nms.example.com, network")

    assert demands(template)["Audience"] == ["https://nms.example.com", "network"]
    assert output(template, "TokenAudience") == "https://nms.example.com,network"


def test_with_a_user_pool_the_application_and_the_network_are_taken_and_told() -> None:
    template = asked(UserPool="yes")

    assert demands(template)["Audience"] == ["appclient", "networkclient"]
    assert output(template, "TokenAudience") == "appclient,networkclient"


@pytest.mark.parametrize(
    ("pool", "claim", "taken"),
    [
        ("no", "phone_number", True),
        ("yes", "sub", True),
        ("yes", "username", True),
        ("yes", "phone_number", False),
    ],
)
def test_a_claim_that_the_user_pools_tokens_do_not_hold_is_refused_before_anything_is_made(
    pool: str, claim: str, taken: bool
) -> None:
    template, _ = decode(str(TEMPLATE))
    [assertion] = template["Rules"]["TheUserPoolNamesBoxes"]["Assertions"]
    without_pool, named = assertion["Assert"]["Fn::Or"]
    values = asked(UserPool=pool, BoxClaim=claim)

    assert named == {"Fn::Contains": [["sub", "username"], {"Ref": "BoxClaim"}]}
    among = values.resolve(named["Fn::Contains"][1]) in named["Fn::Contains"][0]
    assert (values.resolve(without_pool) or among) is taken


# A carrier's store -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[LocalStack]:
    """A store with phone numbers in its tokens, two audiences, and an issuer whose URL ends in a slash."""
    port = free_port()
    parameters = {
        "Issuer": f"http://127.0.0.1:{port}/local/",
        "Audience": "onecopy,https://nms.example.com",
        "BoxClaim": "phone_number",
    }
    deployed = bool(request.config.getoption("--deployed"))
    data = tmp_path_factory.mktemp("carrier")
    with LocalStack(data, port, deployed=deployed, parameters=parameters) as running:
        yield running


def changes(stack: LocalStack, box: str, **claims: Any) -> httpx.Response:
    """Read a box, or the caller's own, with a token that carries these claims as well."""
    token = stack.token("0f1e2d3c", claims=claims)
    url = f"{stack.url}/nms/v1/main/{quote(box, safe='')}/changes"
    return httpx.get(url, headers={"authorization": f"Bearer {token}"}, timeout=30)


def test_a_carriers_token_opens_the_telephones_box_and_no_other(carrier: LocalStack) -> None:
    box = new_box()
    number = {"phone_number": box.removeprefix("tel:")}
    verified = {**number, "phone_number_verified": True}

    for own in ("acr:auth", box):
        answer = changes(carrier, own, **verified)
        assert answer.status_code == 200
        [root] = [one["changedFolder"] for one in answer.json()["nmsEventList"]["nmsEvent"]][:1]
        assert f"/{quote(box, safe='')}/" in root["resourceURL"]
        assert fault(changes(carrier, own, **number)) == (403, "POL0001")
        assert fault(changes(carrier, own, **number, phone_number_verified=False)) == (403, "POL0001")
        assert fault(changes(carrier, own, sub=None)) == (403, "POL0001")
    assert fault(changes(carrier, new_box(), **verified)) == (403, "POL0001")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"aud": "onecopy"}, 200),
        ({"aud": "https://nms.example.com"}, 200),
        ({"aud": ["https://issuer.example/userinfo", "https://nms.example.com"]}, 200),
        ({"aud": None, "client_id": "onecopy"}, 200),
        ({"aud": "another", "client_id": "onecopy"}, 401),
        ({"aud": None, "client_id": "another"}, 401),
        ({"aud": None}, 401),
        ({"aud": []}, 401),
        ({"scope": None, "scp": ["oma_rest_nms.read", "openid"]}, 200),
        ({"scope": None, "scp": ["openid"]}, 403),
        ({"scope": None, "scp": "openid oma_rest_nms.read"}, 200),
        ({"scope": None}, 403),
    ],
)
def test_a_token_of_either_audience_gets_in_with_its_scopes_as_text_or_list(
    carrier: LocalStack, said: dict[str, Any], status: int
) -> None:
    whose = {"phone_number": "+19585550100", "phone_number_verified": True}

    assert changes(carrier, "acr:auth", **whose, **said).status_code == status


def test_an_issuer_whose_name_ends_in_a_slash_is_known_by_it(carrier: LocalStack) -> None:
    whose = {"phone_number": "+19585550100", "phone_number_verified": True}
    name = f"{carrier.url}/local/"

    told = httpx.get(f"{name.removesuffix('/')}/.well-known/openid-configuration").json()
    assert told["issuer"] == name
    assert httpx.get(told["jwks_uri"]).json()["keys"][0]["kty"] == "RSA"
    assert changes(carrier, "acr:auth", **whose, iss=name).status_code == 200
    assert changes(carrier, "acr:auth", **whose, iss=name.removesuffix("/")).status_code == 401
