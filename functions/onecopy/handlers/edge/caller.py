"""The caller, read from the claims of an access token. The gateway has already verified the token.

An HTTP API passes every claim as text: true as `true`, a list as `[a b]`. An emulator may pass claims as the
token holds them. Both forms are read. Scopes are read from where issuers put them: `scope`, `scp`, or `roles`
of a token that says that it is for an application and not for a user (Entra ID).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onecopy.domain.errors import NotAllowed
from onecopy.wire.urls import OWN_BOX

NETWORK = "onecopy.network"
"""The network's own scope. It allows storing in any box, also under /Default; all else needs more scopes."""

ALL = "oma_rest_nms.all_v1"

SUBJECT = "sub"

_BOX_ID = re.compile(r"(?!\.{1,2}$)[^\x00-\x1f\x7f/?%#\ud800-\udfff]{1,255}")
"""Not `.` or `..`: they would be removed from a URL on its way."""
_E164 = re.compile(r"(?:tel:)?(\+[1-9][0-9]{1,14})")
_ADDRESS = re.compile(r"(?:sips?|acr):.+")
_SEVERAL = re.compile(r"(?:map)?\[.*\]|\{.*\}")
"""What a list or an object looks like as text."""


@dataclass(frozen=True)
class Caller:
    """`own_box` is None for a caller without a box, such as a machine of the network."""

    own_box: str | None
    scopes: frozenset[str]
    subject: str = ""

    @property
    def is_network(self) -> bool:
        return NETWORK in self.scopes

    @property
    def name(self) -> str:
        """The name that tells this caller from others."""
        return self.own_box or self.subject

    def may(self, scope: str, stores: bool) -> bool:
        return not self.scopes.isdisjoint({scope, ALL}) or (stores and self.is_network)


def caller_of(event: Mapping[str, Any], box_claim: str) -> Caller:
    """Who sent the event. Raises NotAllowed if it holds no token's claims."""
    claims = ((event["requestContext"].get("authorizer") or {}).get("jwt") or {}).get("claims")
    if not isinstance(claims, Mapping) or not claims:
        raise NotAllowed("token")
    subject = claims.get(SUBJECT) or claims.get("client_id") or ""
    return Caller(_own_box(claims, box_claim), _scopes(claims), str(subject))


def is_box_id(text: str) -> bool:
    return bool(_BOX_ID.fullmatch(text))


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    holders = ("scope", "scp", "roles") if claims.get("idtyp") == "app" else ("scope", "scp")
    # Cognito writes a scope as server/name, the standard as server.name.
    return frozenset(word.replace("/", ".") for name in holders for word in _words(claims.get(name)))


def _words(value: Any) -> list[str]:
    """The members of `a b`, of `[a b]` or of a list."""
    if isinstance(value, list):
        value = " ".join(member for member in value if isinstance(member, str))
    if not isinstance(value, str):
        return []
    return (value[1:-1] if value.startswith("[") and value.endswith("]") else value).split()


def _own_box(claims: Mapping[str, Any], name: str) -> str | None:
    """The box that the claim opens; None if the claim is missing, unverified, or names no box."""
    value = claims.get(name)
    if not isinstance(value, str) or not _is_verified(claims, name):
        return None
    box = value if name == SUBJECT else _addressed(value, name)
    return box if box and box != OWN_BOX and is_box_id(box) else None


def _is_verified(claims: Mapping[str, Any], name: str) -> bool:
    """Whether the issuer says that the claim is verified.

    If it says nothing, the claim counts as verified, unless it is one that users type in.
    """
    verified = claims.get(f"{name}_verified")
    if verified is None:
        return not name.endswith(("phone_number", "email"))
    return verified is True or verified == "true"


def _addressed(value: str, name: str) -> str | None:
    """A telephone number as tel:+…, an address or another id as it is; None for what only resembles one."""
    if number := _E164.fullmatch(value):
        return f"tel:{number[1]}"
    if value.startswith(("+", "tel:")) or _SEVERAL.fullmatch(value):
        return None
    if name.endswith("phone_number") and not _ADDRESS.fullmatch(value):
        return None
    return value
