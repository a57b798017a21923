"""What every function has, and what every asynchronous one needs if nothing shall be lost unseen."""

from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch

from infra.aws.lint import reading

TWO_WEEKS = 1_209_600
"""The longest time that a queue keeps a message."""

PATIENCE = 6
"""A queue's visibility timeout as a multiple of its function's timeout."""


class OwnLogGroup(CloudFormationLintRule):
    id = "E9101"
    shortdesc = "Each function logs to a group of this template"
    description = "A group that Lambda creates by itself keeps everything for ever, and outlives the stack"
    tags = ("functions", "logs")

    def match(self, cfn: Any) -> list[RuleMatch]:
        groups = {name for name, _ in reading.of_kind(cfn.template, "AWS::Logs::LogGroup")}
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} has no log group of its own: Lambda would create one that keeps all for ever",
            )
            for name, function in reading.functions(cfn.template)
            if reading.referred(function.get("LoggingConfig", {}).get("LogGroup")) not in groups
        ]


class DeadLetters(CloudFormationLintRule):
    id = "E9102"
    shortdesc = "Each asynchronous function has a dead-letter queue"
    description = "Without it, work that cannot be done is retried for ever or silently lost"
    tags = ("functions", "queues")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", source.function],
                f"{source.function} has no dead-letter queue for {source.by}: what it cannot do would be "
                "lost, or block for ever what comes after it",
            )
            for source in reading.sources(cfn.template)
            if not source.dead_letters
        ]


class DeadLettersAreHeard(CloudFormationLintRule):
    id = "E9103"
    shortdesc = "Each dead-letter queue has an alarm"
    description = "A dead-letter queue that nobody looks at is a slow way to lose messages"
    tags = ("queues", "alarms")

    def match(self, cfn: Any) -> list[RuleMatch]:
        watched = {
            name
            for _, alarm in reading.of_kind(cfn.template, "AWS::CloudWatch::Alarm")
            if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
            for name in reading.mentioned(alarm.get("Dimensions"))
        }
        return [
            RuleMatch(
                ["Resources", source.dead_letters],
                f"{source.dead_letters} has no alarm: what {source.function} could not do would lie there "
                "until it expires, and nobody would know",
            )
            for source in reading.sources(cfn.template)
            if source.dead_letters and source.dead_letters not in watched
        ]


class DeadLettersAreKept(CloudFormationLintRule):
    id = "E9104"
    shortdesc = "A dead-letter queue keeps its messages for two weeks"
    description = "The default is four days: a long weekend"
    tags = ("queues", "retention")

    def match(self, cfn: Any) -> list[RuleMatch]:
        queues = dict(reading.of_kind(cfn.template, "AWS::SQS::Queue"))
        letters = (source.dead_letters for source in reading.sources(cfn.template))
        names = {name for name in letters if name in queues}
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} does not keep its messages for two weeks: after a long weekend there would be "
                "nothing left to redrive",
            )
            for name in sorted(names)
            if queues[name].get("MessageRetentionPeriod") != TWO_WEEKS
        ]


class PartialBatches(CloudFormationLintRule):
    id = "E9105"
    shortdesc = "Each event source mapping accepts partial-batch responses"
    description = "Otherwise one failure repeats the whole batch, and drags it into the dead-letter queue"
    tags = ("functions", "queues")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", source.function],
                f"{source.function} gives no partial-batch responses: one record that fails would repeat the "
                "whole batch, and take it along to the dead-letter queue",
            )
            for source in reading.sources(cfn.template)
            if source.kind in reading.MAPPED
            and "ReportBatchItemFailures" not in source.mapping.get("FunctionResponseTypes", [])
        ]


class TimeToWork(CloudFormationLintRule):
    id = "E9106"
    shortdesc = "A queue's visibility timeout is six times its function's timeout"
    description = "AWS advises it for the retries of a throttled batch, and refuses less than one times"
    tags = ("functions", "queues")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return list(self._too_short(cfn.template))

    def _too_short(self, template: reading.Json) -> Iterator[RuleMatch]:
        queues = dict(reading.of_kind(template, "AWS::SQS::Queue"))
        functions = dict(reading.functions(template))
        for source in reading.sources(template):
            hidden = queues.get(source.by, {}).get("VisibilityTimeout", 30)
            if source.by in queues and hidden < PATIENCE * functions[source.function].get("Timeout", 3):
                yield RuleMatch(
                    ["Resources", source.by],
                    f"{source.by} hides a message for less than {PATIENCE} times what {source.function} may "
                    "take: while Lambda throttles, two invocations would work on the same message",
                )


class ParametersArrive(CloudFormationLintRule):
    id = "E9107"
    shortdesc = "An alias gets a new version when a parameter changes"
    description = "The transform publishes a version for new code or a new template, not for new values"
    tags = ("functions", "parameters")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return list(self._unseen(cfn.template))

    def _unseen(self, template: reading.Json) -> Iterator[RuleMatch]:
        shared = template.get("Globals", {}).get("Function", {}).get("Environment", {})
        for name, function in reading.functions(template):
            if not function.get("AutoPublishAlias"):
                continue
            told = reading.parameters(template, function.get("VersionDescription"))
            given = reading.parameters(template, [shared, function.get("Environment", {})])
            for parameter in sorted(one for one in given - told if f"{one}Version" not in told):
                yield RuleMatch(
                    ["Resources", name],
                    f"{name} does not say {parameter} in its VersionDescription: if it changed, the "
                    "deployment would succeed, and the alias would go on with the old value",
                )
