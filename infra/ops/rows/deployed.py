"""Where a store keeps its rows and bytes: in a stack at AWS, or in the one on this machine."""

import os
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.stack import LocalStack
from onecopy.store.commit import table
from onecopy.store.commit.kinds import Row
from onecopy.store.commit.transact import Store

_CONFIG = Config(
    max_pool_connections=50,
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 8},
    signature_version="v4",
)
_HISTORY = timedelta(days=30)


class Unreachable(Exception):
    """The text says what could not be found or reached."""


@dataclass(frozen=True)
class Deployed:
    """Clients of the two services, and the names of the table and the bucket."""

    dynamodb: Any
    s3: Any
    table: str
    bucket: str

    def store(self) -> Store:
        """The store's own code, in this process, on this table."""
        return Store(
            connection=table.bind(self.table),
            history=_HISTORY,
            now=lambda: datetime.now(UTC),
            random=os.urandom,
            jitter=random.random,
            sleep=time.sleep,
        )


def session() -> boto3.Session:
    """Region and credentials as the AWS CLI finds them: unlike boto3, it reads AWS_REGION."""
    return boto3.Session(region_name=os.environ.get("AWS_REGION"))


def in_stack(name: str) -> Deployed:
    """A stack at AWS, with the names that CloudFormation gave."""
    try:
        account = session()
        stacks = account.client("cloudformation", config=_CONFIG)
        names = [
            stacks.describe_stack_resource(StackName=name, LogicalResourceId=logical_id)[
                "StackResourceDetail"
            ]["PhysicalResourceId"]
            for logical_id in ("Table", "ContentBucket")
        ]
        Row.Meta.region = account.region_name  # type: ignore[attr-defined]
        return Deployed(
            account.client("dynamodb", config=_CONFIG),
            account.client("s3", config=_CONFIG.merge(Config(signature_version="s3v4"))),
            *names,
        )
    except (BotoCoreError, ClientError) as error:
        raise Unreachable(f"the stack {name}: {error}") from None


def on_this_machine(data: Path) -> Deployed:
    """The stack that `make serve` or `make deploy-local` runs with that data folder."""
    stack = LocalStack(data)
    try:
        dynamodb, s3 = stack.aws("dynamodb"), stack.aws("s3")
        found = Deployed(dynamodb, s3, stack.name("Table"), stack.name("ContentBucket"))
        credentials = stack.credentials
        dynamodb.describe_table(TableName=found.table)
    except (FileNotFoundError, BotoCoreError, ClientError):
        raise Unreachable(f"no stack runs with its data in {data}") from None
    meta: Any = Row.Meta
    meta.host, meta.region = dynamodb.meta.endpoint_url, dynamodb.meta.region_name
    meta.aws_access_key_id, meta.aws_secret_access_key = credentials
    return found
