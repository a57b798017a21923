"""`python -m infra.contract.clients FOLDER`: client libraries, made from the contract by OpenAPI Generator.

Kotlin, Swift and TypeScript. The TypeScript is compiled as well. What the machine lacks is said and left out.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.contract.reading import contract

TOOLS = Path(__file__).parents[2] / ".venv-contract"
_GENERATOR = TOOLS / "bin" / "openapi-generator-cli"
_COMPILER = TOOLS / "typescript" / "node_modules" / "typescript" / "bin" / "tsc"
LANGUAGES = {
    "kotlin": ("kotlin", "groupId=onecopy,artifactId=onecopy-client,packageName=onecopy.client"),
    "swift": ("swift6", "projectName=Onecopy"),
    "typescript": ("typescript-fetch", "npmName=onecopy-client,npmVersion=0.1.0"),
}
"""Each language's generator and what it is told."""

_SECONDS = 300


class CannotMake(Exception):
    """The text says what is missing, or what the tool said."""


def generate(language: str, folder: Path) -> None:
    """Writes the client into the folder, in place of what was there. Raises CannotMake."""
    if not _GENERATOR.is_file() or not shutil.which("java"):
        raise CannotMake("needs Java and OpenAPI Generator: make clients")
    generator, told = LANGUAGES[language]
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as elsewhere:
        called = Path(elsewhere) / "openapi.json"
        called.write_text(json.dumps(what_is_called(contract())))
        command: list[str | Path] = [_GENERATOR, "generate", "-i", called, "-g", generator, "-o", folder]
        # A form's schema is a model like any other, or the TypeScript would import what is not there.
        _run([*command, f"--additional-properties={told}", "--global-property", "skipFormModel=false"])


def what_is_called(whole: Mapping[str, Any]) -> dict[str, Any]:
    """The contract as the generator reads it rightly.

    It goes without webhooks, which would become calls; their bodies stay as models. The token is a bearer
    token: for OAuth 2 the TypeScript client leaves the word Bearer out.
    """
    bearer = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    kept = {name: part for name, part in whole.items() if name != "webhooks"}
    return {**kept, "components": {**whole["components"], "securitySchemes": bearer}}


def compile_typescript(folder: Path) -> None:
    """Writes JavaScript beside the client's sources, in `dist`. Raises CannotMake if it does not compile."""
    if not _COMPILER.is_file() or not shutil.which("node"):
        raise CannotMake("needs Node and npm's TypeScript: make clients")
    _run(["node", _COMPILER, "--project", folder, "--strict"])


def _run(command: Sequence[str | Path]) -> None:
    ran = subprocess.run(  # noqa: S603  our own tools
        list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS
    )
    if ran.returncode:
        raise CannotMake((ran.stdout + ran.stderr)[-3000:])


def main(arguments: list[str]) -> int:
    [folder] = map(Path, arguments)
    try:
        for language in LANGUAGES:
            generate(language, folder / language)
            print(f"{folder / language}")
        compile_typescript(folder / "typescript")
    except CannotMake as error:
        print(error, file=sys.stderr)
        return 0 if str(error).startswith("needs") else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
