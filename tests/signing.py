"""Restart tokens that time, a reset or a restore would have made, signed as the store signs them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from box_client import BoxClient

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.ids import ModSeq
from onecopy.domain.token import RestartToken, parse


class Signer:
    def __init__(self, stack: LocalStack, box: BoxClient) -> None:
        self._key = BoxKey("main", box.box)
        self._keys = [(stack.data / "keys" / "secret-RestartTokenKeys").read_bytes()]

    def read(self, token: str) -> RestartToken:
        return parse(token, self._key, self._keys)

    def aged(self, token: str, age: timedelta) -> str:
        return replace(self.read(token), given=datetime.now(UTC) - age).sign(self._key, self._keys)

    def at(self, token: str, position: int) -> str:
        return replace(self.read(token), position=ModSeq(position)).sign(self._key, self._keys)
