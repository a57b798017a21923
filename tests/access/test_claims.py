"""Which box a token's claims open, and for what: claims as an HTTP API passes them, and in other forms."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.stack import LocalStack
from onecopy.handlers.edge.caller import caller_of
from tests.clients.box_client import new_box
from tests.stack.lambdas import Lambdas

pytestmark = pytest.mark.whole

READ, CREATE, ALL = "oma_rest_nms.read", "oma_rest_nms.create", "oma_rest_nms.all_v1"
NETWORK = "onecopy.network"
PHONE = "https://nms.example.com/phone_number"


@pytest.fixture(scope="module")
def lambdas(standins: LocalStack) -> Iterator[Lambdas]:
    running = Lambdas(standins, new_box())
    yield running
    running.close()


@pytest.fixture(scope="module")
def by_phone(standins: LocalStack) -> Iterator[Lambdas]:
    """The functions with `phone_number` as the claim that names the box."""
    running = Lambdas(standins, new_box(), BOX_CLAIM="phone_number")
    yield running
    running.close()


@pytest.fixture(scope="module")
def unable(standins: LocalStack) -> Iterator[Lambdas]:
    """The functions with a database that they cannot reach: each read or write would fail."""
    running = Lambdas(standins, new_box(), AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9")
    yield running
    running.close()


def ask(
    lambdas: Lambdas, claims: Any, method: str = "GET", path: str = "/changes", box: str = "", **headers: str
) -> dict[str, Any]:
    """The answer to a request with only these claims, for a box; by default the caller's own."""
    event = lambdas.event("api")
    event["rawPath"] = f"/nms/v1/main/{box or 'acr:auth'}{path}"
    event["requestContext"]["http"] |= {"method": method, "path": event["rawPath"]}
    event["requestContext"]["authorizer"]["jwt"]["claims"] = claims
    event["headers"] |= {"content-type": "application/json", **headers}
    event["body"] = '{"object":{"parentFolderPath":"/Default"}}' if method == "POST" else None
    answer: dict[str, Any] = lambdas.invoke("api", event)
    return answer


def refused(answer: dict[str, Any]) -> bool:
    """Whether it is NMS's 403 POL0001."""
    if answer["statusCode"] != 403:
        return False
    fault = json.loads(answer["body"])["requestError"]
    return bool(fault["policyException"]["messageId"] == "POL0001")


@pytest.mark.parametrize(
    "said",
    [
        {"scope": f"openid {READ}"},
        {"scope": f"[openid {READ}]"},
        {"scope": ["openid", READ]},
        {"scp": f"[{READ}]"},
        {"scp": f"{READ} offline_access"},
        {"scp": [READ]},
        {"scope": "openid", "scp": f"[{READ}]"},
        {"scope": READ, "scp": ""},
        {"scope": "openid oma_rest_nms/read"},
        {"roles": f"[{READ}]", "idtyp": "app"},
    ],
)
def test_a_scope_is_read_wherever_and_however_an_issuer_writes_it(
    lambdas: Lambdas, said: dict[str, Any]
) -> None:
    claims = {"sub": lambdas.box, **said}

    assert ask(lambdas, claims)["statusCode"] == 200
    assert refused(ask(lambdas, claims, "POST", "/objects"))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"scope": ""},
        {"scope": None},
        {"scope": "[]"},
        {"scope": {"oma_rest_nms.read": True}},
        {"scope": [1, None]},
        {"scp": f"x{READ}"},
        {"permissions": f"[{READ}]"},
        {"roles": f"[{ALL}]"},
        {"roles": f"[{ALL}]", "idtyp": "user"},
        {"scp": "openid", "roles": f"[{ALL}]"},
    ],
)
def test_what_is_no_scope_opens_nothing(lambdas: Lambdas, said: dict[str, Any]) -> None:
    """Roles are scopes only for an application. A user's roles would apply to every application they use."""
    assert refused(ask(lambdas, {"sub": lambdas.box, **said}))


@pytest.mark.parametrize(
    "claims",
    [
        None,
        {},
        [],
        {"scope": ALL},
        {"scope": ALL, "sub": ""},
        {"scope": ALL, "sub": None},
        {"scope": ALL, "sub": 19585550100},
        {"scope": ALL, "sub": "a/b"},
        {"scope": ALL, "sub": ".."},
        {"scope": ALL, "sub": "."},
        {"scope": ALL, "sub": "\ud800"},
        {"scope": ALL, "sub": "acr:auth"},
    ],
)
def test_a_token_that_names_no_box_is_refused_before_anything_is_read(unable: Lambdas, claims: Any) -> None:
    for box in ("", "acr:auth", unable.box):
        assert refused(ask(unable, claims, box=box))
    assert ask(unable, {"scope": ALL, "sub": unable.box})["statusCode"] >= 500


@pytest.mark.parametrize("without", ["authorizer", "jwt", "claims"])
def test_an_event_without_a_token_is_refused(lambdas: Lambdas, without: str) -> None:
    event = lambdas.event("api")
    above = {"authorizer": event["requestContext"], "jwt": event["requestContext"]["authorizer"]}
    above["claims"] = event["requestContext"]["authorizer"]["jwt"]
    above[without][without] = None

    assert refused(lambdas.invoke("api", event))


