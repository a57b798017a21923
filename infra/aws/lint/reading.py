"""Reads the template for the rules: what refers to what, and what calls which function."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]
MAPPED = ("SQS", "DynamoDB", "Kinesis")
"""Events that come in batches, through an event source mapping."""

_PLACE = re.compile(r"\$\{([A-Za-z0-9]+)\}")


class Resource(NamedTuple):
    logical_id: str
    properties: Json


class Source(NamedTuple):
    """What calls a function without waiting for an answer, and where it puts what the function cannot do."""

    by: str
    function: str
    kind: str
    mapping: Json
    dead_letters: str | None


def of_kind(template: Json, kind: str) -> list[Resource]:
    """The resources of one type."""
    found = template.get("Resources", {}).items()
    return [Resource(name, one.get("Properties", {})) for name, one in found if one.get("Type") == kind]


def referred(value: Any) -> str | None:
    """The resource that a Ref or a GetAtt names."""
    if isinstance(value, Mapping) and len(value) == 1:
        target = next(iter(value.values()))
        if "Ref" in value:
            return str(target)
        if "Fn::GetAtt" in value:
            return str(target[0] if isinstance(target, list) else target.split(".")[0])
    return None


def mentioned(value: Any) -> Iterator[str]:
    """Every resource that is named anywhere in a value."""
    if name := referred(value):
        yield name
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from mentioned(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from mentioned(inner)


def parameters(template: Json, value: Any) -> set[str]:
    """The parameters that a value depends on, including those of its conditions."""
    if isinstance(value, list):
        return {name for inner in value for name in parameters(template, inner)}
    if not isinstance(value, Mapping):
        return set()
    declared = template.get("Parameters", {}).keys()
    found: set[str] = set()
    for key, inner in value.items():
        if key == "Ref":
            found |= declared & {inner}
        elif key == "Fn::Sub":
            text, given = inner if isinstance(inner, list) else (inner, {})
            found |= declared & set(_PLACE.findall(text)) - set(given) | parameters(template, given)
        elif key == "Fn::If":
            asked = template["Conditions"][inner[0]]
            found |= parameters(template, [asked, *inner[1:]])
        elif key == "Condition":
            found |= parameters(template, template["Conditions"][inner])
        else:
            found |= parameters(template, inner)
    return found


def listed(value: Any) -> list[Any]:
    """As a list what a policy may write as one value or as a list."""
    return value if isinstance(value, list) else [value]


def functions(template: Json) -> list[Resource]:
    """The functions, each with the properties of Globals."""
    shared = template.get("Globals", {}).get("Function", {})
    found = of_kind(template, "AWS::Serverless::Function")
    return [Resource(name, {**shared, **own}) for name, own in found]


def sources(template: Json) -> Iterator[Source]:
    """The source of every asynchronous function: its queue, its stream or its schedule."""
    queues = dict(of_kind(template, "AWS::SQS::Queue"))
    for name, function in functions(template):
        for event_name, event in function.get("Events", {}).items():
            given = event.get("Properties", {})
            by, letters = event_name, function.get("DeadLetterQueue", {}).get("TargetArn")
            if event["Type"] == "SQS":
                by = referred(given["Queue"]) or event_name
                letters = queues.get(by, {}).get("RedrivePolicy", {}).get("deadLetterTargetArn")
            elif event["Type"] in MAPPED:
                letters = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            if event["Type"] not in ("Api", "HttpApi"):
                yield Source(by, name, event["Type"], given, referred(letters))


def written_to(template: Json, function: Json) -> set[str]:
    """The queues to which a function's role lets it send."""
    role = dict(of_kind(template, "AWS::IAM::Role")).get(referred(function.get("Role")) or "", {})
    found: set[str] = set()
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            if "sqs:SendMessage" in listed(statement.get("Action", [])):
                found |= set(mentioned(statement.get("Resource", [])))
    return found


def trusted(role: Json) -> set[str]:
    """The services that may assume a role."""
    statements = role.get("AssumeRolePolicyDocument", {}).get("Statement", [])
    return {str(statement.get("Principal", {}).get("Service")) for statement in statements}
