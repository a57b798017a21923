"""The digest of a box: a sum over all that is in it. With it a device can prove that it has everything."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from onecopy.domain.ids import ModSeq

_MODULUS = 2**64


@dataclass(frozen=True)
class Digest:
    """How many folders and objects there are, and the sum of their weights modulo 2^64.

    An object's weight is the first 8 bytes (big-endian) of the SHA-256 of `object {objectId} {lastModSeq}`; a
    folder's is the same with `folder`. Order does not matter: a commit adds what it makes and subtracts what
    it replaces.
    """

    folders: int = 0
    objects: int = 0
    sum: int = 0

    def plus(self, kind: Literal["folder", "object"], thing_id: str, seq: ModSeq) -> "Digest":
        return self._changed(kind, 1, _weight(kind, thing_id, seq))

    def minus(self, kind: Literal["folder", "object"], thing_id: str, seq: ModSeq) -> "Digest":
        return self._changed(kind, -1, -_weight(kind, thing_id, seq))

    def _changed(self, kind: str, count: int, weight: int) -> "Digest":
        return Digest(
            self.folders + count * (kind == "folder"),
            self.objects + count * (kind == "object"),
            (self.sum + weight) % _MODULUS,
        )


def _weight(kind: str, thing_id: str, seq: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{kind} {thing_id} {seq}".encode()).digest()[:8], "big")