# Which box it is -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "said", "box"),
    [
        ("sub", {"sub": "0f1e2d3c"}, "0f1e2d3c"),
        ("sub", {"sub": "+19585550100"}, "+19585550100"),
        ("phone_number", {"phone_number": "+19585550100"}, "tel:+19585550100"),
        ("phone_number", {"phone_number": "tel:+19585550100"}, "tel:+19585550100"),
        ("phone_number", {"phone_number": "sip:alice@ims.example"}, "sip:alice@ims.example"),
        ("phone_number", {"phone_number": "acr:0f1e2d3c"}, "acr:0f1e2d3c"),
        (PHONE, {PHONE: "+19585550100", f"{PHONE}_verified": "true"}, "tel:+19585550100"),
        ("msisdn", {"msisdn": "+19585550100"}, "tel:+19585550100"),
        ("username", {"username": "alice"}, "alice"),
        ("oid", {"oid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"}, "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"),
    ],
)
def test_a_box_is_what_the_chosen_claim_says(claim: str, said: dict[str, str], box: str) -> None:
    event = {"requestContext": {"authorizer": {"jwt": {"claims": {"phone_number_verified": "true", **said}}}}}

    assert caller_of(event, claim).own_box == box


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("phone_number", "+1 958 555 0100"),
        ("phone_number", "+1-958-555-0100"),
        ("phone_number", "+1(958)5550100"),
        ("phone_number", "19585550100"),
        ("phone_number", "0019585550100"),
        ("phone_number", "+09585550100"),
        ("phone_number", "+1234567890123456"),
        ("phone_number", "+19585550100;ext=5"),
        ("phone_number", "+١٩٥٨٥٥٥٠١٠٠"),
        ("phone_number", "+19585550100\n"),
        ("phone_number", " +19585550100"),
        ("phone_number", "tel:19585550100"),
        ("phone_number", "tel:+1-958-555-0100"),
        ("phone_number", "TEL:+19585550100"),
        ("phone_number", "acr:auth"),
        ("phone_number", "sip:"),
        ("phone_number", "alice"),
        ("phone_number", ["+19585550100"]),
        ("msisdn", "+1 958 555 0100"),
        ("msisdn", "tel:+1-958-555-0100"),
        ("groups", "[alice]"),
        ("groups", "[alice bob]"),
        ("address", "map[locality:Springfield]"),
        ("address", '{"locality": "Springfield"}'),
        ("username", "acr:auth"),
        ("username", "a#S"),
    ],
)
def test_what_is_nearly_a_number_or_no_ones_alone_names_no_box(claim: str, value: Any) -> None:
    """Otherwise one person would have two boxes, or two people would share one."""
    claims = {"sub": "0f1e2d3c", claim: value, "phone_number_verified": "true"}

    assert caller_of({"requestContext": {"authorizer": {"jwt": {"claims": claims}}}}, claim).own_box is None


@pytest.mark.parametrize(
    ("said", "opens"),
    [
        ({"phone_number_verified": "true"}, True),
        ({"phone_number_verified": True}, True),
        ({"phone_number_verified": "false"}, False),
        ({"phone_number_verified": False}, False),
        ({"phone_number_verified": ""}, False),
        ({"phone_number_verified": None}, False),
        ({"email_verified": "true"}, False),
        ({}, False),
    ],
)
def test_a_number_that_nobody_has_verified_opens_no_box(
    by_phone: Lambdas, said: dict[str, Any], opens: bool
) -> None:
    """A user may enter any number. Until they show that it is theirs, they must not get its messages."""
    claims = {"sub": "0f1e2d3c", "scope": ALL, "phone_number": by_phone.box.removeprefix("tel:"), **said}

    for box in ("acr:auth", by_phone.box):
        answer = ask(by_phone, claims, box=box)
        assert answer["statusCode"] == 200 if opens else refused(answer)


def test_another_claim_that_the_issuer_calls_unverified_opens_no_box() -> None:
    claims = {"msisdn": "+19585550100", "msisdn_verified": "false"}

    assert (
        caller_of({"requestContext": {"authorizer": {"jwt": {"claims": claims}}}}, "msisdn").own_box is None
    )


def test_the_subject_opens_nothing_where_another_claim_names_the_box(by_phone: Lambdas) -> None:
    claims = {"sub": by_phone.box, "scope": ALL}

    for box in ("acr:auth", by_phone.box):
        assert refused(ask(by_phone, claims, box=box))


# The network ------------------------------------------------------------------------------------------------


def test_the_network_needs_no_box_of_its_own_to_store_in_anothers(by_phone: Lambdas) -> None:
    """A machine's token names a client and no user."""
    machine = {"sub": "1example23456789", "client_id": "1example23456789", "scope": "onecopy/network"}

    assert ask(by_phone, machine, "POST", "/objects", by_phone.box)["statusCode"] == 201
    assert refused(ask(by_phone, machine, "POST", "/objects"))
    assert refused(ask(by_phone, machine, box=by_phone.box))


def test_machines_without_boxes_do_not_take_each_others_requests_for_repeats(by_phone: Lambdas) -> None:
    def stored(machine: str) -> str:
        claims = {"sub": machine, "scope": NETWORK}
        key = {"idempotency-key": "the first of the day"}
        return str(ask(by_phone, claims, "POST", "/objects", by_phone.box, **key)["body"])

    first = stored("1example23456789")

    assert stored("1example23456789") == first
    assert stored("9example87654321") != first
