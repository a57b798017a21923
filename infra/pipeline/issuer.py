"""The private side of `issuer.yaml`: makes a key, prints its public part, and signs tokens."""

import base64
import json
import sys
from pathlib import Path

from infra.local.gateway.issuer import Issuer
from infra.local.host.keys import KeyStore


def of(folder: Path, endpoint: str) -> Issuer:
    """The issuer at `endpoint`, which its stack outputs. The key is made once and stays in the folder."""
    return Issuer(KeyStore(folder), endpoint)


def main(folder: str) -> int:
    """Print the key set in the form that the stack's parameter takes."""
    print(base64.urlsafe_b64encode(json.dumps(of(Path(folder), "").jwks()).encode()).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
