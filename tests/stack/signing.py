"""Makes restart tokens as time, a reset or a restore would leave them, signed as the store signs them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.ids import ModSeq
from onecopy.domain.interest import NOTHING_SPECIAL
from onecopy.domain.token import RestartToken, parse
from tests.clients.box_client import BoxClient


class Signer:
    def __init__(self, stack: LocalStack, box: BoxClient) -> None:
        self._key = BoxKey("main", box.box)
        self._keys = [_secret(stack)]

    def read(self, token: str) -> RestartToken:
        return parse(token, self._key, self._keys)

    def aged(self, token: str, age: timedelta) -> str:
        return replace(self.read(token), given=datetime.now(UTC) - age).sign(self._key, self._keys)

    def at(self, token: str, position: int) -> str:
        return replace(self.read(token), position=ModSeq(position)).sign(self._key, self._keys)

    def without_policy(self, token: str) -> str:
        """As it was given out before there was any policy."""
        return replace(self.read(token), followed=NOTHING_SPECIAL, seen=0).sign(self._key, self._keys)


def _secret(stack: LocalStack) -> bytes:
    """Reads the secret where the stack keeps it: beside its data or, if deployed, in Secrets Manager."""
    kept = stack.data / "keys" / "secret-RestartTokenKeys"
    if kept.exists():
        return kept.read_bytes()
    found = stack.aws("secretsmanager").get_secret_value(SecretId=stack.name("RestartTokenKeys"))
    secret: str = found["SecretString"]
    return secret.encode()
