"""A stack in a real account, as the tests see any stack: an address, tokens, and the resources behind it."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.ops.rows.deployed import Deployed, in_stack, session
from infra.pipeline import issuer


class AwsStack:
    """`endpoint` and `keys` belong to its issuer. Whoever has the private key may sign for any box."""

    def __init__(self, name: str, endpoint: str, keys: Path) -> None:
        self._name, self._issuer = name, issuer.of(keys, endpoint)
        self._stacks = session().client("cloudformation")

    @cached_property
    def url(self) -> str:
        [stack] = self._stacks.describe_stacks(StackName=self._name)["Stacks"]
        return next(one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "Url")

    def token(self, box: str, scope: str = "oma_rest_nms.all_v1") -> str:
        return str(self._issuer.token(json.dumps({"boxId": box, "scope": scope}).encode())["access_token"])

    def name(self, logical_id: str) -> str:
        found = self._stacks.describe_stack_resource(StackName=self._name, LogicalResourceId=logical_id)
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def aws(self, service: str) -> Any:
        return session().client(service)  # type: ignore[call-overload]

    def deployed(self) -> Deployed:
        return in_stack(self._name)
