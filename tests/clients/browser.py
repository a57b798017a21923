"""A real browser, if the machine has one, and pages of two origins for it to show."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

APP = "http://app.localhost"
"""The origin that the stack allows. Browsers trust localhost, so a page there may compute a checksum."""

STRANGER = "http://stranger.localhost"
_PROGRAMS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
_QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
_SECONDS = 60

PAGE = """<!doctype html>
<meta charset="utf-8">
<script>
  const told = content => fetch("/told", {method: "POST", body: JSON.stringify(content)});
  addEventListener("error", event => told({failed: event.message}));
</script>
<script type="module">
  const given = %s;
  %s
  const story = async () => { %s };
  try { told({returned: await story()}); }
  catch (error) { told({failed: `${error.name}: ${error.message}`}); }
</script>
"""


def program() -> str | None:
    """The browser to use: the one named by CHROMIUM, or the first one installed. None if there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _PROGRAMS)), None)


class Browser:
    """Shows one page at a time, each in a new browser that keeps nothing."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._log = folder / "browser.log"

    def run(self, origin: str, library: str, story: str, **given: Any) -> Any:
        """What `story`, the body of an async function, returns in a page of that origin."""
        page = PAGE % (json.dumps(given).replace("<", "\\u003c"), library, story)
        with _server(page) as (port, heard), self._open(f"{origin}/", port):
            try:
                told = heard.get(timeout=_SECONDS)
            except Empty:
                log = self._log.read_text(errors="replace")
                raise AssertionError(f"the page said nothing in {_SECONDS} s\n{log[-2000:]}") from None
        assert "failed" not in told, told["failed"]
        return told.get("returned")

    def drawn(self, url: str) -> str:
        """The page at an address of this machine, as HTML, once its scripts have run."""
        profile = f"--user-data-dir={self._folder / 'drawn'}"
        options = [*_QUIET, profile, f"--virtual-time-budget={_SECONDS * 1000}", "--dump-dom"]
        with self._log.open("wb") as log:
            ran = subprocess.run(
                [self._program, *options, url],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                timeout=_SECONDS,
                check=True,
            )
        return ran.stdout.decode()

    @contextmanager
    def _open(self, url: str, port: int) -> Iterator[None]:
        """The page's host leads to the test's server. Names not on this machine are not resolved."""
        hosts = f"MAP *.localhost 127.0.0.1:{port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        profile = self._folder / str(port)
        options = [
            *_QUIET,
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            f"--host-resolver-rules={hosts}",
        ]
        with self._log.open("wb") as log:
            running = subprocess.Popen(
                [self._program, *options, url],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


@contextmanager
def _server(page: str) -> Iterator[tuple[int, Queue[dict[str, Any]]]]:
    """Serves a page and receives what it reports."""
    heard: Queue[dict[str, Any]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(page.encode() if self.path == "/" else b"")

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._answer(b"")
            heard.put(content)

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1], heard
        finally:
            server.shutdown()


if __name__ == "__main__":
    sys.exit(program() is None)
