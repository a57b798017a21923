"""The template's conventions: each is broken in a copy, and the rule that holds it says so, and why."""

import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.config import ConfigMixIn
from cfnlint.decode import decode
from cfnlint.helpers import load_plugins
from cfnlint.rules import RulesCollection
from cfnlint.runner.template.runner import run_template_by_file_path

from infra.local.template import ACCOUNT, Template

INFRA = Path(__file__).parents[1] / "infra"
TEMPLATE = INFRA / "template.yaml"

BREAKAGES = {
    "a function without a log group": (
        "LoggingConfig: { LogFormat: JSON, LogGroup: !Ref ReclaimLogs }",
        "LoggingConfig: { LogFormat: JSON }",
        "E9101 ReclaimFunction has no log group of its own",
    ),
    "a queue without dead letters": (
        "RedrivePolicy: { deadLetterTargetArn: !GetAtt DeliveryDeadLetters.Arn, maxReceiveCount: 5 }",
        "",
        "E9102 DeliverFunction has no dead-letter queue for DeliveryQueue",
    ),
    "a stream without dead letters": (
        "OnFailure: { Type: SQS, Destination: !GetAtt ChangesDeadLetters.Arn }",
        "{}",
        "E9102 ChangesFunction has no dead-letter queue for Commits",
    ),
    "a schedule without dead letters": (
        "DeadLetterQueue: { Type: SQS, TargetArn: !GetAtt SweepDeadLetters.Arn }",
        "",
        "E9102 SweepFunction has no dead-letter queue for EveryMinute",
    ),
    "dead letters without an alarm": (
        "Dimensions: [{ Name: QueueName, Value: !GetAtt JobsDeadLetters.QueueName }]",
        "Dimensions: [{ Name: QueueName, Value: !GetAtt JobsQueue.QueueName }]",
        "E9103 JobsDeadLetters has no alarm",
    ),
    "dead letters kept for four days": (
        "Properties: { FifoQueue: true, MessageRetentionPeriod: 1209600, SqsManagedSseEnabled: true }",
        "Properties: { FifoQueue: true, SqsManagedSseEnabled: true }",
        "E9104 DeliveryDeadLetters does not keep its messages for two weeks",
    ),
    "a mapping without partial batches": (
        "            FunctionResponseTypes: [ReportBatchItemFailures]\n            DestinationConfig",
        "            DestinationConfig",
        "E9105 ChangesFunction gives no partial-batch responses",
    ),
    "a queue more impatient than its function": (
        "VisibilityTimeout: 60",
        "VisibilityTimeout: 59",
        "E9106 JobsQueue hides a message for a shorter time than JobsFunction may take",
    ),
    "a parameter that never arrives": (
        "${StoreName} ${RestartTokenKeysVersion} ${HistoryDays}",
        "${StoreName} ${HistoryDays}",
        "E9107 ApiFunction does not say RestartTokenKeysVersion in its VersionDescription",
    ),
    "an action with a wildcard": (
        "Action: dynamodb:Query",
        "Action: dynamodb:*",
        "E9201 ApiRole may dynamodb:*",
    ),
    "a right to everything": (
        "Action: dynamodb:Query, Resource: !Sub \"${Table.Arn}/index/by-due\"",
        "Action: dynamodb:Query, Resource: '*'",
        "E9201 SweepRole may dynamodb:Query on everything",
    ),
    "a right to every queue of the region": (
        "Resource: !GetAtt ReclaimQueue.Arn",
        'Resource: !Sub "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:*"',
        "E9201 ReclaimRole may sqs:DeleteMessage on everything",
    ),
    "a policy of somebody else's": (
        "ManagedPolicyArns: [!Ref Tracing]",
        "ManagedPolicyArns: [arn:aws:iam::aws:policy/AmazonS3FullAccess]",
        "E9201 ApiRole takes a policy that is not in this template",
    ),
    "a function without a role": (
        "Role: !GetAtt JobsRole.Arn",
        "",
        "E9207 JobsFunction has no role of its own",
    ),
    "a role for two functions": (
        "Role: !GetAtt JobsRole.Arn",
        "Role: !GetAtt ArrivalRole.Arn",
        "E9207 JobsFunction has no role of its own",
    ),
    "logs for ever": (
        "  ApiLogs:\n    Type: AWS::Logs::LogGroup\n    Properties: { RetentionInDays: !Ref LogDays }",
        "  ApiLogs:\n    Type: AWS::Logs::LogGroup",
        "E9202 ApiLogs does not end after LogDays",
    ),
    "a queue in the clear": (
        "Properties: { FifoQueue: true, MessageRetentionPeriod: 1209600, SqsManagedSseEnabled: true }",
        "Properties: { FifoQueue: true, MessageRetentionPeriod: 1209600 }",
        "E9203 DeliveryDeadLetters is not encrypted",
    ),
    "a table that goes with the stack": (
        "    Type: AWS::DynamoDB::Table\n    DeletionPolicy: Retain\n",
        "    Type: AWS::DynamoDB::Table\n",
        "E9204 Table has no DeletionPolicy: Retain",
    ),
    "a bucket that goes with a property": (
        "    DependsOn: ArrivalQueuePolicy\n    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n",
        "    DependsOn: ArrivalQueuePolicy\n    DeletionPolicy: Retain\n",
        "E9204 ContentBucket has no UpdateReplacePolicy: Retain",
    ),
    "a parameter that takes anything": (
        "    AllowedPattern: \\S{1,255}\n",
        "",
        "E9205 Audience takes any value",
    ),
    "a parameter that refuses without a word": (
        "    ConstraintDescription: 1 to 255 characters, no space\n",
        "",
        "E9205 Audience takes any value",
    ),
    "a number without an end": (
        "    MaxValue: 10000\n",
        "",
        "E9205 RequestsPerSecond takes any value",
    ),
    "a path in the access log": (
        '"route":"$context.routeKey"',
        '"route":"$context.path"',
        "E9206 ApiStage logs $context.path",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def rules() -> RulesCollection:
    own = RulesCollection()
    own.extend(load_plugins(str(INFRA / "lint" / "rules")))
    return own


def told(template: Path, rules: RulesCollection) -> list[str]:
    matches = run_template_by_file_path(str(template), ConfigMixIn(regions=["us-east-1"]), rules, False)
    return [f"{match.rule.id} {match.message}" for match in matches]


def test_the_template_keeps_every_convention_of_ours(rules: RulesCollection) -> None:
    assert told(TEMPLATE, rules) == []


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_convention_is_told_with_its_reason(
    breakage: str, rules: RulesCollection, tmp_path: Path
) -> None:
    written, instead, message = BREAKAGES[breakage]
    text = TEMPLATE.read_text()
    assert written in text
    copy = tmp_path / "template.yaml"
    copy.write_text(text.replace(written, instead, 1))

    found = told(copy, rules)

    assert [one for one in found if one.startswith(message)] == found[:1]
    assert ": " in found[0]


def test_each_rule_is_broken_by_one_of_the_copies(rules: RulesCollection) -> None:
    broken = {message.split(" ")[0] for _, _, message in BREAKAGES.values()}

    assert broken == {rule.id for rule in rules if rule.id.startswith("E9")}


# Parameters ----------------------------------------------------------------------------------------------

WRONG = {
    "Issuer": [
        "http://issuer.example",
        "https://issuer.example/",
        "issuer",
        "https://a b",
        "http://127.0.0.2:1",
    ],
    "Audience": ["", "a b"],
    "StoreName": ["", "a/b", "a" * 65, "a#b"],
    "ServerRoot": ["nms.example.com", "https://nms.example.com/", "https://nms.example.com/path"],
    "CorsOrigins": ["app.example.com", "https://app.example.com/", "https://*.example.com"],
    "SignInCallback": ["callback", "https://app.example.com/#done"],
    "AlarmTopic": ["alarms", "arn:aws:sqs:eu-west-1:123456789012:alarms"],
    "RestartTokenKeysVersion": ["2", "AWSCURRENT", "{{}}"],
}
RIGHT = {
    "Issuer": [
        "",
        "https://issuer.example",
        "https://issuer.example/realms/one",
        "http://127.0.0.1:8080/local",
    ],
    "Audience": ["onecopy", "https://nms.example.com"],
    "StoreName": ["main", "tenant-1.eu"],
    "ServerRoot": ["", "https://nms.example.com", "http://127.0.0.1:8080"],
    "CorsOrigins": ["", "*", "https://app.example.com", "http://localhost:3000"],
    "SignInCallback": ["onecopy://signed-in", "https://app.example.com/done"],
    "AlarmTopic": ["", "arn:aws:sns:eu-west-1:123456789012:alarms"],
    "RestartTokenKeysVersion": ["", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_parameter_is_refused_before_anything_is_made(name: str) -> None:
    """CloudFormation matches a pattern against the whole of a value."""
    template, _ = decode(str(TEMPLATE))
    pattern = template["Parameters"][name]["AllowedPattern"]

    assert [value for value in WRONG[name] if re.fullmatch(pattern, value)] == []
    assert [value for value in RIGHT[name] if not re.fullmatch(pattern, value)] == []


def test_every_pattern_is_tried() -> None:
    template, _ = decode(str(TEMPLATE))
    patterns = {name for name, one in template["Parameters"].items() if "AllowedPattern" in one}

    assert patterns == WRONG.keys() == RIGHT.keys()


@pytest.mark.parametrize("paused", ["no", "yes"])
def test_paused_no_function_runs_and_what_waits_goes_on_waiting(paused: str) -> None:
    """Or a restore would write over what is just being written."""
    template = Template(TEMPLATE, {"Paused": paused, "Issuer": "https://issuer.example"})
    shared = template.resolve({"of": template.global_properties("Function")["ReservedConcurrentExecutions"]})
    goes_on = [
        template.resolve(event["Properties"].get("Enabled", event["Properties"].get("State")))
        for function in template.resources("AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
    ]

    assert shared == ({"of": 0} if paused == "yes" else {})
    assert len(goes_on) == 6
    assert set(goes_on) == ({False, "DISABLED"} if paused == "yes" else {True, "ENABLED"})


def test_what_a_version_is_called_has_room_for_the_longest_values() -> None:
    """Lambda takes 256 characters; a longer description would fail in the middle of a deployment."""
    template, _ = decode(str(TEMPLATE))
    longest = {name: max(map(len, map(str, _longest(one)))) for name, one in template["Parameters"].items()}
    description = template["Resources"]["ApiFunction"]["Properties"]["VersionDescription"]["Fn::Sub"]

    assert len(re.sub(r"\$\{(\w+)\}", lambda match: "x" * longest[match[1]], description)) <= 256


def _longest(parameter: dict[str, Any]) -> list[Any]:
    """Values of which one is as long as any that it takes; endless where nothing bounds it."""
    if bounds := re.fullmatch(r".*\{(?:1,)?(\d+)\}", parameter.get("AllowedPattern", "")):
        return ["x" * int(bounds[1])]
    if "MaxLength" in parameter:
        return ["x" * int(parameter["MaxLength"])]
    return parameter.get("AllowedValues") or [parameter.get("MaxValue", "x" * 4096)]


@pytest.mark.parametrize(
    ("emulator", "account", "closed"),
    [("no", ACCOUNT, 1), ("yes", ACCOUNT, 0), ("yes", "123456789012", 1)],
)
def test_the_emulators_parameter_opens_nothing_at_aws(emulator: str, account: str, closed: int) -> None:
    """There the bucket speaks TLS alone, and no webhook is on the machine itself."""
    template = Template(TEMPLATE, {"Emulator": emulator, "Issuer": "https://issuer.example"})
    template.refs["AWS::AccountId"] = account
    assert len(template.resources("AWS::S3::BucketPolicy")) == closed
    sender = template.resources("AWS::Serverless::Function")["DeliverFunction"]
    local = template.resolve(sender["Environment"]["Variables"]["ALLOW_LOCAL_CALLBACKS"])
    assert (local == "1") == (not closed)


def test_several_batches_of_a_shard_are_worked_on_at_once_and_their_failures_told_one_by_one() -> None:
    """Lambda keeps the order of each partition key, more is not needed: see `changes`."""
    template = Template(TEMPLATE, {"Issuer": "https://issuer.example"})
    functions = template.resources("AWS::Serverless::Function")
    [commits] = functions["ChangesFunction"]["Events"].values()

    assert commits["Properties"]["ParallelizationFactor"] == 10
    assert commits["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
