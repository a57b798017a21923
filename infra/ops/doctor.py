"""`onecopy doctor`: examines what AWS and the issuer must grant, before a deployment and after it.

It changes nothing. It names what it may not see, and goes on.
"""

import difflib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.template import TEMPLATE, Template
from infra.ops.rows.deployed import session

_CONFIG = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3})
PATIENCE = 1.5
"""Seconds that API Gateway waits for the issuer's discovery document, and again for its keys."""

BESIDE_DELIVERIES = 20 + 50 + 20
"""The template's MaximumConcurrency of arrival, jobs and reclaim."""

_SPARE = 100
"""The least concurrency that a small store needs for requests, the stream and the sweep."""

_SCOPES = "oma_rest_nms."


class Verdict(Enum):
    FINE = "ok"
    WRONG = "wrong"
    UNSEEN = "not seen"


@dataclass(frozen=True)
class Finding:
    verdict: Verdict
    text: str

    def __str__(self) -> str:
        return f"{self.verdict.value}: {self.text}"


@dataclass(frozen=True)
class Wanted:
    """The parameters of a stack, existing or planned; `table` is set if it exists."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    table: str | None = None

    def __getitem__(self, name: str) -> str:
        return self.parameters.get(name, "")


Client = Callable[[str], Any]


def clients() -> Client:
    account = session()
    return lambda service: account.client(service, config=_CONFIG)  # type: ignore[call-overload]


def unknown(names: Collection[str]) -> Iterator[Finding]:
    """Find parameters that the template does not have, which SAM silently ignores."""
    taken = Template(TEMPLATE, {}).parameters
    for name in names:
        if name not in taken:
            [near] = difflib.get_close_matches(name, taken, n=1, cutoff=0)
            yield Finding(Verdict.WRONG, f"the template has no parameter {name}; the nearest is {near}")


def of_stack(client: Client, name: str) -> Wanted:
    """The parameters of a stack; raises ClientError if it does not exist."""
    [stack] = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    given = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}
    return Wanted({**given, "Issuer": outputs.get("TokenIssuer", given["Issuer"])}, outputs.get("TableName"))


def examine(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """All findings, in the order of a first deployment."""
    for look in (_account, _concurrency, _requests, _topic, _table):
        try:
            yield from look(client, wanted)
        except (BotoCoreError, ClientError) as error:
            yield Finding(Verdict.UNSEEN, f"{look.__name__.removeprefix('_')}: {error}")
        except ValueError as error:
            yield Finding(Verdict.WRONG, f"a parameter is no number: {error}")
    if wanted["Issuer"]:
        yield from issuer(wanted["Issuer"])
    elif wanted["UserPool"] != "yes":
        yield Finding(Verdict.WRONG, "neither Issuer nor UserPool=yes: nobody issues tokens")


def _account(client: Client, _: Wanted) -> Iterator[Finding]:
    sts = client("sts")
    account, region = sts.get_caller_identity()["Account"], sts.meta.region_name
    yield Finding(Verdict.FINE, f"account {account}, region {region}")


def _concurrency(client: Client, wanted: Wanted) -> Iterator[Finding]:
    limit = int(client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"])
    background = int(wanted["DeliveriesAtOnce"] or 100) + BESIDE_DELIVERIES
    requests = max(int(wanted["ApiConcurrency"] or 0), _SPARE)
    told = f"Lambda runs {limit:,} invocations at once in this account and region"
    if limit >= background + requests:
        yield Finding(Verdict.FINE, told)
    else:
        need = f"{background:,} may be taken by background work, {requests:,} are for requests"
        yield Finding(Verdict.WRONG, f"{told}; {need}: ask for a higher quota, or set DeliveriesAtOnce lower")


def _requests(client: Client, wanted: Wanted) -> Iterator[Finding]:
    limits = client("apigateway").get_account()["throttleSettings"]
    for parameter, default, limit in (
        ("RequestsPerSecond", 500, limits["rateLimit"]),
        ("RequestBurst", 1000, limits["burstLimit"]),
    ):
        asked = int(wanted[parameter] or default)
        told = f"{parameter} is {asked:,}, API Gateway's limit for the account and region {int(limit):,}"
        yield Finding(Verdict.FINE if asked <= limit else Verdict.WRONG, told)


def _topic(client: Client, wanted: Wanted) -> Iterator[Finding]:
    topic = wanted["AlarmTopic"]
    if not topic:
        yield Finding(Verdict.WRONG, "AlarmTopic is empty: alarms notify nobody")
        return
    found = client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    confirmed = int(found["SubscriptionsConfirmed"])
    told = f"AlarmTopic has {confirmed} confirmed subscription{'s' * (confirmed != 1)}"
    yield Finding(Verdict.FINE if confirmed else Verdict.WRONG, told)


def _table(client: Client, wanted: Wanted) -> Iterator[Finding]:
    if not wanted.table:
        return
    dynamodb = client("dynamodb")
    protected = dynamodb.describe_table(TableName=wanted.table)["Table"].get("DeletionProtectionEnabled")
    told = "the table refuses deletion" if protected else "DeletionProtection is no: now that it exists"
    yield Finding(
        Verdict.FINE if protected else Verdict.WRONG, told + ("" if protected else ", set it to yes")
    )


def issuer(url: str) -> Iterator[Finding]:
    """Whether API Gateway can verify its tokens: it fetches RSA keys over the internet, with a time limit."""
    try:
        discovery = _json(f"{url.rstrip('/')}/.well-known/openid-configuration")
        keys = _json(str(discovery.get("jwks_uri"))).get("keys", [])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        yield Finding(Verdict.WRONG, f"the issuer {url} does not answer as it has to: {error}")
        return
    said = discovery.get("issuer")
    yield Finding(
        Verdict.FINE if said == url else Verdict.WRONG,
        f"the issuer calls itself {said}" + ("" if said == url else f", not {url}: they have to be the same"),
    )
    kinds = sorted({str(key.get("kty")) for key in keys if isinstance(key, dict)})
    verdict = Verdict.FINE if "RSA" in kinds else Verdict.WRONG
    yield Finding(verdict, f"its keys are {', '.join(kinds) or 'none'}; API Gateway takes only RSA")
    scopes = discovery.get("scopes_supported")
    if isinstance(scopes, list):
        ours = any(str(scope).replace("/", ".").startswith(_SCOPES) for scope in scopes)
        verdict = Verdict.FINE if ours else Verdict.UNSEEN
        yield Finding(verdict, f"it {'names' if ours else 'does not name'} scopes that begin with {_SCOPES}")


def _json(url: str) -> dict[str, Any]:
    answer = httpx.get(url, timeout=PATIENCE)
    answer.raise_for_status()
    loaded = json.loads(answer.content)
    if not isinstance(loaded, dict):
        raise ValueError(f"no JSON object at {url}")
    return loaded
