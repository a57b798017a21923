"""ministack: S3, SQS, IAM and, if need be, DynamoDB; and the repair of its files after a SIGKILL.

It writes content to its files before it answers a PUT. It keeps everything else in memory, and saves it when
it ends or is told to.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.aws.template import ACCOUNT, REGION
from infra.local.emulator.child import Recipe

_SIDECAR = ".meta.json"


def recipe(data: Path, root: tuple[str, str]) -> Recipe:
    """`root` holds the credentials of its account's root."""
    scratch = data / "tmp"

    def environment(port: int) -> dict[str, str]:
        scratch.mkdir(exist_ok=True)
        return {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": "true",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(data / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(data / "s3"),
            "TMPDIR": str(scratch),
            "LOG_LEVEL": "WARNING",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AWS_ACCESS_KEY_ID": root[0],
            "AWS_SECRET_ACCESS_KEY": root[1],
        }

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "infra.local.emulator.run_ministack", str(os.getpid())]

    return Recipe("ministack", command, environment, "/_ministack/ready")


def clear_unfinished(data: Path) -> None:
    """Remove the files of PUTs that a SIGKILL cut off: bytes without the sidecar, which is written last.

    These PUTs were never acknowledged; ministack would show the objects without type and checksum.
    """
    for folder, names in _files(data / "s3" / ACCOUNT):
        for name in names:
            if not name.endswith(_SIDECAR) and name + _SIDECAR not in names:
                (folder / name).unlink()


def show_hidden(data: Path) -> None:
    """Make every message visible at once: whoever received it has gone."""
    file = data / "state" / "sqs.json"
    if file.exists():
        state = json.loads(file.read_text(), object_hook=_at_once)
        file.write_text(json.dumps(state))


def _at_once(read: dict[str, Any]) -> dict[str, Any]:
    return {**read, "visible_at": 0} if "visible_at" in read else read


def put_lately(data: Path, bucket: str, below: str, seconds: float) -> list[str]:
    """The keys that were put within so many seconds, below a prefix that is cut at its last slash."""
    since = time.time() - seconds
    top = data / "s3" / ACCOUNT / bucket / below.rpartition("/")[0]
    sidecars = [folder / name for folder, names in _files(top) for name in names if name.endswith(_SIDECAR)]
    return [json.loads(one.read_text())["key"] for one in sidecars if one.stat().st_mtime >= since]


def _files(top: Path) -> Iterator[tuple[Path, list[str]]]:
    for folder, _, names in os.walk(top):
        yield Path(folder), names
