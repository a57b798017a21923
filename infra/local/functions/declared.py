"""The template's functions as typed data: what each needs to run, and what invokes it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.aws.template import BadTemplate, Template


@dataclass(frozen=True)
class Route:
    """An HTTP API's route. One that is `authorized` demands a token, and one of the `scopes`, if any."""

    method: str
    path: str
    authorized: bool
    scopes: tuple[str, ...] | None


@dataclass(frozen=True)
class StreamSource:
    table: str
    batch_size: int
    patterns: tuple[dict[str, Any], ...]
    retries: int | None
    bisect: bool
    on_failure: str | None


@dataclass(frozen=True)
class QueueSource:
    queue_arn: str
    batch_size: int


@dataclass(frozen=True)
class ScheduleSource:
    """The template's rate does not matter locally: every schedule ticks every two seconds."""

    rule: str


Source = StreamSource | QueueSource | ScheduleSource


@dataclass(frozen=True)
class Function:
    logical_id: str
    handler: str
    timeout: int
    memory: int
    environment: dict[str, str]
    statements: tuple[dict[str, Any], ...]
    routes: tuple[Route, ...] = field(default=())
    sources: tuple[Source, ...] = field(default=())

    @property
    def name(self) -> str:
        """Its name in the logs: the handler's module."""
        return self.handler.rsplit(".", 2)[-2]


def functions(template: Template) -> Iterator[Function]:
    """Every function; the resources that it refers to must exist already."""
    shared = template.global_properties("Function")
    routes = _routes(template)
    for logical_id, own in template.resources("AWS::Serverless::Function").items():
        properties = {**shared, **own}
        yield Function(
            logical_id=logical_id,
            handler=properties["Handler"],
            timeout=int(properties.get("Timeout", 3)),
            memory=int(properties.get("MemorySize", 128)),
            environment=_environment(template, shared, own),
            statements=tuple(_statements(template, properties["Role"])),
            routes=tuple(routes.get(logical_id, ())),
            sources=tuple(
                _source(name, event, template) for name, event in properties.get("Events", {}).items()
            ),
        )


def audience(template: Template) -> list[str]:
    """The audience that the template's authorizer demands of a token."""
    [authorizer] = template.resources("AWS::ApiGatewayV2::Authorizer").values()
    wanted: list[str] = template.resolve(authorizer["JwtConfiguration"]["Audience"])
    return wanted


def _routes(template: Template) -> dict[str, list[Route]]:
    """The HTTP API's routes by the function that they invoke."""
    leads_to: dict[str, str] = {}
    for logical_id, integration in template.resources("AWS::ApiGatewayV2::Integration").items():
        template.refs[logical_id] = logical_id
        leads_to[f"integrations/{logical_id}"] = integration["IntegrationUri"]["Ref"].removesuffix(".Alias")
    found: dict[str, list[Route]] = {}
    for route in template.resources("AWS::ApiGatewayV2::Route").values():
        method, path = route["RouteKey"].split(" ", 1)
        kind = route.get("AuthorizationType", "NONE")
        if kind not in ("JWT", "NONE"):
            raise BadTemplate(
                f"route {route['RouteKey']}: the local gateway knows no authorization by {kind}"
            )
        scopes = tuple(route.get("AuthorizationScopes", ())) or None
        target = leads_to[template.resolve(route["Target"])]
        found.setdefault(target, []).append(Route(method, path, kind == "JWT", scopes))
    return found


def _statements(template: Template, role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statements of a role, named by its GetAtt. Its shared policies are for what one machine lacks."""
    logical_id, _ = role["Fn::GetAtt"]
    for policy in template.resources("AWS::IAM::Role")[logical_id]["Policies"]:
        yield from template.resolve(policy["PolicyDocument"])["Statement"]


def _environment(template: Template, *layers: dict[str, Any]) -> dict[str, str]:
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update(layer.get("Environment", {}).get("Variables", {}))
    return {name: template.reveal(str(value)) for name, value in template.resolve(merged).items()}


def _source(name: str, event: dict[str, Any], template: Template) -> Source:
    kind, properties = event["Type"], template.resolve(event.get("Properties", {}))
    if kind == "SQS":
        return QueueSource(properties["Queue"], int(properties.get("BatchSize", 10)))
    if kind == "Schedule":
        return ScheduleSource(name)
    if kind == "DynamoDB":
        return _stream(properties)
    raise BadTemplate(f"event {name}: the local stack knows no {kind} events")


def _stream(properties: dict[str, Any]) -> StreamSource:
    retries = int(properties.get("MaximumRetryAttempts", -1))
    filters = properties.get("FilterCriteria", {}).get("Filters", [])
    return StreamSource(
        table=properties["Stream"].split("/")[1],
        batch_size=int(properties.get("BatchSize", 100)),
        patterns=tuple(json.loads(one["Pattern"]) for one in filters),
        retries=None if retries < 0 else retries,
        bisect=bool(properties.get("BisectBatchOnFunctionError", False)),
        on_failure=properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
    )
