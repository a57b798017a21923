"""Puts the local stack together: the template's resources, its functions behind the gateway and the pumps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.aws.template import REGION, Template
from infra.local.emulator import Emulator
from infra.local.emulator.clients import Credentials, client, endpoint_variables
from infra.local.functions.activity import Activity
from infra.local.functions.declared import (
    Function,
    QueueSource,
    ScheduleSource,
    StreamSource,
    audience,
    functions,
)
from infra.local.functions.identities import Identities
from infra.local.functions.workers import Pool, clear, prepare
from infra.local.gateway.cors import Cors, configuration
from infra.local.gateway.http import Gateway
from infra.local.gateway.issuer import AUDIENCE, Issuer
from infra.local.host.keys import KeyStore
from infra.local.host.logs import Log
from infra.local.resources import Resources
from infra.local.sources.expiry import ExpiryPump
from infra.local.sources.pumps import Pump, Pumps, QueuePump, SchedulePump
from infra.local.sources.streams import StreamPump

_WORKERS = 8
_PUMPS_STOP_SECONDS = 4.0
# Pauses are shorter than in the cloud, and content is deleted at once.
# One host gets half of the workers.
_LOCAL_PARAMETERS = {
    "BackoffMax": 25,
    "RestSeconds": 10,
    "RestoreDays": 0,
    "DeliveriesPerHost": _WORKERS // 2,
    "Emulator": "yes",
}


@dataclass(frozen=True)
class Site:
    """What is put together, and where. `parameters` override the defaults and those of one machine."""

    template: Path
    parameters: Mapping[str, str]
    url: str
    emulator: Emulator
    keys: KeyStore
    log: Log

    @property
    def issuer(self) -> Issuer:
        """The local issuer of tokens, under the name that the parameter Issuer gives it."""
        return Issuer(self.keys, self.url, self.parameters.get("Issuer", ""))

    def given(self, issuer: Issuer) -> dict[str, Any]:
        """All parameters for one machine; those that were asked for take precedence."""
        own = {"Issuer": issuer.url, "Audience": AUDIENCE, "ServerRoot": self.url}
        return {**_LOCAL_PARAMETERS, **own, **self.parameters}


class Assembly:
    """Between start and close, requests and events reach the functions."""

    def __init__(self, site: Site) -> None:
        self._url, self._emulator, self._keys, self._log = site.url, site.emulator, site.keys, site.log
        self._issuer = site.issuer
        self._template = Template(site.template, site.given(self._issuer))
        self._activity, self._pumps = Activity(), Pumps(site.log)
        self._pools: list[Pool] = []
        self.gateway: Gateway | None = None

    def start(self) -> Gateway:
        prepare()
        resources = Resources(self._template, self._emulator, self._keys)
        resources.create()
        identities = Identities(self._emulator.url, self._emulator.root, self._keys)
        operator = identities.operator()
        self._tell(resources.names, operator)
        for function in functions(self._template):
            environment = self._environment(identities.credentials(function))
            self._pools.append(Pool(function, _workers(function), environment, self._activity, self._log))
        if identities.renewed:  # otherwise a SIGKILL would end the URLs that they sign
            self._emulator.save()
        environments = {pool.function.logical_id: pool.environment for pool in self._pools}
        self._keys.save("environments.json", environments)
        routes = [(route, pool) for pool in self._pools for route in pool.function.routes]
        cors = Cors.of(configuration(self._template))
        self.gateway = Gateway(routes, audience(self._template), self._issuer, _WORKERS, self._log, cors)
        self._start_pumps(operator)
        return self.gateway

    def close(self) -> None:
        self._pumps.stop(_PUMPS_STOP_SECONDS)
        if self.gateway:
            self.gateway.close()
        for pool in self._pools:
            pool.close()
        clear()

    def _start_pumps(self, operator: Credentials) -> None:
        clients = {
            service: client(service, self._emulator.endpoint(service), operator, connections=32)
            for service in ("dynamodb", "dynamodbstreams", "sqs")
        }
        for pool in self._pools:
            for source in pool.function.sources:
                self._pumps.start(pool.function.name, self._pump(source, pool, clients))
        if not self._emulator.expires_rows:
            self._start_expiry(clients["dynamodb"])

    def _start_expiry(self, dynamodb: Any) -> None:
        for logical_id, table in self._template.resources("AWS::DynamoDB::Table").items():
            if attribute := table.get("TimeToLiveSpecification", {}).get("AttributeName"):
                pump = ExpiryPump(dynamodb, self._template.refs[logical_id], attribute)
                self._pumps.start("expiry", pump)

    def _pump(self, source: Any, pool: Pool, clients: dict[str, Any]) -> Pump:
        match source:
            case StreamSource():
                return StreamPump(source, clients, pool, self._activity, self._log, self._emulator.stream)
            case QueueSource():
                return QueuePump(source, clients["sqs"], pool, self._log)
            case ScheduleSource():
                return SchedulePump(source.rule, pool, self._log)
        raise TypeError(source)

    def _environment(self, credentials: Credentials) -> dict[str, str]:
        """What Lambda adds to a function's own variables, and what differs on one machine."""
        return {
            "AWS_ACCESS_KEY_ID": credentials[0],
            "AWS_SECRET_ACCESS_KEY": credentials[1],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **endpoint_variables(self._emulator.endpoints()),
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TZ": "UTC",
        }

    def _tell(self, names: dict[str, str], operator: Credentials) -> None:
        """Write down where everything is, for the folder's owner: the tests and the operator's tools."""
        details = {
            "url": self._url,
            "endpoint": self._emulator.url,
            "endpoints": self._emulator.endpoints(),
            "key": operator[0],
            "secret": operator[1],
            "region": REGION,
        }
        self._keys.save("stack.json", {**details, "resources": names})


def _workers(function: Function) -> int:
    """One for a stream or a schedule, which keep their order by that."""
    serial = any(isinstance(source, StreamSource | ScheduleSource) for source in function.sources)
    return 1 if serial else _WORKERS
