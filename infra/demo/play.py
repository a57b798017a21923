"""`make demo`: plays the story on a stack of its own in a temporary folder, and leaves nothing behind."""

import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import FrameType

import httpx

from infra.client.device import Device
from infra.demo.actions import DidNotHappen
from infra.demo.story import Story
from infra.demo.telling import Telling
from infra.local.stack import LocalStack, StackFailed
from infra.ops.importing.connection import Unusable
from infra.ops.phone.backup import Backup, Refused
from infra.receiver.receiver import Receiver

BOX = "tel:+99911112222"
SAMPLE = Path(__file__).with_name("sample.xml")
_FORESEEN = (DidNotHappen, Refused, StackFailed, Unusable, httpx.HTTPError, OSError)


def main(arguments: Sequence[str]) -> int:
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, _leave)
    try:
        play(Path(arguments[0]) if arguments else SAMPLE)
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    except _FORESEEN as error:
        print(f"demo: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def play(path: Path) -> None:
    backup, telling = readable(path), Telling()
    telling.title("Onecopy: one copy of every message, as many links to it as you like.")
    with tempfile.TemporaryDirectory(prefix="onecopy-demo-") as folder:
        place = Path(folder)
        telling.line("The whole store runs on this machine, in a temporary folder that goes away at the end.")
        with LocalStack(place / "stack") as stack:
            tell(stack, BOX, backup, place, telling)
    telling.line("")
    telling.line(
        "All of it is gone again. To keep a store on this machine: make serve; to fill it, meanwhile,"
    )
    telling.line("with a backup of your own: make import FILE=… BOX=tel:+…")


def tell(stack: LocalStack, box: str, backup: Backup, place: Path, telling: Telling) -> None:
    """Play the story on a running stack, with two devices that keep their mirrors in that place."""
    token = stack.token(box)
    with ExitStack() as ending:
        phone, tablet = (
            ending.enter_context(closing(Device(stack.url, box, lambda: token, place / f"{name}.db")))
            for name in ("phone", "tablet")
        )
        receiver = ending.enter_context(Receiver())
        Story(stack, box, phone, tablet, receiver, telling).tell(backup)


def readable(path: Path) -> Backup:
    """A backup with at least one message. Any other file is refused here, before anything is started."""
    backup = Backup(path)
    with closing(backup.messages()) as messages:
        next(messages)
    return backup


def _leave(sign: int, frame: FrameType | None) -> None:
    """Leave as if interrupted, which stops what was started."""
    raise KeyboardInterrupt
