"""What a function's start costs: a fresh process that loads `api` and makes its first client.

Against the least that any function on AWS pays in Python, boto3 with one client. Processor time of whole
processes, taken in turn, so that what else the machine does weighs on both.
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
    # Its package comes first, as on Lambda: from then on no garbage is looked for.
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
    """Milliseconds of processor time, medians. `parts` of the start of `api`, in the order of loading."""

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
    """Of the interpreter itself, then of each step."""
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
