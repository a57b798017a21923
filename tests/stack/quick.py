"""The whole store in this process, on moto: no server, no child process, no network.

API Gateway's part is the local stack's own, the handlers are the product's. What a request leaves to a queue
is done before its answer is given, so nothing waits and every run is the same. Streams, senders, presigned
URLs and concurrency are not here, because moto says nothing true of them: such tests are marked `whole`.
"""

import asyncio
import copy
import importlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from unittest import mock

import httpx
from moto import mock_aws
from moto.core.base_backend import BackendDict
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from infra.aws.template import ACCOUNT, REGION, TEMPLATE, Template
from infra.local.assembly import Site
from infra.local.emulator import Emulator
from infra.local.emulator.clients import client, endpoint_variables
from infra.local.functions.declared import Function, QueueSource, audience, functions
from infra.local.functions.runtime import LambdaContext
from infra.local.functions.workers import Pool
from infra.local.gateway.cors import Cors, configuration
from infra.local.gateway.http import Gateway
from infra.local.host.keys import KeyStore
from infra.local.host.logs import Log
from infra.local.resources import Resources
from infra.local.sources.pumps import queue_event
from onecopy.store import delivery_to_many

_URL = "http://store.example"
_MOST_ROUNDS = 1_000
_WORKED = ("jobs", "reclaim")
"""The functions that are called for what is on their queues."""


