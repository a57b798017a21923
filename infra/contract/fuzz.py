"""`python -m infra.contract.fuzz`: sends a running store what the contract allows, and what it does not.

The requests are Schemathesis's. Whatever comes, the store may not fail, and every answer has to be one that
the contract describes. The seed is printed; the same one makes the same requests, as far as the time goes.
"""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from infra.contract.reading import contract
from infra.local.stack import LocalStack

SCHEMATHESIS = Path(__file__).parents[2] / ".venv-contract" / "bin" / "schemathesis"
BOX = "tel:+99911112222"
SCOPES = "oma_rest_nms.all_v1 onecopy.network"
_BASE = "/nms/v1/main/acr:auth"
SECONDS = 100
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,ignored_auth"
)
_IDS = [f"a{digit}" for digit in "123456789abcdefgh"]
"""What a new box gives out first, so that random requests meet something."""

_PATHS = ["/", "/RCSMessageStore", "/RCSMessageStore/Holiday", "/Default/somebody", "/RCSMessageStore/a5"]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="infra.contract.fuzz", description="Random requests to a store.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder) / "stack") as stack:
        nearer = Path(folder) / "openapi.json"
        nearer.write_text(json.dumps(with_what_is_there(contract())))
        print(f"seed {asked.seed}, {asked.seconds} s", flush=True)
        command = [
            *(str(SCHEMATHESIS), "run", str(nearer), "--url", stack.url),
            *("--header", f"Authorization: Bearer {stack.token(BOX, SCOPES)}"),
            *("--checks", CHECKS, "--seed", str(asked.seed), "--max-time", str(asked.seconds)),
            *("--generation-database", "none", "--warnings", "off", "--no-color"),
        ]
        return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S603


def with_what_is_there(whole: dict[str, Any]) -> dict[str, Any]:
    """The contract, with ids, paths and URLs among which some exist. A random text would never be one."""
    near = copy.deepcopy(whole)
    schemas, parameters = near["components"]["schemas"], near["components"]["parameters"]
    for name in ("FolderId", "ObjectId"):
        parameters[name]["schema"] = {"type": "string", "enum": [*_IDS, "zz", "a0"]}
    parameters["StoreName"]["schema"] = {"type": "string", "enum": ["main", "other"]}
    schemas["PreferencesName"] = {"type": "string", "enum": ["phone", "watch", "zz"]}
    schemas["BoxId"] = {"anyOf": [{"enum": [BOX, "tel:+99922223333"]}, schemas["BoxId"]]}
    urls = [f"{_BASE}/{kind}/{one}" for kind in ("folders", "objects") for one in _IDS]
    schemas["ResourceURL"] = {"anyOf": [{"type": "string", "enum": urls}, schemas["ResourceURL"]]}
    for name in ("NewFolder", "NewObject"):
        schemas[name]["properties"]["parentFolderPath"] = {"anyOf": [{"enum": _PATHS}, {"type": "string"}]}
    near["paths"] = dict(map(_below_root, near["paths"].items()))
    return near


def _below_root(one: tuple[str, Any]) -> tuple[str, Any]:
    """A path with what it holds, from the server's root on: whoever runs the requests knows one server."""
    path, item = one
    kept = {name: part for name, part in item.items() if name != "servers"}
    return (path if "servers" in item else _BASE + path), kept


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
