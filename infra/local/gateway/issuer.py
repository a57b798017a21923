"""The local stand-in for an identity provider: signs tokens and verifies them.

In the cloud the template's parameter Issuer names a real one. Anyone who reaches the port gets any token
here, so this is never part of a deployment.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from infra.local.host.keys import KeyStore

LIFETIME = 3600
AUDIENCE = "onecopy"
SCOPES = frozenset(
    [f"oma_rest_nms.{name}" for name in ("all_v1", "read", "create", "modify", "subscription")]
    + ["onecopy.network"]
)


class BadTokenRequest(Exception):
    """The text says what is wrong with the request, without repeating it."""


class BadToken(Exception):
    """A token that is not valid here."""


class Issuer:
    def __init__(self, keys: KeyStore, server_root: str, name: str = "") -> None:
        """`name`: the iss of its tokens, if that differs from its address."""
        self._address = f"{server_root}/local"
        self.url = name or self._address
        pem = keys.text("issuer.pem", _new_key)
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the issuer's key is no RSA key")
        self._key = key
        self._public = key.public_key()
        self._jwk = json.loads(RSAAlgorithm.to_jwk(self._public))
        self._kid = _thumbprint(self._jwk)

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "jwks_uri": f"{self._address}/jwks",
            "token_endpoint": f"{self._address}/token",
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": sorted(SCOPES),
        }

    def jwks(self) -> dict[str, Any]:
        return {"keys": [{**self._jwk, "kid": self._kid, "use": "sig", "alg": "RS256"}]}

    def token(self, body: bytes) -> dict[str, Any]:
        """The answer to a request for a token."""
        box, scope, others = _wanted(body)
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": box,
            "scope": scope,
            "iat": now,
            "exp": now + LIFETIME,
            **others,
        }
        said = {name: value for name, value in claims.items() if value is not None}
        try:
            token = jwt.encode(said, self._key, algorithm="RS256", headers={"kid": self._kid})
        except TypeError:
            raise BadTokenRequest("a claim that no token can have") from None
        return {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME}

    def claims(self, token: str, audience: list[str]) -> dict[str, Any]:
        """The claims of a valid token. Without aud its audience is its client_id, as with Cognito."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._public,
                algorithms=["RS256"],
                issuer=self.url,
                options={"require": ["exp", "iss"], "verify_aud": False},
            )
        except jwt.InvalidTokenError as error:
            raise BadToken from error
        named = claims.get("aud", claims.get("client_id"))
        if not set(audience) & set(map(str, named if isinstance(named, list) else [named])):
            raise BadToken
        return claims


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _thumbprint(jwk: dict[str, str]) -> str:
    text = json.dumps({"e": jwk["e"], "kty": "RSA", "n": jwk["n"]}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def _wanted(body: bytes) -> tuple[str, str, dict[str, Any]]:
    """The box, the scope, and claims that add to or replace the usual ones; null leaves one out."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise BadTokenRequest("the body is not JSON") from None
    if not isinstance(request, dict):
        raise BadTokenRequest("the body is not a JSON object")
    box, scope = request.get("boxId"), request.get("scope")
    if not isinstance(box, str) or not box or any("\ud800" <= character <= "\udfff" for character in box):
        raise BadTokenRequest("boxId is missing, or no text")
    names = scope.split() if isinstance(scope, str) else []
    if not names:
        raise BadTokenRequest("scope is missing or empty")
    if not SCOPES.issuperset(names):
        raise BadTokenRequest(f"unknown scope; there are {', '.join(sorted(SCOPES))}")
    others = request.get("claims", {})
    if not isinstance(others, dict):
        raise BadTokenRequest("claims are no JSON object")
    return box, " ".join(names), others
