"""Clients for the emulator. Only this module knows how they connect."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from infra.aws.template import REGION

Credentials = tuple[str, str]

_VARIABLES = {
    "s3": "AWS_ENDPOINT_URL",  # and for every service without its own
    "sqs": "AWS_ENDPOINT_URL_SQS",
    "dynamodb": "AWS_ENDPOINT_URL_DYNAMODB",
    "dynamodbstreams": "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
}


def endpoint_variables(endpoints: Mapping[str, str]) -> dict[str, str]:
    """The environment variables by which the SDK in another process finds the services."""
    return {variable: endpoints[service] for service, variable in _VARIABLES.items()}


def client(
    service: str, url: str, credentials: Credentials, connections: int = 10, region: str = REGION
) -> Any:
    """A new client, with timeouts fit for one machine."""
    config = Config(
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path"},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": 3},
        parameter_validation=service != "dynamodbstreams",  # an emulator's ShardIds are shorter than AWS's
    )
    session = boto3.Session(
        aws_access_key_id=credentials[0], aws_secret_access_key=credentials[1], region_name=region
    )
    return session.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]
