"""The template as the rules read it: what refers to what, and what calls which function."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]
MAPPED = ("SQS", "DynamoDB", "Kinesis")
"""Events that come in batches, by an event source mapping."""


class Resource(NamedTuple):
    logical_id: str
    properties: Json


class Source(NamedTuple):
    """What calls a function and waits for no answer, and where it puts what the function does not do."""

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
    """Every resource that is named somewhere in a value."""
    if name := referred(value):
        yield name
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from mentioned(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from mentioned(inner)


def functions(template: Json) -> list[Resource]:
    """Each with what the Globals give to all."""
    shared = template.get("Globals", {}).get("Function", {})
    found = of_kind(template, "AWS::Serverless::Function")
    return [Resource(name, {**shared, **own}) for name, own in found]


def sources(template: Json) -> Iterator[Source]:
    """Of every asynchronous function: its queue, its stream or its schedule."""
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
