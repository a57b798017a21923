"""What a function's start costs: a fresh process loads `api` and makes its first client.

It is compared with the least that any Python function on AWS pays, boto3 with one client. Whole processes are
measured in processor time and in turn, so the machine's other load affects both alike.
"""

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass

_ROUNDS = 9
_BOTO3 = (("boto3", "import boto3"), ("its client", "boto3.client('dynamodb')"))
_API = (
    # Its package comes first, as on Lambda: it turns off garbage collection for the rest.
    ("botocore", "import onecopy.handlers, botocore.session, botocore.client"),
    ("its client", "import botocore.session as s; s.get_session().create_client('dynamodb')"),
    ("pydantic", "from pydantic import BaseModel"),
    ("Powertools", "import aws_lambda_powertools.event_handler, aws_lambda_powertools.metrics"),
    ("PynamoDB", "import pynamodb.models"),
    ("Onecopy", "from onecopy.handlers import api"),
)
_WHOLE = (
    ("api", "from onecopy.handlers import api; from onecopy.handlers.edge import composition"),
    ("its client", "composition.parts().store.connection.client"),
)
_STEP = "exec({code!r}); laps.append(process_time())"
_SETTINGS = {
    "TABLE_NAME": "measured",
    "CONTENT_BUCKET": "measured",
    "JOBS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/measured",
    "DELIVERY_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/measured.fifo",
    "RESTART_TOKEN_KEYS": "measured",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "measured",
    "AWS_SECRET_ACCESS_KEY": "measured",
}


@dataclass(frozen=True)
class ColdStart:
    """Medians in milliseconds of processor time. `parts` of the start of `api`, in the order of loading."""

    boto3: float
    api: float
    ratio: float
    parts: dict[str, float]


def measure() -> ColdStart:
    rounds = [(_laps(_BOTO3), _laps(_WHOLE), _laps(_API)) for _ in range(_ROUNDS)]
    floors, wholes = [sum(floor) for floor, _, _ in rounds], [sum(whole) for _, whole, _ in rounds]
    named = [name for name, _ in _API]
    parts = [statistics.median(laps[n + 1] for _, _, laps in rounds) for n in range(len(named))]
    return ColdStart(
        boto3=statistics.median(floors),
        api=statistics.median(wholes),
        ratio=statistics.median(whole / floor for floor, whole in zip(floors, wholes, strict=True)),
        parts=dict(zip(named, parts, strict=True)),
    )


def _laps(steps: tuple[tuple[str, str], ...]) -> list[float]:
    """The times of the interpreter's own start, then of each step."""
    code = [
        "import json",
        "from time import process_time",
        "laps = [0, process_time()]",
        *(_STEP.format(code=code) for _, code in steps),
        "print(json.dumps([1000 * (b - a) for a, b in zip(laps, laps[1:])]))",
    ]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    run = subprocess.run(  # noqa: S603  our own interpreter and code
        [sys.executable, "-c", "\n".join(code)],
        env={**kept, **_SETTINGS},
        check=True,
        capture_output=True,
        text=True,
    )
    laps: list[float] = json.loads(run.stdout.splitlines()[-1])
    return laps
