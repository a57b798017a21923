"""Builds the bundle as `sam build` does, and beside it a Python with only Lambda's runtime client.

    python -m infra.aws.bundle.build build/bundle python3.13

makes `code` (what Lambda gets), `runtime` (awslambdaric) and `python` (an environment without packages).
"""

import argparse
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

FUNCTIONS = Path(__file__).parents[3] / "functions"
RUNTIME_CLIENT = "awslambdaric==4.2.2"
_NOT_CODE = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")
_SHOWN = 5


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="infra.aws.bundle.build", description="The functions' bundle.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("python", help="the interpreter to build for")
    asked = parser.parse_args(arguments)
    code = asked.folder / "code"
    if asked.folder.exists():
        shutil.rmtree(asked.folder)
    _run(asked.python, "-m", "venv", "--without-pip", str(asked.folder / "python"))
    bare = str(asked.folder / "python" / "bin" / "python")
    _pip(bare, code, "-r", str(FUNCTIONS / "requirements.txt"))
    shutil.copytree(FUNCTIONS / "onecopy", code / "onecopy", ignore=_NOT_CODE)
    _pip(bare, asked.folder / "runtime", RUNTIME_CLIENT)
    print(_sizes(code, asked.folder / "code.zip"))
    return 0


def _pip(python: str, target: Path, *what: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-compile", "--no-warn-script-location")
    pip = (sys.executable, "-m", "pip", "--python", python)
    _run(*pip, "install", *quiet, "--target", str(target), *what)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603  the Makefile's commands


def _sizes(code: Path, archive: Path) -> str:
    """The bundle's size, unpacked and zipped, and the largest of its packages."""
    files = [path for path in code.rglob("*") if path.is_file()]
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in files:
            packed.write(path, path.relative_to(code))
    by_package: dict[str, int] = {}
    for path in files:
        top = path.relative_to(code).parts[0]
        by_package[top] = by_package.get(top, 0) + path.stat().st_size
    largest = sorted(by_package.items(), key=lambda item: -item[1])[:_SHOWN]
    return (
        f"bundle: {_mb(sum(by_package.values()))} unpacked, {_mb(archive.stat().st_size)} zipped; "
        f"{', '.join(f'{name} {_mb(size)}' for name, size in largest)}"
    )


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
