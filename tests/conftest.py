"""What tests share: the whole stack on free ports, with the product's handlers or with stand-ins for them."""

import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from infra.local.stack import LocalStack
from infra.ops.check.checking import check
from infra.ops.rows.deployed import Deployed, on_this_machine
from onecopy.store.commit.transact import Store
from tests.clients.box_client import BoxClient
from tests.clients.browser import APP, Browser, program
from tests.clients.importing import Phone
from tests.clients.subscriber import Subscriber
from tests.stack.at_table import store_of
from tests.stack.aws_stack import AwsStack
from tests.stack.desk import Desk
from tests.stack.quick import QuickStack
from tests.stack.stacks import hasty_stack, standin_stack

_PROCESSES = frozenset({"standins", "hasty", "lambdas", "subscriber"})
"""Fixtures that start some."""

_QUICK_ROOMS = frozenset({"api", "requests", "access", "contract", "search", "sync", "push", "store", "wire"})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="the stack is in this process, on moto")
    parser.addoption("--deployed", action="store_true", help="the stack is one deployed by SAM")
    parser.addoption("--aws", metavar="NAME", help="the stack is one in the AWS account at hand")
    parser.addoption("--aws-issuer", metavar="URL", help="where that one's issuer for tests answers")
    parser.addoption("--aws-keys", metavar="FOLDER", type=Path, help="where the issuer's key lies")


def pytest_configure(config: pytest.Config) -> None:
    whole = "whole: of what moto cannot show: processes, streams, S3's own answers, concurrency, size"
    config.addinivalue_line("markers", whole)
    nms = "nms(clause, sentence): which clause of NMS the test holds, in infra/docs/conformance.md"
    config.addinivalue_line("markers", nms)
    settings.register_profile("quick", derandomize=True, database=None)
    if config.getoption("--quick"):
        settings.load_profile("quick")
    # httpx reads the certificates of all authorities for each client, though no test speaks TLS.
    ssl.create_default_context = cache(ssl.create_default_context)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The quick tier is made of the same tests, without those that need a stack of processes."""
    if config.getoption("--quick"):
        config.hook.pytest_deselected(items=[item for item in items if not _is_quick(item)])
        items[:] = [item for item in items if _is_quick(item)]


def _is_quick(item: pytest.Item) -> bool:
    return not item.get_closest_marker("whole") and not _PROCESSES & set(getattr(item, "fixturenames", ()))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A room that has no quick test, and what only a deployment can show."""
    room = collection_path.parent
    if config.getoption("--quick"):
        return True if room.parent.name == "tests" and room.name not in _QUICK_ROOMS else None
    only_there = collection_path.name == "test_deployment.py"
    return True if only_there and not config.getoption("--deployed") else None


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The product, whole."""
    if name := request.config.getoption("--aws"):
        given = [request.config.getoption(option) for option in ("--aws-issuer", "--aws-keys")]
        yield AwsStack(name, *given)  # type: ignore[misc]  # it answers all that these tests ask
        return
    origins = {"CorsOrigins": f"https://app.example,{APP}"}  # which no test but theirs may notice
    if request.config.getoption("--quick"):
        with QuickStack(tmp_path_factory.mktemp("quick"), origins) as quick:
            yield quick  # type: ignore[misc]  # so does this one
        return
    deployed = bool(request.config.getoption("--deployed"))
    with LocalStack(tmp_path_factory.mktemp("stack"), deployed=deployed, parameters=origins) as running:
        yield running
        if deployed:  # the other one is of tests that break it, too
            report = check(on_this_machine(running.data))
            assert (list(report.findings), list(report.busy)) == ([], [])


@pytest.fixture(autouse=True)
def _forget(request: pytest.FixtureRequest) -> Iterator[None]:
    """Quick tests leave nothing to each other but what a module's fixtures have made."""
    if not request.config.getoption("--quick") or "stack" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("stack").forgetting():
        yield


@pytest.fixture(scope="session")
def deployed_store(stack: LocalStack | AwsStack) -> Deployed:
    """Its table and its bucket, as the operator's commands take them."""
    return stack.deployed() if isinstance(stack, AwsStack) else on_this_machine(stack.data)


@pytest.fixture(scope="session")
def standins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The stack with handlers that do as a test tells them: the template is ours, its patience is not."""
    with standin_stack(tmp_path_factory.mktemp("standins")) as running:
        yield running


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The product, whole, with less patience: a second between two tries, five for a sender to live."""
    with hasty_stack(tmp_path_factory.mktemp("hasty")) as running:
        yield running


@pytest.fixture
def box(stack: LocalStack) -> Iterator[BoxClient]:
    """A box of the test's own."""
    with BoxClient(stack) as client:
        yield client


@pytest.fixture
def client(stack: LocalStack) -> Iterator[BoxClient]:
    """The client of a box that is there already: its first request has made it."""
    with BoxClient(stack) as client:
        client.folder_at("/")
        yield client


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    """Listens on loopback until the test ends."""
    with Subscriber() as listening:
        yield listening


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    found = program()
    if not found:
        pytest.skip("no Chromium is installed: make browser gets Debian's, CHROMIUM names any other")
    return Browser(found, tmp_path)


@pytest.fixture
def store(stack: LocalStack) -> Store:
    """The store's own functions on the stack's table."""
    return store_of(stack)


@pytest.fixture
def desk(stack: LocalStack, box: BoxClient) -> Desk:
    return Desk(stack, box)


@pytest.fixture
def phone(stack: LocalStack, tmp_path: Path) -> Phone:
    return Phone(stack, tmp_path)
