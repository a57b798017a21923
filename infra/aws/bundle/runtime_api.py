"""A small version of Lambda's Runtime API, which gives events to AWS's own runtime client, awslambdaric.

A handler is loaded and called as on Lambda: by the same client, with its own environment, from its bundle.
"""

import json
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_PATH = "/2018-06-01/runtime/"
_SECONDS = 60
_ARN = "arn:aws:lambda:us-east-1:000000000000:function:{}"


class FunctionFailed(Exception):
    """The runtime client reported an error or ended; the text is its output."""


class Lambda:
    """One execution environment: `command` starts the client in `folder`, which holds the code."""

    def __init__(
        self, command: Sequence[str], folder: Path, handler: str, environment: Mapping[str, str], output: Path
    ) -> None:
        self.output = output
        self._command, self._folder = [*command, "-m", "awslambdaric", handler], folder
        self._environment = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "TZ": ":UTC", **environment}
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._answers: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._requests())
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        port = self._server.server_address[1]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  the interpreter that was asked for
                self._command,
                cwd=self._folder,
                env={
                    **self._environment,
                    "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
                    "LAMBDA_TASK_ROOT": str(self._folder),
                },
                stdout=output,
                stderr=output,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        self._server.shutdown()
        self._server.server_close()

    def invoke(self, event: Any) -> Any:
        self._events.put((str(uuid.uuid4()), json.dumps(event).encode()))
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            try:
                what, body = self._answers.get(timeout=0.2)
            except queue.Empty:
                if self._process and self._process.poll() is None:
                    continue
                raise FunctionFailed(self.output.read_text()) from None
            if what != "response":
                raise FunctionFailed(body.decode())
            return json.loads(body)
        raise FunctionFailed("no answer in time")

    def _requests(self) -> type[BaseHTTPRequestHandler]:
        events, answers = self._events, self._answers
        name = self._environment.get("AWS_LAMBDA_FUNCTION_NAME", "function")

        class Requests(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """Answer with the next event, as soon as there is one."""
                request_id, event = events.get()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + _SECONDS) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", _ARN.format(name))
                self._send(event)

            def do_POST(self) -> None:
                """Take `…/response` and `…/error`, of an invocation or of the start."""
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                answers.put((self.path.removeprefix(_PATH).rsplit("/", 1)[-1], body))
                self.send_response(202)
                self._send(b"{}")

            def _send(self, body: bytes) -> None:
                self.send_header("content-type", "application/json")  # without it the client crashes
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                """Log nothing: a line for every poll would tell nothing."""

        return Requests
