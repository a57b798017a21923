"""Reads and writes `measured.json`: what was measured of each operation.

`python -m infra.bench.costs --write` creates it. The test of the costs measures again and compares.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("measured.json")


@dataclass(frozen=True)
class Operation:
    """Calls to AWS, and DynamoDB's units for the table, its local indexes and its global index."""

    dynamodb: int
    s3: int
    s3_puts: int
    sqs: int
    read_units: float
    write_units: float
    local_units: float
    global_units: float

    @property
    def all_writes(self) -> float:
        return self.write_units + self.local_units + self.global_units


@dataclass(frozen=True)
class Measured:
    """`sizes`: bytes that one message leaves in the table, and bytes of one pushed list, in hundreds."""

    operations: Mapping[str, Operation]
    sizes: Mapping[str, int]

    def of(self, name: str) -> Operation:
        return self.operations[name]


def load() -> Measured:
    return read(FILE.read_text())


def read(text: str) -> Measured:
    found: dict[str, Any] = json.loads(text)
    operations = {name: Operation(**one) for name, one in found["operations"].items()}
    return Measured(operations, found["sizes"])


def written(measured: Measured) -> str:
    operations = {name: asdict(one) for name, one in measured.operations.items()}
    return json.dumps({"operations": operations, "sizes": dict(measured.sizes)}, indent=2) + "\n"
