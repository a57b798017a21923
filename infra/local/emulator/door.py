"""The door: starts what the services need, and gives the address of each."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from infra.aws.template import REGION
from infra.local.emulator import dynoxide, ministack
from infra.local.emulator.child import Child, EmulatorFailed
from infra.local.emulator.dynoxide import StreamFile
from infra.local.host.keys import KeyStore

_ROWS = ("dynamodb", "dynamodbstreams")
_SAVE_SECONDS = 10
_LOST_SECONDS = 86_400.0
_FILE = "emulator.json"
_FIRST_REGION = "us-east-1"
"""The region of a folder that names none."""

_WEAKER = "rows are kept in memory and saved at the end: a crash loses what came since the start"
_NOT_INSTALLED = " (the store that survives one, dynoxide, is installed by npm, and was not)"


class Emulator:
    """Runs between start and stop; `root` holds the credentials of its account's root.

    `whole` asks for an emulator that runs functions and their sources itself; ministack does that only on
    rows of its own.
    """

    def __init__(self, data: Path, keys: KeyStore, lock: int, whole: bool = False) -> None:
        self._data, self._keys = data, keys
        self.log = data / "emulator.log"
        self.root = (f"AKIA{keys.password('root-key-id', 16).upper()}", keys.password("root-secret"))
        self._ministack = Child(ministack.recipe(data, self.root), self.log, lock)
        self._check_region()
        binary = None if whole else self._program()
        self._rows = Child(dynoxide.recipe(data, binary), self.log, lock) if binary else None
        self._whole = whole
        self._running = data / "running"
        self._cut_off = False

    @property
    def url(self) -> str:
        """The address of every service that has none of its own."""
        return self._ministack.url

    @property
    def stream(self) -> StreamFile | None:
        """The stream's file, if the stream outlives a restart."""
        return StreamFile(dynoxide.file(self._data)) if self._rows else None

    @property
    def expires_rows(self) -> bool:
        """Does it delete rows whose time to live has passed?"""
        return self._rows is None

    @property
    def weakness(self) -> str:
        """A line for whoever starts it; empty if it keeps everything that it has acknowledged."""
        if self._rows:
            return ""
        return _WEAKER if self._whole else _WEAKER + _NOT_INSTALLED

    def endpoints(self) -> dict[str, str]:
        """The addresses of the services that the store uses, by the SDK's names for them."""
        row_url = self._rows.url if self._rows else self.url
        return {"s3": self.url, "sqs": self.url, **dict.fromkeys(_ROWS, row_url)}

    def endpoint(self, service: str) -> str:
        return self.endpoints().get(service, self.url)

    def start(self) -> None:
        self._cut_off = self._running.exists()
        if self._cut_off:
            ministack.clear_unfinished(self._data)
        ministack.show_hidden(self._data)
        self._running.touch()
        if self._rows:
            self._rows.start()
            StreamFile(dynoxide.file(self._data)).prepare()
        saved = self._keys.load(_FILE)
        self._ministack.start(int(saved.get("port", 0)))  # URLs in its state name the port
        self._keys.save(_FILE, saved | {"port": self._ministack.port, "region": REGION} | self._kept_in())

    def unheard(self, bucket: str, prefix: str) -> list[str]:
        """Keys of objects whose notification may be lost because the last run was cut off."""
        return ministack.put_lately(self._data, bucket, prefix, _LOST_SECONDS) if self._cut_off else []

    def save(self) -> None:
        """Have identities saved now, which then outlive a SIGKILL."""
        written = self._data / "state" / "iam.json"
        before = written.stat().st_mtime_ns if written.exists() else 0
        os.kill(self._ministack.pid, signal.SIGUSR1)
        deadline = time.monotonic() + _SAVE_SECONDS
        while not written.exists() or written.stat().st_mtime_ns == before:
            if time.monotonic() > deadline or self.exited():
                raise EmulatorFailed(f"ministack does not save; its log is {self.log}")
            time.sleep(0.01)

    def exited(self) -> bool:
        """Has one of its processes ended?"""
        return any(child.exited() for child in self._children())

    def stop(self) -> None:
        for child in self._children():
            child.terminate()
        ended = [child.ended() for child in self._children()]
        if all(ended):
            self._running.unlink(missing_ok=True)

    def _children(self) -> list[Child]:
        return [self._rows, self._ministack] if self._rows else [self._ministack]

    def _check_region(self) -> None:
        saved = self._keys.load(_FILE)
        made_in = saved.get("region", _FIRST_REGION)
        if saved and made_in != REGION:
            raise EmulatorFailed(
                f"the store in {self._data} is one of {made_in}: set AWS_REGION to that, or another DATA"
            )

    def _program(self) -> Path | None:
        """dynoxide's program, or None for ministack: a folder's rows stay with the one that has kept them."""
        kept_in, binary = self._keys.load(_FILE).get("rows"), dynoxide.program()
        if kept_in == "dynoxide" and binary is None:
            raise EmulatorFailed(f"the rows in {self._data} are dynoxide's, which is not installed: run make")
        return None if kept_in == "ministack" else binary

    def _kept_in(self) -> dict[str, str]:
        return {} if self._whole else {"rows": "dynoxide" if self._rows else "ministack"}
