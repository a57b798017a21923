"""The template's conventions: a copy of the template breaks each one, and its rule says so, and why."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cfnlint.config import ConfigMixIn
from cfnlint.decode import decode
from cfnlint.helpers import load_plugins
from cfnlint.rules import RulesCollection
from cfnlint.runner.template.runner import run_template_by_file_path

from infra.aws.lint.reading import parameters
from infra.aws.template import ACCOUNT, Template
from onecopy.domain import retention

INFRA = Path(__file__).parents[2] / "infra"
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
        "VisibilityTimeout: 360",
        "VisibilityTimeout: 359",
        "E9106 JobsQueue hides a message for less than 6 times what JobsFunction may take",
    ),
    "a parameter that never arrives": (
        "${HistoryDays} ${InlineLimit}",
        "${HistoryDays}",
        "E9107 ApiFunction does not say InlineLimit in its VersionDescription",
    ),
    "an action with a wildcard": (
        "Action: dynamodb:Query",
        "Action: dynamodb:*",
        "E9201 ApiRole may dynamodb:*",
    ),
    "a right to everything": (
        'Resource: [!GetAtt Table.Arn, !Sub "${Table.Arn}/index/by-due"]',
        "Resource: '*'",
        "E9201 SweepRole may dynamodb:Query on everything",
    ),
    "a right to every queue of the region": (
        "Resource: !GetAtt ReclaimQueue.Arn",
        'Resource: !Sub "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:*"',
        "E9201 ReclaimRole may sqs:DeleteMessage on everything",
    ),
    "a policy of somebody else's": (
        "ManagedPolicyArns: [!If [Traced, !Ref Tracing, !Ref AWS::NoValue]",
        "ManagedPolicyArns: [arn:aws:iam::aws:policy/AmazonS3FullAccess",
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
        "    Type: AWS::DynamoDB::Table\n    DeletionPolicy: RetainExceptOnCreate\n",
        "    Type: AWS::DynamoDB::Table\n",
        "E9204 Table has no DeletionPolicy: RetainExceptOnCreate",
    ),
    "a bucket that goes with a property": (
        "    UpdateReplacePolicy: Retain\n    Properties:\n      PublicAccess",
        "    Properties:\n      PublicAccess",
        "E9204 ContentBucket has no UpdateReplacePolicy: Retain",
    ),
    "an empty secret that stays behind": (
        "    Type: AWS::SecretsManager::Secret\n    DeletionPolicy: RetainExceptOnCreate\n",
        "    Type: AWS::SecretsManager::Secret\n    DeletionPolicy: Retain\n",
        "E9204 RestartTokenKeys has no DeletionPolicy: RetainExceptOnCreate",
    ),
    "a secret that cannot be made": (
        'ExcludePunctuation: true, ExcludeCharacters: ","',
        "ExcludeCharacters: \"!\\\"#$%&'()*+,-./:;<=>?@[\\\\]^_`{|}~\"",
        "E9301 RestartTokenKeys leaves out all that ExcludePunctuation would",
    ),
    "a loop that is cut off": (
        "      RecursiveLoop: Allow # it rings itself for what is left\n",
        "",
        "E9302 DeliverFunction rings itself and does not say RecursiveLoop: Allow",
    ),
    "old versions that nothing ends": (
        "NoncurrentVersionExpiration: { NoncurrentDays: !If [Restorable, !Ref RestoreDays, 1] }",
        "Prefix: direct/",
        "E9303 ContentBucket may keep old versions for ever",
    ),
    "versioning that is not named": (
        "      VersioningConfiguration: { Status: !If [Restorable, Enabled, Suspended] }\n",
        "",
        "E9303 ContentBucket may keep old versions for ever",
    ),
    "published versions that stay": (
        "      VersionDeletionPolicy: Delete # or SnapStart's cache of each costs on\n",
        "",
        "E9304 ApiFunction keeps every version that was ever published",
    ),
    "a queue that takes all there is": (
        "            ScalingConfig: { MaximumConcurrency: !Ref DeliveriesAtOnce }\n",
        "",
        "E9305 DeliverFunction has no MaximumConcurrency for DeliveryQueue",
    ),
    "an access log under a name of its own": (
        "LogGroupName: !Sub /aws/vendedlogs/onecopy/${AWS::StackName}",
        "LogGroupName: !Sub /onecopy/${AWS::StackName}",
        "E9306 AccessLogs is not below /aws/vendedlogs/",
    ),
    "a function that nobody watches": (
        "Parameters: { Function: !Ref SweepFunction, What: sweep, Topic: !Ref AlarmTopic }",
        "Parameters: { Function: !Ref JobsFunction, What: sweep, Topic: !Ref AlarmTopic }",
        "E9307 SweepFunction has no alarms of its own",
    ),
    "a parameter that takes anything": (
        '    AllowedPattern: "[^\\\\s,]{1,255}"\n',
        "",
        "E9205 Audience takes any value",
    ),
    "a parameter that refuses without a word": (
        "    ConstraintDescription: 1 to 64 letters, digits, dots, dashes, underscores\n",
        "",
        "E9205 StoreName takes any value",
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
    "a way to sign in whose tokens open nothing": (
        "ExplicitAuthFlows: [ALLOW_REFRESH_TOKEN_AUTH]",
        "ExplicitAuthFlows: [ALLOW_USER_SRP_AUTH, ALLOW_REFRESH_TOKEN_AUTH]",
        "E9501 AppClient can sign in by another flow",
    ),
    "ways to sign in that are Cognito's default": (
        "      AllowedOAuthScopes: [onecopy/network]\n      ExplicitAuthFlows: [ALLOW_REFRESH_TOKEN_AUTH]\n",
        "      AllowedOAuthScopes: [onecopy/network]\n",
        "E9501 NetworkClient can sign in by another flow",
    ),
    "a client that nobody expects": (
        "[!Ref AppClient, !Ref NetworkClient]",
        "[!Ref AppClient]",
        "E9502 NetworkClient is no audience of the authorizer",
    ),
    "an application that is the network": (
        "AllowedOAuthScopes: [openid, oma_rest_nms/all_v1]",
        "AllowedOAuthScopes: [openid, oma_rest_nms/all_v1, onecopy/network]",
        "E9503 AppClient may ask for the network's scope",
    ),
    "a network without a secret": (
        "      GenerateSecret: true\n",
        "      GenerateSecret: false\n",
        "E9503 NetworkClient may ask for the network's scope",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def rules() -> RulesCollection:
    own = RulesCollection()
    own.extend(load_plugins(str(INFRA / "aws" / "lint" / "rules")))
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
        "https://issuer.example/?tenant=1",
        "https:///path",
        "issuer",
        "https://a b",
        "http://127.0.0.2:1",
    ],
    "Audience": ["", "a b", "a,b", "a" * 256],
    "BoxClaim": ["", "phone number", "a#b", "a" * 46],
    "StoreName": ["", "a/b", "a" * 65, "a#b"],
    "ServerRoot": ["nms.example.com", "https://nms.example.com/", "https://nms.example.com/path"],
    "DomainName": ["https://nms.example.com", "nms.example.com/", "NMS.example.com", "localhost"],
    "DomainCertificate": ["certificate", "arn:aws:iam::123456789012:server-certificate/nms"],
    "DataKey": ["alias/messages", "arn:aws:kms:eu-west-1:123456789012:alias/messages"],
    "BackupCopyVault": ["vault", "arn:aws:backup:eu-west-1:123456789012:backup-vault:a b"],
    "CorsOrigins": [
        "app.example.com",
        "https://app.example.com/",
        "https://*.example.com",
        "https://App.example",
    ],
    "SignInCallback": ["callback", "https://app.example.com/#done", "http://app.example.com/done"],
    "AlarmTopic": ["alarms", "arn:aws:sqs:eu-west-1:123456789012:alarms"],
    "SyncPolicy": ["days", "[]", '{"days":30', '"days":30'],
    "RestartTokenKeysVersion": ["2", "AWSCURRENT", "{{}}"],
    "Retention": [
        "90",
        "[]",
        '{"folder":"/Default","days":90}',
        '[{"days":90}]',
        '[{"folder":"/Default","days":0}]',
        '[{"folder":"/Default","days":100000}]',
        '[{"folder":"Default","days":90}]',
        '[{"folder":"//","days":90}]',
        '[{"folder":"/Default"}]',
        '[{"folder":"/Default","days":90}',
        "[" + ",".join(['{"folder":"/","days":1}'] * 21) + "]",
    ],
}
RIGHT = {
    "Issuer": [
        "",
        "https://issuer.example",
        "https://issuer.example/",
        "https://issuer.example/realms/one",
        "https://sts.issuer.example/0f1e2d3c/",
        "http://127.0.0.1:8080/local",
    ],
    "Audience": ["onecopy", "https://nms.example.com", "api://default"],
    "BoxClaim": ["sub", "phone_number", "custom:box", "https://nms.example.com/phone_number"],
    "StoreName": ["main", "tenant-1.eu"],
    "ServerRoot": ["", "https://nms.example.com", "http://127.0.0.1:8080"],
    "DomainName": ["", "nms.example.com", "n.example.co.uk"],
    "DomainCertificate": [
        "",
        "arn:aws:acm:eu-west-1:123456789012:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    ],
    "DataKey": ["", "arn:aws:kms:eu-west-1:123456789012:key/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"],
    "BackupCopyVault": ["", "arn:aws:backup:eu-west-1:123456789012:backup-vault:far-away"],
    "CorsOrigins": ["", "*", "https://app.example.com", "http://localhost:3000"],
    "SignInCallback": [
        "onecopy://signed-in",
        "https://app.example.com/done",
        "http://localhost",
        "http://localhost:3000/done",
    ],
    "AlarmTopic": ["", "arn:aws:sns:eu-west-1:123456789012:alarms"],
    "SyncPolicy": ["", "{}", '{"folders":{"exclude":["/Default/spam"]},"days":365}'],
    "RestartTokenKeysVersion": ["", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"],
    "Retention": [
        "",
        '[{"folder":"/","days":99999}]',
        '[{"folder":"/Default","days":90},{"messageContext":"pager-message","days":30}]',
        '[ { "folder": "/RCSMessageStore/Ablage 1", "messageContext": "x", "days": 1 } ]',
        "[" + ",".join(['{"folder":"/","days":1}'] * 20) + "]",
    ],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_parameter_is_refused_before_anything_is_made(name: str) -> None:
    """CloudFormation matches a pattern against the whole value, or against each member of a list."""
    template, _ = decode(str(TEMPLATE))
    pattern = template["Parameters"][name]["AllowedPattern"]

    assert [value for value in WRONG[name] if re.fullmatch(pattern, value)] == []
    assert [value for value in RIGHT[name] if not re.fullmatch(pattern, value)] == []


def test_the_functions_understand_the_retention_that_is_accepted() -> None:
    """Otherwise the deployment would succeed, and the functions fail at their start."""
    for text in RIGHT["Retention"]:
        assert not text or retention.parse(text).rules


def test_every_pattern_is_tried() -> None:
    template, _ = decode(str(TEMPLATE))
    patterns = {name for name, one in template["Parameters"].items() if "AllowedPattern" in one}

    assert patterns == WRONG.keys() == RIGHT.keys()


def test_what_is_kept_for_the_requests_is_theirs_alone() -> None:
    template = Template(TEMPLATE, {"ApiConcurrency": 200, "Issuer": "https://issuer.example"})
    reserved = template.resources("AWS::Serverless::Function")["ApiFunction"]["ReservedConcurrentExecutions"]
    assert template.resolve(reserved) == 200


@pytest.mark.parametrize(("days", "status", "ends"), [(0, "Suspended", 1), (7, "Enabled", 7)])
def test_what_was_deleted_ends_with_or_without_a_restore(days: int, status: str, ends: int) -> None:
    template = Template(TEMPLATE, {"RestoreDays": days, "Issuer": "https://issuer.example"})
    bucket = template.resources("AWS::S3::Bucket")["ContentBucket"]
    rules = template.resolve(bucket["LifecycleConfiguration"]["Rules"])
    assert template.resolve(bucket["VersioningConfiguration"]) == {"Status": status}
    assert [rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in rules[1:]] == [ends]


@pytest.mark.parametrize("origins", ["", "https://a.example", "https://a.example, https://b.example:8443"])
def test_the_origins_are_let_in_by_the_api_and_the_bucket_and_only_if_there_are_any(origins: str) -> None:
    template = Template(TEMPLATE, {"CorsOrigins": origins, "Issuer": "https://issuer.example"})
    resolved = [
        template.resolve({"is": next(iter(template.resources(kind).values())).get("CorsConfiguration")})
        for kind in ("AWS::ApiGatewayV2::Api", "AWS::S3::Bucket")
    ]

    if not origins:
        assert resolved == [{}, {}]
        return
    api, [rule] = resolved[0]["is"], resolved[1]["is"]["CorsRules"]
    assert api["AllowOrigins"] == rule["AllowedOrigins"] == origins.split(", ")
    assert "AllowCredentials" not in api  # a token is a header, not a cookie that a browser adds by itself


@pytest.mark.parametrize("origins", ["", "https://a.example"])
def test_a_route_that_takes_every_method_leaves_preflights_to_one_without_a_token(origins: str) -> None:
    """ANY also catches OPTIONS, and its authorizer refuses a preflight, which comes without a token.

    API Gateway answers preflights by itself only where no route catches them.
    """
    template = Template(TEMPLATE, {"CorsOrigins": origins, "Issuer": "https://issuer.example"})
    routes = {
        route["RouteKey"]: route["AuthorizationType"]
        for route in template.resources("AWS::ApiGatewayV2::Route").values()
    }
    catching = [key for key in routes if key.startswith("ANY ")]

    assert catching
    expected = {key.replace("ANY", "OPTIONS", 1): "NONE" for key in catching} if origins else {}
    assert routes == dict.fromkeys(catching, "JWT") | expected


@pytest.mark.parametrize("paused", ["no", "yes"])
def test_paused_no_function_runs_and_what_waits_goes_on_waiting(paused: str) -> None:
    """Otherwise a restore would overwrite what is just being written."""
    template = Template(TEMPLATE, {"Paused": paused, "Issuer": "https://issuer.example"})
    functions = template.resources("AWS::Serverless::Function")
    limits = [template.global_properties("Function"), functions["ApiFunction"]]
    reserved = [template.resolve({"of": one["ReservedConcurrentExecutions"]}) for one in limits]
    goes_on = [
        template.resolve(event["Properties"].get("Enabled", event["Properties"].get("State")))
        for function in functions.values()
        for event in function.get("Events", {}).values()
    ]

    assert reserved == ([{"of": 0}] * 2 if paused == "yes" else [{}] * 2)
    assert len(goes_on) == 6
    assert set(goes_on) == ({False, "DISABLED"} if paused == "yes" else {True, "ENABLED"})


def test_what_a_version_is_called_has_room_for_the_longest_values() -> None:
    """Lambda accepts 256 characters; a longer description would fail in the middle of a deployment."""
    template, _ = decode(str(TEMPLATE))
    longest = {name: max(map(len, map(str, _longest(one)))) for name, one in template["Parameters"].items()}
    description, given = template["Resources"]["ApiFunction"]["Properties"]["VersionDescription"]["Fn::Sub"]
    for name, value in given.items():
        either = value.get("Fn::If", [])[1:]
        if either and all(isinstance(one, str) for one in either):
            longest[name] = max(map(len, either))
        else:
            longest[name] = max(longest[parameter] for parameter in parameters(template, value))
    longest["Keys"] = len(str(uuid4()).split("-")[0])

    assert len(re.sub(r"\$\{(\w+)\}", lambda match: "x" * longest[match[1]], description)) <= 256


def _longest(parameter: dict[str, Any]) -> list[Any]:
    """Values, one of which is as long as any that the parameter accepts; very long if nothing bounds it."""
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
    """At AWS, the bucket accepts only TLS, and no webhook may be on the machine itself."""
    template = Template(TEMPLATE, {"Emulator": emulator, "Issuer": "https://issuer.example"})
    template.refs["AWS::AccountId"] = account
    assert len(template.resources("AWS::S3::BucketPolicy")) == closed
    sender = template.resources("AWS::Serverless::Function")["DeliverFunction"]
    local = template.resolve(sender["Environment"]["Variables"]["ALLOW_LOCAL_CALLBACKS"])
    assert (local == "1") == (not closed)


def test_several_batches_of_a_shard_are_worked_on_at_once_and_their_failures_told_one_by_one() -> None:
    """Lambda keeps the order of each partition key, which is enough: see `changes`."""
    template = Template(TEMPLATE, {"Issuer": "https://issuer.example"})
    functions = template.resources("AWS::Serverless::Function")
    [commits] = functions["ChangesFunction"]["Events"].values()

    assert commits["Properties"]["ParallelizationFactor"] == 10
    assert commits["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
