"""A phone's box and the `onecopy import` that fills it. The result is read like any client would read it."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from infra.local.stack import LocalStack
from tests.clients.backups import written
from tests.clients.box_client import BoxClient, Json
from tests.clients.following import listing, told

COMMAND = Path(sys.executable).with_name("onecopy")
PATIENCE = 120
PROGRESS = r" *\d+%  [\d,]+ read, [\d,]+ stored, [\d,]+ there before"


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """The lines of stderr except progress, which only slow runs print."""
        return [line for line in self.err.splitlines() if not re.fullmatch(PROGRESS, line)]


class Phone:
    """Each has its own box, which is empty at first."""

    def __init__(self, stack: LocalStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.box = BoxClient(stack)

    def start(self, file: Path, *more: str, stderr: int = subprocess.PIPE) -> "subprocess.Popen[str]":
        """Starts an import as a process. `more` comes last, so it overrides the other options."""
        command = [str(COMMAND), "import", str(file), "--box", self.box.box, "--url", self.stack.url, *more]
        return subprocess.Popen(
            command,
            env={**os.environ, "TMPDIR": str(self.folder)},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def run(self, file: Path, *more: str) -> Finished:
        return finished(self.start(file, *more))

    def imports(self, *messages: str) -> Finished:
        """Imports a backup with these messages, which must succeed."""
        done = self.run(written(self.folder, *messages))
        assert done.code == 0, done.err
        return done

    def objects(self) -> list[Json]:
        """All objects in the box, as a first sync lists them."""
        return told(listing(self.box)[0], "changedObject")

    def in_folder(self, path: str) -> list[Json]:
        """A conversation's messages, in the folder's own order."""
        asked = {"listFilter": "Objects", "maxEntries": 1000}
        folder = self.box.get(self.box.folder_at(path), params=asked).raise_for_status().json()["folder"]
        references = folder.get("objects", {}).get("objectReference", [])
        urls = [reference["resourceURL"] for reference in references]
        return [self.box.get(url).raise_for_status().json()["object"] for url in urls]

    def content(self, shown: Json) -> list[bytes]:
        """The bytes of each part."""
        addresses = [self.box.get(part["href"]).headers["location"] for part in shown["payloadPart"]]
        return [httpx.get(address).raise_for_status().content for address in addresses]


def finished(process: "subprocess.Popen[str]") -> Finished:
    out, err = process.communicate(timeout=PATIENCE)
    return Finished(process.returncode, out, err)


def attributes(shown: Json) -> dict[str, list[str]]:
    return {one["name"]: one["value"] for one in shown["attributes"]["attribute"]}


def tags(objects: list[Json]) -> list[str]:
    return sorted(facts["correlationTag"] for facts in objects)
