"""What AWS does or refuses but no emulator shows: each rule says what would happen at AWS."""

import string
from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch

from infra.aws.lint import reading

_KINDS = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}


class SecretsCanBeMade(CloudFormationLintRule):
    id = "E9301"
    shortdesc = "A generated secret has characters of each kind that it must have"
    description = "Secrets Manager refuses any other, and the first deployment fails"
    tags = ("secrets",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        return list(self._impossible(cfn.template))

    def _impossible(self, template: reading.Json) -> Iterator[RuleMatch]:
        for name, secret in reading.of_kind(template, "AWS::SecretsManager::Secret"):
            wanted = secret.get("GenerateSecretString", {})
            if wanted.get("RequireEachIncludedType", True) is not True:
                continue
            left_out = set(wanted.get("ExcludeCharacters", ""))
            for switch, kind in _KINDS.items():
                if not wanted.get(switch) and left_out >= set(kind):
                    yield RuleMatch(
                        ["Resources", name],
                        f"{name} leaves out all that {switch} would, but not by that name: Secrets Manager "
                        "would still require one of them, and refuse",
                    )


class LoopsAreMeant(CloudFormationLintRule):
    id = "E9302"
    shortdesc = "A function that puts messages into its own queue may do so for ever"
    description = "Lambda takes it for an endless loop and drops its invocations after about sixteen turns"
    tags = ("functions", "queues")

    def match(self, cfn: Any) -> list[RuleMatch]:
        functions = dict(reading.functions(cfn.template))
        return [
            RuleMatch(
                ["Resources", source.function],
                f"{source.function} rings itself and does not say RecursiveLoop: Allow: after about sixteen "
                "turns Lambda would drop the rest of its work",
            )
            for source in reading.sources(cfn.template)
            if source.by in reading.written_to(cfn.template, functions[source.function])
            and functions[source.function].get("RecursiveLoop") != "Allow"
        ]


class OldVersionsEnd(CloudFormationLintRule):
    id = "E9303"
    shortdesc = "A bucket's versions of deleted content expire, whatever the parameters"
    description = "A bucket that ever had versions keeps them when versioning is no longer named"
    tags = ("retention",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} may keep old versions for ever: without an explicit status, and an unconditional "
                "expiration, deleted content would stay readable for those who look for it",
            )
            for name, bucket in reading.of_kind(cfn.template, "AWS::S3::Bucket")
            if not self._ends(bucket)
        ]

    def _ends(self, bucket: reading.Json) -> bool:
        versioning = bucket.get("VersioningConfiguration", {})
        rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
        return "Status" in versioning and any(
            rule.get("Status") == "Enabled" and "NoncurrentVersionExpiration" in rule for rule in rules
        )


class PublishedVersionsGo(CloudFormationLintRule):
    id = "E9304"
    shortdesc = "A published version is deleted when the next one has taken its place"
    description = "SnapStart caches each version, and bills it by the hour"
    tags = ("functions", "costs")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} keeps every version that was ever published: SnapStart's cache bills each of them",
            )
            for name, function in reading.functions(cfn.template)
            if function.get("AutoPublishAlias") and function.get("VersionDeletionPolicy") != "Delete"
        ]


class MappingsAreBounded(CloudFormationLintRule):
    id = "E9305"
    shortdesc = "A queue's mapping takes no more than its share of the account's concurrency"
    description = "Without a maximum, a long queue leaves nothing for the requests"
    tags = ("functions", "queues")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", source.function],
                f"{source.function} has no MaximumConcurrency for {source.by}: when that queue is long, "
                "none of the account's concurrency would be left for requests",
            )
            for source in reading.sources(cfn.template)
            if source.kind == "SQS" and "MaximumConcurrency" not in source.mapping.get("ScalingConfig", {})
        ]


class AccessLogsAreVended(CloudFormationLintRule):
    id = "E9306"
    shortdesc = "An access log goes to a group below /aws/vendedlogs/"
    description = "For any other, AWS adds to the account's one resource policy, until it is full"
    tags = ("logs",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        groups = dict(reading.of_kind(cfn.template, "AWS::Logs::LogGroup"))
        written = {
            group
            for _, stage in reading.of_kind(cfn.template, "AWS::ApiGatewayV2::Stage")
            if (group := reading.referred(stage.get("AccessLogSettings", {}).get("DestinationArn")))
        }
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} is not below /aws/vendedlogs/: AWS would name it in the account's resource policy, "
                "and when that is full, the deployment fails",
            )
            for name in sorted(written & groups.keys())
            if not str(groups[name].get("LogGroupName", {}).get("Fn::Sub", "")).startswith("/aws/vendedlogs/")
        ]


class FunctionsAreWatched(CloudFormationLintRule):
    id = "E9307"
    shortdesc = "Each function has its alarms"
    description = "Otherwise a failing function is noticed late, by what it did not do"
    tags = ("functions", "alarms")

    def match(self, cfn: Any) -> list[RuleMatch]:
        watched = {
            name
            for _, stack in reading.of_kind(cfn.template, "AWS::CloudFormation::Stack")
            if stack.get("TemplateURL") == "function-alarms.yaml"
            for name in reading.mentioned(stack.get("Parameters"))
        }
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} has no alarms of its own: nobody would see its errors, its throttles or a loop "
                "that was cut off",
            )
            for name, _ in reading.functions(cfn.template)
            if name not in watched
        ]
