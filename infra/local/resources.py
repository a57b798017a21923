"""Creates the template's table, bucket and queues in the emulator if they do not exist yet.

The template's Properties go to the API almost unchanged, because CloudFormation uses the API's names. What
shapes requests and data is honoured. What guards an account or is seen from outside (encryption, backup,
alarms, log groups, users) has no use on one machine: at most it gets a name for others to refer to.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

from infra.aws.template import ACCOUNT, REGION, Template
from infra.local.emulator import Emulator
from infra.local.emulator.clients import client
from infra.local.host.keys import KeyStore

_TABLE_PROPERTIES = (
    "AttributeDefinitions",
    "KeySchema",
    "LocalSecondaryIndexes",
    "GlobalSecondaryIndexes",
    "BillingMode",
    "DeletionProtectionEnabled",
)
_QUEUE_PROPERTIES = (
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "MaximumMessageSize",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "SqsManagedSseEnabled",
)


_PLACE: dict[str, Any] = (
    {} if REGION == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
)
"""S3 wants the region by name, unless it is us-east-1."""


class Resources:
    """The created resources by logical id, for the stack and the tests."""

    def __init__(self, template: Template, emulator: Emulator, keys: KeyStore) -> None:
        self._template, self._emulator, self._keys = template, emulator, keys
        self._dynamodb, self._s3, self._sqs = (
            client(service, emulator.endpoint(service), emulator.root)
            for service in ("dynamodb", "s3", "sqs")
        )
        self.names: dict[str, str] = {}

    def create(self) -> None:
        self._secrets()
        self._tables()
        self._queues()
        self._queue_policies()
        self._buckets()
        self._named_only()
        self._tell_again()

    def _name(self, logical_id: str, name: str, **attributes: str) -> None:
        self.names[logical_id] = self._template.refs[logical_id] = name
        self._template.attributes.update({(logical_id, key): value for key, value in attributes.items()})

    def _named_only(self) -> None:
        for logical_id in self._template.resources("AWS::ApiGatewayV2::Api"):
            self._template.refs[logical_id] = "local"
        for logical_id in self._template.resources("AWS::Logs::LogGroup"):
            arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{logical_id}:*"
            self._template.attributes[logical_id, "Arn"] = arn

    def _secrets(self) -> None:
        for logical_id, properties in self._template.resources("AWS::SecretsManager::Secret").items():
            length = int(properties.get("GenerateSecretString", {}).get("PasswordLength", 32))
            arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{logical_id}"
            self._template.refs[logical_id] = arn
            self._template.secrets[arn] = self._keys.password(f"secret-{logical_id}", length)

    def _tables(self) -> None:
        present = self._dynamodb.list_tables()["TableNames"]
        for logical_id, written in self._template.resources("AWS::DynamoDB::Table").items():
            name, properties = f"onecopy-{logical_id.lower()}", self._template.resolve(written)
            if name not in present:
                self._create_table(name, properties)
            table = self._dynamodb.describe_table(TableName=name)["Table"]
            stream = {"StreamArn": table["LatestStreamArn"]} if "LatestStreamArn" in table else {}
            self._name(logical_id, name, Arn=table["TableArn"], **stream)

    def _create_table(self, name: str, properties: dict[str, Any]) -> None:
        arguments = {key: properties[key] for key in _TABLE_PROPERTIES if key in properties}
        if "StreamSpecification" in properties:
            arguments["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
        self._dynamodb.create_table(TableName=name, **arguments)
        if "TimeToLiveSpecification" in properties:
            self._dynamodb.update_time_to_live(
                TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"]
            )

    def _queues(self) -> None:
        written = self._template.resources("AWS::SQS::Queue")
        # A queue names its dead-letter queue, which must exist first.
        for logical_id in sorted(written, key=lambda one: "RedrivePolicy" in written[one]):
            properties = self._template.resolve(written[logical_id])
            self._queue(logical_id, properties)

    def _queue(self, logical_id: str, properties: dict[str, Any]) -> None:
        fifo = properties.get("FifoQueue", False)
        name = f"onecopy-{logical_id}" + (".fifo" if fifo else "")
        attributes = {key: _attribute(properties[key]) for key in _QUEUE_PROPERTIES if key in properties}
        urls = self._sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", [])
        url = next((one for one in urls if one.endswith(f"/{name}")), None)
        if url is None:
            fixed = {"FifoQueue": "true"} if fifo else {}
            url = self._sqs.create_queue(QueueName=name, Attributes={**attributes, **fixed})["QueueUrl"]
        elif attributes:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        self._name(logical_id, url, Arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", QueueName=name)

    def _queue_policies(self) -> None:
        for written in self._template.resources("AWS::SQS::QueuePolicy").values():
            properties = self._template.resolve(written)
            for url in properties["Queues"]:
                policy = {"Policy": json.dumps(properties["PolicyDocument"])}
                self._sqs.set_queue_attributes(QueueUrl=url, Attributes=policy)

    def _buckets(self) -> None:
        present = {bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]}
        for logical_id, written in self._template.resources("AWS::S3::Bucket").items():
            name, properties = f"onecopy-{logical_id.lower()}", self._template.resolve(written)
            if name not in present:
                self._s3.create_bucket(Bucket=name, **_PLACE)
            self._s3.put_bucket_notification_configuration(
                Bucket=name, NotificationConfiguration=_notifications(properties)
            )
            if "VersioningConfiguration" in properties:
                self._s3.put_bucket_versioning(
                    Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"]
                )
            self._cors(name, properties.get("CorsConfiguration", {}).get("CorsRules"))
            self._name(logical_id, name, Arn=f"arn:aws:s3:::{name}")

    def _cors(self, bucket: str, rules: list[dict[str, Any]] | None) -> None:
        """Set the template's rules only: an existing bucket may have others from an earlier start."""
        if rules:
            self._s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": _api_names(rules)})
        else:
            self._s3.delete_bucket_cors(Bucket=bucket)

    def _tell_again(self) -> None:
        """Send S3's notifications of objects again if the last run was cut off and may have lost them."""
        for logical_id, written in self._template.resources("AWS::S3::Bucket").items():
            bucket = self.names[logical_id]
            for wanted in _notifications(self._template.resolve(written))["QueueConfigurations"]:
                [prefix] = [one["Value"] for one in wanted["Filter"]["Key"]["FilterRules"]]
                queue = wanted["QueueArn"].rsplit(":", 1)[1]
                url = self._sqs.get_queue_url(QueueName=queue)["QueueUrl"]
                for key in self._emulator.unheard(bucket, prefix):
                    self._sqs.send_message(QueueUrl=url, MessageBody=_word_of(bucket, key))


def _word_of(bucket: str, key: str) -> str:
    told = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}}
    return json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": told}]})


def _attribute(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _api_names(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """CloudFormation's CORS rules for the API, which has other names for two of the fields."""
    names = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    return [{names.get(name, name): value for name, value in rule.items()} for rule in rules]


def _notifications(properties: dict[str, Any]) -> dict[str, Any]:
    written = properties.get("NotificationConfiguration", {}).get("QueueConfigurations", [])
    return {
        "QueueConfigurations": [
            {
                "QueueArn": one["Queue"],
                "Events": [one["Event"]],
                "Filter": {"Key": {"FilterRules": one["Filter"]["S3Key"]["Rules"]}},
            }
            for one in written
        ]
    }
