"""Stacks with a changed template: with stand-ins for the handlers, or with shorter times."""

import re
from collections.abc import Mapping
from pathlib import Path

from infra.aws.template import TEMPLATE
from infra.local.stack import LocalStack

STANDINS = Path(__file__).parents[1] / "local"
"""The folder of the handlers that do what a test tells them to."""
SENDER = "Handler: onecopy.handlers.deliver.handler\n"


def standin_stack(data: Path) -> LocalStack:
    text = TEMPLATE.read_text()
    text = re.sub(r"onecopy\.handlers\.(\w+)\.handler", r"standins.\1", text)
    text = re.sub(r" Timeout: \d+", " Timeout: 2", text)
    text = re.sub(r"VisibilityTimeout: \d+", "VisibilityTimeout: 2", text)
    text = re.sub(r"maxReceiveCount: \d+", "maxReceiveCount: 2", text)
    text = re.sub(r"MaximumRetryAttempts: \d+", "MaximumRetryAttempts: 2", text)
    text = text.replace("LOG_LEVEL: INFO", f"LOG_LEVEL: INFO\n        NOTES: {data / 'notes'}")
    return _of(text, data, {"PYTHONPATH": str(STANDINS)})


def hasty_stack(data: Path) -> LocalStack:
    text = TEMPLATE.read_text()
    for patient, impatient in (
        ("BACKOFF_MAX: !Ref BackoffMax", 'BACKOFF_MAX: "1"'),
        (SENDER, f"{SENDER}      Timeout: 5\n"),
        ("VisibilityTimeout: 150", "VisibilityTimeout: 6"),
    ):
        assert patient in text
        text = text.replace(patient, impatient)
    return _of(text, data)


def _of(text: str, data: Path, environment: Mapping[str, str] | None = None) -> LocalStack:
    template = data / "template.yaml"
    template.write_text(text)
    return LocalStack(data, template=template, environment=environment)
