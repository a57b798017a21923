"""What guards data and rights: no wildcards, encryption, retention, parameters that refuse wrong values."""

import json
from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch

from infra.aws.lint import reading

NOTHING_NARROWER = frozenset({"dynamodb:ListStreams", "xray:PutTraceSegments", "xray:PutTelemetryRecords"})
"""Actions that AWS grants on all resources or on none."""

_KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
"""A first deployment that fails deletes what it created, because nobody has put anything into it."""

_HOLDS_DATA = (
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::Cognito::UserPool",
    "AWS::SecretsManager::Secret",
)


class NoWildcard(CloudFormationLintRule):
    id = "E9201"
    shortdesc = "A role names its actions and resources"
    description = "A right that nobody wrote down is a right whose abuse nobody notices"
    tags = ("iam",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        found: list[RuleMatch] = []
        for name, role in reading.of_kind(cfn.template, "AWS::IAM::Role"):
            if reading.trusted(role) == {"backup.amazonaws.com"}:
                continue  # it runs none of this code, and only AWS knows what it needs
            for number, policy in enumerate(role.get("Policies", [])):
                path = ["Resources", name, "Properties", "Policies", number]
                found += self._of(name, path, policy["PolicyDocument"])
            found += self._foreign(name, role)
        for name, policy in reading.of_kind(cfn.template, "AWS::IAM::ManagedPolicy"):
            found += self._of(name, ["Resources", name], policy["PolicyDocument"])
        return found

    def _of(self, name: str, path: list[Any], document: reading.Json) -> Iterator[RuleMatch]:
        for statement in reading.listed(document["Statement"]):
            actions = reading.listed(statement.get("Action", "*"))
            for action in actions:
                if "*" in action:
                    yield RuleMatch(path, f"{name} may {action}: name the actions, or AWS may add to them")
            if any(self._is_all(one) for one in reading.listed(statement.get("Resource", "*"))):
                for action in sorted(set(actions) - NOTHING_NARROWER):
                    yield RuleMatch(path, f"{name} may {action} on everything in the account: name it")

    def _is_all(self, resource: Any) -> bool:
        text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
        return isinstance(text, str) and (text == "*" or text.endswith(":*"))

    def _foreign(self, name: str, role: reading.Json) -> Iterator[RuleMatch]:
        for policy in role.get("ManagedPolicyArns", []):
            if not set(reading.mentioned(policy)) - {"AWS::NoValue"}:
                yield RuleMatch(
                    ["Resources", name],
                    f"{name} takes a policy that is not in this template: nothing here tells what it allows",
                )


class OwnRole(CloudFormationLintRule):
    id = "E9207"
    shortdesc = "Each function has a role of its own, written here"
    description = "The transform would create one, with AWS's managed policies for the whole account"
    tags = ("iam", "functions")

    def match(self, cfn: Any) -> list[RuleMatch]:
        taken: set[str | None] = {None}
        found = []
        for name, function in reading.functions(cfn.template):
            role = reading.referred(function.get("Role"))
            if role in taken:
                found.append(
                    RuleMatch(
                        ["Resources", name],
                        f"{name} has no role of its own: it would get another's rights, or the transform's "
                        "on every queue and every log of the account",
                    )
                )
            taken.add(role)
        return found


class LogsEnd(CloudFormationLintRule):
    id = "E9202"
    shortdesc = "Each log group expires by the parameter LogDays"
    description = "Logs without an end are a bill and a liability"
    tags = ("logs", "retention")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} does not end after LogDays: logs without an end are a bill, and a liability",
            )
            for name, group in reading.of_kind(cfn.template, "AWS::Logs::LogGroup")
            if group.get("RetentionInDays") != {"Ref": "LogDays"}
        ]


class QueuesAreEncrypted(CloudFormationLintRule):
    id = "E9203"
    shortdesc = "Each queue is encrypted"
    description = "A message names a box"
    tags = ("queues",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(["Resources", name], f"{name} is not encrypted: its messages name boxes, and so people")
            for name, queue in reading.of_kind(cfn.template, "AWS::SQS::Queue")
            if queue.get("SqsManagedSseEnabled") is not True
        ]


class DataOutliveTheStack(CloudFormationLintRule):
    id = "E9204"
    shortdesc = "Resources that hold data are retained"
    description = "One command deletes a stack, and one property replaces a resource"
    tags = ("retention",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} has no {policy}: {value}: all messages would go with a stack or a property, or an "
                "empty one would stay behind when a first deployment fails",
            )
            for name, one in cfn.template.get("Resources", {}).items()
            if one.get("Type") in _HOLDS_DATA
            for policy, value in _KEPT.items()
            if one.get(policy) != value
        ]


class ParametersRefuse(CloudFormationLintRule):
    id = "E9205"
    shortdesc = "Each parameter says what it takes"
    description = "A wrong value must fail at validation, not in the middle of a deployment or at a request"
    tags = ("parameters",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Parameters", name],
                f"{name} takes any value: a wrong one would fail at some request, not at validation",
            )
            for name, parameter in cfn.template.get("Parameters", {}).items()
            if not self._refuses(parameter)
        ]

    def _refuses(self, parameter: reading.Json) -> bool:
        if "AllowedValues" in parameter:
            return True
        if parameter["Type"] == "Number":
            return "MinValue" in parameter and "MaxValue" in parameter
        return "AllowedPattern" in parameter and "ConstraintDescription" in parameter


class NothingReadableIsLogged(CloudFormationLintRule):
    id = "E9206"
    shortdesc = "Access logs hold no path, query or claim"
    description = "They name people, and whom they write to"
    tags = ("logs",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        return list(self._named(cfn.template))

    def _named(self, template: reading.Json) -> Iterator[RuleMatch]:
        for name, stage in reading.of_kind(template, "AWS::ApiGatewayV2::Stage"):
            settings = stage.get("AccessLogSettings")
            if not settings:
                yield RuleMatch(
                    ["Resources", name], f"{name} writes no access log: who was refused, and why?"
                )
                continue
            for variable in json.loads(settings["Format"]).values():
                if variable.startswith(("$context.path", "$context.authorizer.claims", "$context.identity")):
                    yield RuleMatch(
                        ["Resources", name],
                        f"{name} logs {variable}: it names people, and whom they write to",
                    )
