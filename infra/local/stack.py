"""The local stack for a test or the demo: started as a child process, stopped at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infra.local.emulator.clients import client
from infra.local.host.parent import held_back

_START_SECONDS = 120
_DEPLOY_SECONDS = 600
_STOP_SECONDS = 20


class StackFailed(Exception):
    """The stack did not start or stop in time; the text holds its last lines of output."""


class LocalStack:
    """`with LocalStack(folder) as stack:` runs the whole stack on a free port; its data is in the folder."""

    def __init__(
        self,
        data: Path,
        port: int = 0,
        template: Path | None = None,
        environment: Mapping[str, str] | None = None,
        deployed: bool = False,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self.url = ""
        self.output = data / "stack.log"
        self._port, self._template, self._deployed = port, template, deployed
        self.environment = dict(environment or {})
        self.parameters = dict(parameters or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        more = ["--template", str(self._template)] if self._template else []
        more += ["--deployed"] if self._deployed else []
        more += [f"--parameter={name}={value}" for name, value in self.parameters.items()]
        patience = _DEPLOY_SECONDS if self._deployed else _START_SECONDS
        try:
            with self.output.open("wb") as output, held_back():
                self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                    [sys.executable, "-m", "infra.local", "--with-parent", str(os.getpid()), *more],
                    env={**os.environ, **self.environment, "PORT": str(self._port), "DATA": str(self.data)},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            self.url = self._ready(time.monotonic() + patience)
        except BaseException:
            self.stop()  # nobody else would: `with` does not exit what it has not entered
            raise

    def stop(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise StackFailed(f"did not stop in {_STOP_SECONDS} s\n{self.tail()}") from None

    def kill(self) -> None:
        """End it as a crash would, without warning: nothing is saved."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def token(
        self, box: str, scope: str = "oma_rest_nms.all_v1", claims: Mapping[str, Any] | None = None
    ) -> str:
        """An access token of the stack's own issuer. `claims` adds claims; None as a value leaves one out."""
        body = json.dumps({"boxId": box, "scope": scope, "claims": dict(claims or {})}).encode()
        request = urllib.request.Request(f"{self.url}/local/token", body)  # noqa: S310  our own address
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            token: str = json.load(answer)["access_token"]
        return token

    def name(self, logical_id: str) -> str:
        """The name of a resource of the template: a table's or bucket's name, a queue's URL."""
        name: str = self._details()["resources"][logical_id]
        return name

    def function_environment(self, logical_id: str) -> dict[str, str]:
        """The environment of a function of the template: its settings, and credentials with its rights."""
        environments = json.loads((self.data / "keys" / "environments.json").read_text())
        environment: dict[str, str] = environments[logical_id]
        return environment

    def aws(self, service: str) -> Any:
        """A client with all rights, to look behind the API."""
        details = self._details()
        url = self.endpoints.get(service, details["endpoint"])
        return client(service, url, self.credentials, region=details["region"])

    @property
    def endpoints(self) -> dict[str, str]:
        """The address of each service, by the SDK's name for it."""
        addresses: dict[str, str] = self._details()["endpoints"]
        return addresses

    @property
    def credentials(self) -> tuple[str, str]:
        """The credentials of the client with all rights."""
        details = self._details()
        return details["key"], details["secret"]

    @property
    def pid(self) -> int:
        if self._process is None:
            raise StackFailed("it is not running")
        return self._process.pid

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.output.read_text(errors="replace").splitlines()[-lines:])

    def _details(self) -> dict[str, Any]:
        details: dict[str, Any] = json.loads((self.data / "keys" / "stack.json").read_text())
        return details

    def _ready(self, deadline: float) -> str:
        while time.monotonic() < deadline:
            for line in self.output.read_text(errors="replace").splitlines():
                if line.startswith("ready: "):
                    return line.removeprefix("ready: ").strip()
            if self._process is None or self._process.poll() is not None:
                raise StackFailed(f"did not start\n{self.tail()}")
            time.sleep(0.05)
        self.kill()
        raise StackFailed(f"was not ready in time\n{self.tail()}")
