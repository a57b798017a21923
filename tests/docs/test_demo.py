"""`make demo`: a process that tells the whole story, ends with a table, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.clients.importing import Finished, finished
from tests.docs.test_story import ACTS, CONTENT_ACTS

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Demo:
    """A demo in a process of its own, with its own folder for temporary files."""

    place: Path

    def start(self, *backup: Path) -> "subprocess.Popen[str]":
        self.place.mkdir()
        return subprocess.Popen(
            [sys.executable, "-m", "infra.demo", *map(str, backup)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.place)},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def is_gone(self) -> bool:
        """Whether no process that it started is running, and no file that it made is left."""
        return not any(self._processes()) and not any(self.place.iterdir())

    def _processes(self) -> list[int]:
        """All processes with its folder in their environment, which every child inherits."""
        mark = f"TMPDIR={self.place}\0".encode()
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if mark in _read(path)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it has just ended


@pytest.fixture
def demo() -> Iterator[Demo]:
    """Its folder has a short name: the path of a Unix socket in it has to fit 107 bytes."""
    with TemporaryDirectory() as folder:
        yield Demo(Path(folder) / "t")


def test_the_sample_is_told_to_the_end(demo: Demo) -> None:
    done = finished(demo.start())
    assert (done.code, done.complaints) == (0, [])
    assert [act for act in (*ACTS, *CONTENT_ACTS) if act not in done.out] == []
    table = done.out[done.out.index("Measured in this run") :]
    assert "0 B" in row(table, "content stored for 18 copied messages")
    assert "2 requests" in row(table, "sent and received for them")
    assert "changes, for the other device" in table
    assert row(table, "content gone after its last link")
    assert "\x1b" not in done.out
    assert demo.is_gone()


def row(table: str, start: str) -> str:
    (found,) = (line for line in table.splitlines() if line.strip().startswith(start))
    return found


@pytest.mark.parametrize("content", [b"hello", b"<smses count='0'></smses>", None])
def test_a_file_that_is_no_backup_is_told_in_one_line(
    demo: Demo, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "any"
    if content is not None:
        file.write_bytes(content)
    done = finished(demo.start(file))
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    reason = "nothing readable" if content is not None else f"{file} cannot be read"
    assert done.err.startswith(f"demo: {reason}")
    assert demo.is_gone()


@pytest.mark.parametrize(
    ("sign", "act"), [(signal.SIGINT, "A subscriber gives"), (signal.SIGTERM, "The whole store runs")]
)
def test_an_interrupted_demo_cleans_up(demo: Demo, sign: signal.Signals, act: str) -> None:
    """Even while the stack is still starting."""
    done = interrupted(demo, sign, act)
    assert (done.code, done.complaints) == (130, ["demo: interrupted"])
    assert demo.is_gone()


def interrupted(demo: Demo, sign: signal.Signals, act: str) -> Finished:
    """Send the signal as soon as the demo has announced the act."""
    process = demo.start()
    assert process.stdout is not None
    assert any(act in line for line in process.stdout)
    process.send_signal(sign)
    return finished(process)
