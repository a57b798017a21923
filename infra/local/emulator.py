"""The AWS emulator, a child process on a free port of loopback, its state in the data folder.

It saves when it ends by SIGTERM, so that is how it always ends: stopped by us, or told by the kernel that we
are gone, however we went. It has a session of its own: what a terminal sends to us does not end it before us.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import uvloop

from infra.local.keys import KeyStore
from infra.local.parent import die_with_parent
from infra.local.template import ACCOUNT, REGION

_START_SECONDS = 30
_STOP_SECONDS = 12
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "SYSTEMROOT", "PYTHONPATH")
_GARBAGE = (100_000, 20, 50)
"""What it holds in memory is its state, hardly any of it garbage: it is seldom worth looking through."""


class EmulatorFailed(Exception):
    """The emulator did not come up; the text says where its log is."""


def free_port(wished: int = 0) -> int:
    """The wished port if it is free, else any. URLs in the saved state name the port they were made with."""
    for candidate in (wished, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            port: int = probe.getsockname()[1]
            return port
    raise EmulatorFailed("no free port on 127.0.0.1")


class Emulator:
    """Runs between start and stop; `root` are the credentials of the account's root in it."""

    def __init__(self, data: Path, keys: KeyStore, lock: int) -> None:
        self._data, self._lock = data, lock
        self._keys = keys
        self._process: subprocess.Popen[bytes] | None = None
        self.log = data / "emulator.log"
        self.root = (f"AKIA{keys.password('root-key-id', 16).upper()}", keys.password("root-secret"))
        self.url = ""

    def start(self) -> None:
        wished = int(self._keys.load("emulator.json").get("port", 0))
        for port in (wished, 0, 0):
            self._spawn(free_port(port))
            if self._answers():
                self._keys.save("emulator.json", {"port": int(self.url.rsplit(":", 1)[1])})
                return
            self.stop()
        raise EmulatorFailed(f"the emulator did not start; its log is {self.log}")

    def exited(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _spawn(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-m", "infra.local.emulator", str(os.getpid())],
                env=self._environment(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._lock,),
                start_new_session=True,
            )

    def _environment(self, port: int) -> dict[str, str]:
        scratch = self._data / "tmp"
        scratch.mkdir(exist_ok=True)
        return {name: os.environ[name] for name in _KEPT if name in os.environ} | {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": "true",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._data / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._data / "s3"),
            "TMPDIR": str(scratch),
            "LOG_LEVEL": "WARNING",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.root[0],
            "AWS_SECRET_ACCESS_KEY": self.root[1],
        }

    def _answers(self) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and not self.exited():
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/ready", timeout=2):  # noqa: S310
                    return not self.exited()
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        return False


def _run(parent: int) -> None:
    die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    gc.set_threshold(*_GARBAGE)
    from ministack.app import main  # it reads its environment at import

    sys.argv = sys.argv[:1]
    main()


if __name__ == "__main__":
    _run(int(sys.argv[1]))
