"""Runs the local stack: whatever ends it, all that was started here is stopped in the opposite order."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from infra.aws.template import TEMPLATE, BadTemplate, parameter
from infra.local.assembly import Assembly, Site
from infra.local.emulator import Emulator, EmulatorFailed
from infra.local.gateway.http import Gateway
from infra.local.host.keys import KeyStore
from infra.local.host.logs import Log
from infra.local.host.parent import ENDING, Parent
from infra.local.sam import Deployment, NotDeployed

_LOCK_SECONDS = 15
_WATCH_SECONDS = 0.25
_REQUESTS_STOP_SECONDS = 3

Assemble = Callable[[str, Emulator, KeyStore, Log], Assembly | Deployment]
"""Makes the stack for an address, from the template as it is read or as it is deployed."""


class CannotServe(Exception):
    """The stack cannot start or go on; the text is one line for the user."""


def main(arguments: Sequence[str] = ()) -> int:
    """Run the local stack in the foreground. PORT and DATA say where."""
    parser = argparse.ArgumentParser(prog="infra.local", description="The whole stack on this machine.")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT") or "8080")
    parser.add_argument("--data", type=Path, default=os.environ.get("DATA") or ".local")
    parser.add_argument("--template", type=Path, default=TEMPLATE)
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", type=parameter)
    parser.add_argument("--deployed", action="store_true", help="have SAM deploy the template, not read it")
    parser.add_argument(
        "--with-parent", type=int, metavar="PID", help="end when this process, which started it, ends"
    )
    asked = parser.parse_args(arguments)
    for sign in ENDING:
        signal.signal(sign, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)  # the parent may have blocked them for us, too
    try:
        kind = Deployment if asked.deployed else Assembly

        def assemble(url: str, emulator: Emulator, keys: KeyStore, log: Log) -> Assembly | Deployment:
            return kind(Site(asked.template.resolve(), dict(asked.parameter), url, emulator, keys, log))

        serve(_listen(asked.port), asked.data.resolve(), assemble, asked.with_parent, asked.deployed)
    except (CannotServe, EmulatorFailed, NotDeployed, BadTemplate) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _leave(sign: int, frame: FrameType | None) -> None:
    """Handle a signal before everything is up: leaving stops what has been started."""
    raise SystemExit(0)


def _listen(port: int) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or every answer waits 40 ms for an ACK
    try:
        server.bind(("127.0.0.1", port))
        server.listen(512)
    except (OSError, OverflowError):
        server.close()
        raise CannotServe(f"port {port} is in use; choose another one with PORT=") from None
    return server


def serve(
    port: socket.socket, data: Path, assemble: Assemble, with_parent: int | None, whole: bool = False
) -> None:
    """Serve until a signal or the parent ends it. `whole` asks for an emulator that runs functions, too."""
    log, parent = Log(), Parent(with_parent)
    url = f"http://127.0.0.1:{port.getsockname()[1]}"
    if with_parent and parent.wants_us_gone():
        return
    with contextlib.ExitStack() as ending:
        lock = _own(data)
        ending.callback(os.close, lock)
        keys = KeyStore(data / "keys")
        emulator = Emulator(data, keys, lock, whole)
        ending.callback(emulator.stop)
        emulator.start()
        if emulator.weakness:
            log.line(emulator.weakness)
        put_together = assemble(url, emulator, keys, log)
        ending.callback(put_together.close)
        gateway = put_together.start()

        def over() -> bool:
            watched = with_parent is not None or parent.is_make
            return emulator.exited() or (watched and parent.wants_us_gone())

        asyncio.run(_serve(gateway, port, lambda: log.line(f"ready: {url}"), over))
        if emulator.exited():
            raise CannotServe(f"an emulator ended by itself; its log is {emulator.log}")


async def _serve(
    gateway: Gateway, port: socket.socket, ready: Callable[[], None], over: Callable[[], bool]
) -> None:
    stop = asyncio.Event()
    for sign in ENDING:
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    server = _Server(_configuration(gateway))
    serving = asyncio.create_task(server.serve(sockets=[port]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    ready()
    while not stop.is_set() and not serving.done() and not over():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _WATCH_SECONDS)
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    """Leaves signals to this module: after the server, the rest has to stop, too."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configuration(gateway: Gateway) -> uvicorn.Config:
    return uvicorn.Config(
        gateway,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_REQUESTS_STOP_SECONDS,
    )


def _own(data: Path) -> int:
    """Take the folder's lock. The emulator holds it, too, so it is free only when all has been saved."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise CannotServe(
                    f"{data} is in use by another stack; choose another one with DATA="
                ) from None
            time.sleep(0.1)
        else:
            return lock