class QuickStack:
    """Answers what these tests ask of a `LocalStack`."""

    def __init__(self, folder: Path, parameters: Mapping[str, str]) -> None:
        self.url, self.data = _URL, folder
        self.credentials = ("AKIAQUICKQUICKQUICK0", "quick")
        self._parameters = parameters
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(mock.patch.dict(os.environ, {"MOTO_ACCOUNT_ID": ACCOUNT}))
        self._open.enter_context(mock_aws())
        self._open.enter_context(_tables_copied_once())
        self._open.enter_context(
            mock.patch.object(delivery_to_many, "AT_ONCE", 1)
        )  # moto mixes up several threads
        keys = KeyStore(self.data / "keys")
        emulator = cast("Emulator", _Moto(self.credentials))
        site = Site(TEMPLATE, self._parameters, self.url, emulator, keys, Log())
        self._issuer = site.issuer
        self._template = Template(TEMPLATE, site.given(self._issuer))
        resources = Resources(self._template, emulator, keys)
        resources.create()
        self._names = resources.names
        self._table.stream_shard = None  # nobody reads it, and moto copies it at each write
        pools = [_Here(function) for function in functions(self._template)]
        self._open.enter_context(mock.patch.dict(os.environ, self._environment(pools)))
        self.gateway = Gateway(
            [(route, cast("Pool", pool)) for pool in pools for route in pool.function.routes],
            audience(self._template),
            self._issuer,
            1,
            site.log,
            Cors.of(configuration(self._template)),
        )
        self._open.callback(self.gateway.close)
        self._sqs = self.aws("sqs")
        self._workers = [pool for pool in pools if pool.function.name in _WORKED]
        self._open.enter_context(_instead_of_a_network(_Transport(self.gateway, self._work)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def token(
        self, box: str, scope: str = "oma_rest_nms.all_v1", claims: Mapping[str, Any] | None = None
    ) -> str:
        asked = json.dumps({"boxId": box, "scope": scope, "claims": dict(claims or {})}).encode()
        return str(self._issuer.token(asked)["access_token"])

    def name(self, logical_id: str) -> str:
        return self._names[logical_id]

    def aws(self, service: str) -> Any:
        return client(service, self.endpoints[service], self.credentials)

    @property
    def endpoints(self) -> dict[str, str]:
        return {service: _endpoint(service) for service in ("dynamodb", "dynamodbstreams", "s3", "sqs")}

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Partitions that come up meanwhile are gone afterwards: moto copies all rows at each write."""
        kept = set(self._table.items)
        yield
        for partition in set(self._table.items) - kept:
            del self._table.items[partition]

    @property
    def _table(self) -> Any:
        return _backend("dynamodb").tables[self.name("Table")]

    def _environment(self, pools: Iterable["_Here"]) -> dict[str, str]:
        """The settings of all functions together; each setting has the same value wherever it is given."""
        own = {
            "AWS_ACCESS_KEY_ID": self.credentials[0],
            "AWS_SECRET_ACCESS_KEY": self.credentials[1],
            "AWS_DEFAULT_REGION": REGION,
            **endpoint_variables(self.endpoints),
        }
        return {name: value for pool in pools for name, value in pool.function.environment.items()} | own

    def _work(self) -> None:
        """Do what is on the queues, and what that puts on them."""
        for _ in range(_MOST_ROUNDS):
            invoked = [self._invoked(pool, source) for pool in self._workers for source in pool.queues]
            if not any(invoked):
                return
        raise AssertionError("the queues do not become empty")

    def _invoked(self, pool: "_Here", source: QueueSource) -> bool:
        name = source.queue_arn.rsplit(":", 1)[1]
        if (
            not _backend("sqs").queues[name].messages
        ):  # asking SQS each time would cost more than the requests
            return False
        url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        most = min(source.batch_size, 10)
        got = self._sqs.receive_message(
            QueueUrl=url, MessageSystemAttributeNames=["All"], MaxNumberOfMessages=most
        )
        messages = got.get("Messages", [])
        if messages:
            answer = pool.invoke(json.dumps(queue_event(source.queue_arn, messages)).encode())
            assert json.loads(answer)["batchItemFailures"] == []
        for message in messages:
            self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bool(messages)


class _Moto:
    """What resources are made with, as the emulator is."""

    def __init__(self, root: tuple[str, str]) -> None:
        self.root = root

    def endpoint(self, service: str) -> str:
        return _endpoint(service)

    def unheard(self, bucket: str, prefix: str) -> list[str]:
        return []


class _Here:
    """A function that runs where it is called, as a pool of workers does elsewhere."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.queues = [source for source in function.sources if isinstance(source, QueueSource)]

    def invoke(self, event: bytes, request_id: str | None = None) -> bytes:
        module, name = self.function.handler.rsplit(".", 1)
        handler = getattr(importlib.import_module(module), name)
        return json.dumps(handler(json.loads(event), _context(module))).encode()


class _Transport(httpx.BaseTransport):
    """A request straight into the gateway; then the queues, before the answer is given."""

    def __init__(self, gateway: Gateway, afterwards: Callable[[], None]) -> None:
        self._gateway, self._afterwards = gateway, afterwards
        self._loop = asyncio.new_event_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != httpx.URL(_URL).host:
            raise AssertionError("S3 answers no request of httpx here: mark the test `whole`")
        body, sent = request.read(), []
        scope = {
            "type": "http",
            "method": request.method,
            "raw_path": request.url.raw_path.split(b"?")[0],
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        self._loop.run_until_complete(self._gateway(scope, receive, send))
        self._afterwards()
        content = b"".join(message["body"] for message in sent[1:])
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=content)


def _endpoint(service: str) -> str:
    name = {"dynamodbstreams": "streams.dynamodb"}.get(service, service)
    return f"https://{name}.{REGION}.amazonaws.com"


def _backend(service: str) -> Any:
    import moto.backends

    found: BackendDict[Any] = moto.backends.get_backend(service)  # type: ignore[call-overload]
    return found[ACCOUNT][REGION]


def _context(module: str) -> Any:
    name = module.rsplit(".", 1)[1]
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    return LambdaContext(name, 512, "quick", arn, time.time() + 60)


@contextmanager
def _tables_copied_once() -> Iterator[None]:
    """For each item of a transaction moto copies the whole table, to go back to it; once is enough."""
    write = DynamoDBBackend.transact_write_items

    def write_once_copied(backend: DynamoDBBackend, items: list[dict[str, Any]]) -> None:
        copies: dict[int, Table] = {}

        def copied(table: Table, _: Any) -> Table:
            if id(table) not in copies:
                copies[id(table)] = copy.copy(table)
                copies[id(table)].items = copy.deepcopy(table.items)
            return copies[id(table)]

        with mock.patch.object(Table, "__deepcopy__", copied, create=True):
            write(backend, items)

    with mock.patch.object(DynamoDBBackend, "transact_write_items", write_once_copied):
        yield


@contextmanager
def _instead_of_a_network(transport: httpx.BaseTransport) -> Iterator[None]:
    """Whatever httpx sends goes into this process; any other connection is an error, not a wait."""

    def handled(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        return transport.handle_request(request)

    def refuse(_: socket.socket, address: Any) -> None:
        raise AssertionError(f"asked for {address}: the quick tier has no network")

    with (
        mock.patch.object(httpx.HTTPTransport, "handle_request", handled),
        mock.patch.object(socket.socket, "connect", refuse),
    ):
        yield
