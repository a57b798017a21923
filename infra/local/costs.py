"""What each operation asks of AWS, measured on a stack of its own: the table of `infra/costs.md`.

Counts hold on AWS as they do here; capacity units are reckoned by DynamoDB's rules (`capacity`). Pictures
and boxes are small on purpose: that size does not matter is the benchmark's to show.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from infra.local.in_process import Api
from infra.local.meter import Counts, meter
from infra.local.stack import LocalStack

BOX = "tel:+99900000001"
Measured = tuple[str, Counts]


def measure(api: Api) -> Iterator[Measured]:
    """Each operation after another on one box, every one as a client would ask for it."""

    def of(method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> Any:
        return api.ask(method, BOX, path, body, query).json

    def counted(name: str, act: Callable[[], Any]) -> Measured:
        with meter() as counts:
            act()
        return name, counts

    api.folder(BOX, "first")
    target = api.folder(BOX, "second")
    first = api.store(BOX, "a subject", "a first message")
    path = f"/objects/{first.rsplit('/', 1)[1]}"
    yield counted("create a folder", lambda: api.folder(BOX, "third"))
    yield counted("store a message of one part", lambda: api.store(BOX, "a subject", "hello"))
    yield counted("copy a message", lambda: api.copy(BOX, [first], target))
    yield counted("copy 30 messages in one request", lambda: api.copy(BOX, [first] * 30, target))
    yield counted("read a message's metadata", lambda: of("GET", path))
    yield counted("get the address of a body", lambda: of("GET", f"{path}/payload"))
    yield counted("set a flag", lambda: of("PUT", f"{path}/flags/\\Seen"))
    yield counted("first sync of 33 messages", lambda: of("GET", "/changes", query={"maxEntries": "1000"}))
    token = api.latest(BOX)
    of("PUT", f"{path}/flags/\\Flagged")
    yield counted("sync of one change", lambda: of("GET", "/changes", query={"restartToken": token}))
    newest = api.latest(BOX)
    yield counted("sync of no change", lambda: of("GET", "/changes", query={"restartToken": newest}))
    yield counted("delete a message", lambda: of("DELETE", path))


def table(measured: Iterator[Measured]) -> str:
    lines = [
        "| Operation | DynamoDB calls | S3 calls | SQS calls | Read units | Write units |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, counts in measured:
        calls = [counts.of(service) for service in ("dynamodb", "s3", "sqs")]
        lines.append(
            f"| {' | '.join([name, *map(str, calls)])} | {counts.read_units} | {counts.write_units} |"
        )
    return "\n".join(lines)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder) / "stack") as stack:
        print(table(measure(Api(stack))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
