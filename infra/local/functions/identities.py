"""Gives each function an identity of its own to call AWS, with the template's policies and no others.

So an action that a function was not granted is refused here as in the cloud. The access key is kept in the
data folder, and replaced if the emulator does not know it.
"""

import contextlib
import json
from typing import Any

from infra.local.emulator.clients import Credentials, client
from infra.local.functions.declared import Function
from infra.local.host.keys import KeyStore

_FILE = "functions.json"


class Identities:
    def __init__(self, url: str, root: Credentials, keys: KeyStore) -> None:
        self._iam = client("iam", url, root)
        self._keys = keys
        self._known = keys.load(_FILE)
        self.renewed = False
        """Has a key been made that the emulator holds only in memory?"""

    def credentials(self, function: Function) -> Credentials:
        """The function's credentials, after its policies have been updated."""
        return self.grant(function.logical_id, [dict(one) for one in function.statements])

    def operator(self) -> Credentials:
        """Credentials of the pumps that invoke functions, and of whoever looks on from outside."""
        return self.grant("Operator", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])

    def grant(self, name: str, statements: list[dict[str, Any]]) -> Credentials:
        present = self._present(name)
        document = {"Version": "2012-10-17", "Statement": statements}
        self._iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(document))
        if self._known.get(name, {}).get("id") not in present:
            self._renew(name, present)
        return self._known[name]["id"], self._known[name]["secret"]

    def _present(self, name: str) -> list[str]:
        """The keys that the emulator knows of an identity, which is created if needed."""
        with contextlib.suppress(self._iam.exceptions.EntityAlreadyExistsException):
            self._iam.create_user(UserName=name)
        return [key["AccessKeyId"] for key in self._iam.list_access_keys(UserName=name)["AccessKeyMetadata"]]

    def _renew(self, name: str, old: list[str]) -> None:
        for key in old:
            self._iam.delete_access_key(UserName=name, AccessKeyId=key)
        key = self._iam.create_access_key(UserName=name)["AccessKey"]
        self._known[name] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
        self._keys.save(_FILE, self._known)
        self.renewed = True
