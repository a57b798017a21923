"""What each operation asks of AWS, measured on a stack of its own: the table of `infra/costs.md`.

Counts hold on AWS as they do here; capacity units are reckoned by DynamoDB's rules (`capacity`). Pictures
and boxes are small on purpose: that size does not matter is the benchmark's to show.

Then what that makes in a month of a thousand users, in dollars: a worked example, from the same counts.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    alone: list[str] = []
    yield counted("store a message of one part", lambda: alone.append(api.store(BOX, "a subject", "hello")))
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
    yield counted("delete a message", lambda: of("DELETE", f"/objects/{alone[0].rsplit('/', 1)[1]}"))
    yield counted("delete a message that has copies", lambda: of("DELETE", path))


def table(measured: Iterable[Measured]) -> str:
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


USERS = 1000
MONTH = {
    "store a message of one part": 1500,
    "sync of one change": 1500,
    "set a flag": 750,
    "get the address of a body": 150,
    "delete a message": 150,
    "copy a message": 50,
}
"""What one user does in a month: 50 messages a day, half of them read; each tenth a picture, seen once."""

PICTURES, PICTURE_BYTES = 150, 200_000
CHANGES = sum(
    MONTH[name] for name in MONTH if name not in ("sync of one change", "get the address of a body")
)

PRICES = {
    "API Gateway, requests": 1.00e-6,
    "Lambda, runs": 0.20e-6,
    "Lambda, GB-seconds": 13.3334e-6,
    "DynamoDB, read units": 0.125e-6,
    "DynamoDB, write units": 0.625e-6,
    "S3, PUT requests": 5.00e-6,
    "S3, GET requests": 0.40e-6,
    "S3, GB-months": 0.023,
    "SQS, requests": 0.50e-6,
    "GB of logs": 0.50,
    "GB sent to the internet": 0.09,
}
"""AWS's list prices in us-east-1 for pay-as-you-go, in dollars, without the free tier. Yours may differ."""


def month(measured: Mapping[str, Counts]) -> dict[str, float]:
    """How much of each in a month. What cannot be measured on one machine is reckoned, and said to be."""
    done = {name: USERS * count for name, count in MONTH.items()}
    requests, changes = sum(done.values()), USERS * CHANGES

    def all_of(of: Callable[[Counts], float]) -> float:
        return sum(count * of(measured[name]) for name, count in done.items())

    return {
        "API Gateway, requests": requests,
        "Lambda, runs": requests + 2 * changes,  # a change is rung for, and delivered
        "Lambda, GB-seconds": requests * 1.769 * 0.03 + 2 * changes * 0.512 * 0.05,
        "DynamoDB, read units": all_of(lambda one: one.read_units) + 4 * changes,
        "DynamoDB, write units": all_of(lambda one: one.write_units)
        + (2 + 6) * changes,  # indexes; a delivery
        "S3, PUT requests": all_of(lambda one: one.of("s3")),
        "S3, GET requests": USERS * PICTURES,
        "S3, GB-months": USERS * PICTURES * PICTURE_BYTES / 1e9,
        "SQS, requests": 3 * changes,  # sent, received, deleted
        "GB of logs": 1000 * (requests + 2 * changes) / 1e9,
        "GB sent to the internet": USERS * PICTURES * PICTURE_BYTES / 1e9,
    }


def bill(used: Mapping[str, float]) -> str:
    lines = [f"| In a month of {USERS:,} users | | Dollars |", "|---|---:|---:|"]
    lines += [f"| {name} | {_short(count)} | {count * PRICES[name]:.2f} |" for name, count in used.items()]
    total = sum(count * PRICES[name] for name, count in used.items())
    return "\n".join([*lines, f"| **in all, {total / USERS:.3f} for each user** | | **{total:.2f}** |"])


def _short(count: float) -> str:
    return f"{count / 1e6:,.1f} million" if count >= 1e6 else f"{count:,.0f}"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder) / "stack") as stack:
        measured = list(measure(Api(stack)))
    print(table(measured))
    print()
    print(bill(month(dict(measured))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
