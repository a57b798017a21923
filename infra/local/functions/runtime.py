"""Lambda's runtime inside a worker: one handler, its own environment, one invocation at a time.

It imports almost nothing: a package that it imports would not be noticed missing from the bundle.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from infra.local.host.parent import die_with_parent

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Job:
    """An invocation as it is sent to a worker."""

    request_id: str
    deadline: float
    event: bytes


@dataclass(frozen=True)
class LambdaContext:
    """A handler's `context`."""

    function_name: str
    memory_limit_in_mb: int
    aws_request_id: str
    invoked_function_arn: str
    deadline: float
    function_version: str = "$LATEST"
    log_group_name: str = ""
    log_stream_name: str = ""
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.time()) * 1000))


def run(jobs: Connection, output: Connection, handler: str, environment: dict[str, str]) -> None:
    """Serve jobs until the pipe closes. Answers are (error type or None, result as JSON)."""
    die_with_parent(signal.SIGKILL)
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    _enter(environment)
    invoke = None
    while True:
        try:
            job: Job = jobs.recv()
        except (EOFError, OSError):
            return
        try:
            invoke = invoke or _load(handler)
            result = invoke(json.loads(job.event), _context(job, environment))
            jobs.send((None, json.dumps(result).encode()))
        except Exception as error:
            sys.stderr.write(_report(error))
            jobs.send((type(error).__name__, b""))


def _enter(environment: dict[str, str]) -> None:
    own = {name: os.environ[name] for name in _KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update(own | environment)
    time.tzset()


def _load(handler: str) -> Any:
    module, name = handler.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)


def _context(job: Job, environment: dict[str, str]) -> LambdaContext:
    name = environment["AWS_LAMBDA_FUNCTION_NAME"]
    region = environment["AWS_REGION"]
    return LambdaContext(
        function_name=name,
        memory_limit_in_mb=int(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
        aws_request_id=job.request_id,
        invoked_function_arn=f"arn:aws:lambda:{region}:000000000000:function:{name}",
        deadline=job.deadline,
    )


def _report(error: BaseException) -> str:
    """The error's type and where it was raised, but not its text, which may hold what a user wrote."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    where = "".join(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}\n" for frame in own)
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else ""
    call = getattr(error, "operation_name", "")
    return f"{type(error).__name__} {call} {code}".rstrip() + "\n" + where
