"""The private side of `issuer.yaml`: makes a key, says what is public of it, and signs tokens."""

import base64
import json
import sys
from pathlib import Path

from infra.local.gateway.issuer import Issuer
from infra.local.host.keys import KeyStore


def of(folder: Path, endpoint: str) -> Issuer:
    """`endpoint` as the issuer's stack names it; the key is made the first time, and stays in the folder."""
    return Issuer(KeyStore(folder), endpoint)


def main(folder: str) -> int:
    """Print the key set as the stack's parameter takes it."""
    print(base64.urlsafe_b64encode(json.dumps(of(Path(folder), "").jwks()).encode()).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
