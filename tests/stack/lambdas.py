"""Runs the functions under AWS's runtime client, one process each, on the resources of a local stack.

The code is that of this tree. If BUNDLE is set, it is that bundle's, on a Python with nothing else installed.
"""

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from infra.aws.bundle.runtime_api import Lambda
from infra.local.stack import LocalStack

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
Json = dict[str, Any]


class Lambdas:
    """Starts each function at its first event, with its own environment and rights.

    `settings`: more variables for its environment.
    """

    def __init__(self, stack: LocalStack, box: str, **settings: str) -> None:
        self.stack, self.box, self._settings = stack, box, settings
        self._running = ExitStack()
        self._known: dict[str, Lambda] = {}

    def close(self) -> None:
        self._running.close()

    def event(self, name: str, **instead: str) -> Json:
        """An event of `events/`, for this box. `instead` replaces other things that it names (see NAMES)."""
        text = (EVENTS / f"{name}.json").read_text().replace("tel:+19585550100", self.box)
        for written, other in instead.items():
            assert NAMES[written] in text
            text = text.replace(NAMES[written], other)
        found: Json = json.loads(text)
        return found

    def invoke(self, name: str, event: Json) -> Any:
        if name not in self._known:
            self._known[name] = self._running.enter_context(self._start(name))
        return self._known[name].invoke(event)

    def metrics(self, name: str) -> Json:
        """The metrics that a function has emitted so far, each with its last value."""
        lines = [line for line in self._known[name].output.read_text().splitlines() if '"_aws"' in line]
        told: Json = {}
        for line in map(json.loads, lines):
            names = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
            told |= {metric: line[metric][0] for metric in names}
        return told

    def ask(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, **more: str
    ) -> Json:
        """Sends a request as the API does, made from its event. Returns the answer's JSON, or its headers."""
        event = self.event("api")
        event["rawPath"] = f"/nms/v1/main/{self.box}{path}"
        event["requestContext"]["http"] |= {"method": method, "path": event["rawPath"]}
        event["headers"] = {"content-type": "application/json", **more}
        event["queryStringParameters"] = query or {}
        event["body"] = body if isinstance(body, str) else json.dumps(body)
        answer = self.invoke("api", event)
        assert answer["statusCode"] < 400, answer
        return json.loads(answer["body"]) if answer.get("body") else dict(answer["headers"])

    def _start(self, name: str) -> Lambda:
        environment = {**self.stack.function_environment(f"{name.title()}Function"), **self._settings}
        command, folder = [sys.executable], ROOT / "functions"
        if bundle := os.environ.get("BUNDLE"):
            command, folder = [f"{bundle}/python/bin/python"], Path(bundle, "code").resolve()
            environment["PYTHONPATH"] = str(Path(bundle, "runtime").resolve())
        handler = f"onecopy.handlers.{name}.handler"
        return Lambda(command, folder, handler, environment, self.stack.data / f"{name}-{id(self)}.log")


NAMES = {
    "direct": "direct/0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "inline": "inline/0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "subscription": '\\"a4\\"',
    "job": "3f2e1d0c9b8a796857",
}
"""The things that the events name, as they are written there."""
