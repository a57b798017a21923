"""What tests share: the whole stack on free ports, with the product's handlers or with stand-ins for them."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_stack import AwsStack
from browser import APP

from infra.local.stack import LocalStack
from infra.ops.check.checking import check
from infra.ops.deployed import Deployed, on_this_machine

HERE = Path(__file__).parent
STACK_TIMES = pytest.StashKey[tuple[float, float]]()
SENDER = "Handler: onecopy.handlers.deliver.handler\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deployed", action="store_true", help="the stack is one deployed by SAM")
    parser.addoption("--aws", metavar="NAME", help="the stack is one in the AWS account at hand")
    parser.addoption("--aws-issuer", metavar="URL", help="where that one's issuer for tests answers")
    parser.addoption("--aws-keys", metavar="FOLDER", type=Path, help="where the issuer's key lies")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What only a deployment can show."""
    only_there = collection_path.name == "test_deployment.py"
    return True if only_there and not config.getoption("--deployed") else None


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The product, whole."""
    if name := request.config.getoption("--aws"):
        given = [request.config.getoption(option) for option in ("--aws-issuer", "--aws-keys")]
        yield AwsStack(name, *given)  # type: ignore[misc]  # it answers all that these tests ask
        return
    deployed = bool(request.config.getoption("--deployed"))
    started = time.monotonic()
    origins = {"CorsOrigins": f"https://app.example,{APP}"}  # which no test but theirs may notice
    with LocalStack(tmp_path_factory.mktemp("stack"), deployed=deployed, parameters=origins) as running:
        request.config.stash[STACK_TIMES] = started, time.monotonic()
        yield running
        if deployed:  # the other one is of tests that break it, too
            report = check(on_this_machine(running.data))
            assert (list(report.findings), list(report.busy)) == ([], [])


@pytest.fixture(scope="session")
def deployed_store(stack: LocalStack | AwsStack) -> Deployed:
    """Its table and its bucket, as the operator's commands take them."""
    return stack.deployed() if isinstance(stack, AwsStack) else on_this_machine(stack.data)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How long it took from `sam build` to here."""
    if config.getoption("--deployed") and (times := config.stash.get(STACK_TIMES, None)):
        started, up = times
        took = f"{up - started:.0f} s until it answered, {time.monotonic() - started:.0f} s until all had run"
        terminalreporter.write_line(f"deployed: {took}")


@pytest.fixture(scope="session")
def standins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The stack with handlers that do as a test tells them: the template is ours, its patience is not."""
    with standin_stack(tmp_path_factory.mktemp("standins")) as running:
        yield running


def standin_stack(data: Path) -> LocalStack:
    text = (HERE.parent / "infra" / "template.yaml").read_text()
    text = re.sub(r"onecopy\.handlers\.(\w+)\.handler", r"standins.\1", text)
    text = re.sub(r" Timeout: \d+", " Timeout: 2", text)
    text = re.sub(r"VisibilityTimeout: \d+", "VisibilityTimeout: 2", text)
    text = re.sub(r"maxReceiveCount: \d+", "maxReceiveCount: 2", text)
    text = re.sub(r"MaximumRetryAttempts: \d+", "MaximumRetryAttempts: 2", text)
    text = text.replace("LOG_LEVEL: INFO", f"LOG_LEVEL: INFO\n        NOTES: {data / 'notes'}")
    template = data / "template.yaml"
    template.write_text(text)
    return LocalStack(data, template=template, environment={"PYTHONPATH": str(HERE)})


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The product, whole, with less patience: a second between two tries, five for a sender to live."""
    data = tmp_path_factory.mktemp("hasty")
    text = (HERE.parent / "infra" / "template.yaml").read_text()
    for patient, impatient in (
        ("BACKOFF_MAX: !Ref BackoffMax", 'BACKOFF_MAX: "1"'),
        (SENDER, f"{SENDER}      Timeout: 5\n"),
        ("VisibilityTimeout: 150", "VisibilityTimeout: 6"),
    ):
        assert patient in text
        text = text.replace(patient, impatient)
    template = data / "template.yaml"
    template.write_text(text)
    with LocalStack(data, template=template) as running:
        yield running
