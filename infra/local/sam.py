"""Deploys the template with SAM's own tools into the emulator, which then runs functions and mappings.

It takes the place that `assembly` has in `make serve`. In front of it stand the local counterparts of a
domain name and an identity provider: one address, which forwards requests unchanged, and the issuer
of tokens.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from infra.aws.template import REGION, Template
from infra.local.assembly import Site
from infra.local.emulator.clients import client
from infra.local.gateway.cors import Cors, configuration
from infra.local.gateway.documentation import is_documentation
from infra.local.gateway.event import Request, Response, message
from infra.local.gateway.http import Gateway, Upload
from infra.local.gateway.issuer import Issuer
from infra.local.host.logs import Log

STACK = "onecopy"
_SAM = Path(__file__).parents[2] / ".venv-sam" / "bin" / "sam"
_SECONDS = 600
_ITS_OWN = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})


class NotDeployed(Exception):
    """SAM refused; its last lines say why."""


class Deployment:
    """Between start and close, requests reach the deployed API."""

    def __init__(self, site: Site) -> None:
        self._site, self._template, self._url = site, site.template, site.url
        self._emulator, self._keys, self._log = site.emulator, site.keys, site.log
        self._issuer = site.issuer
        self._build = site.emulator.log.parent / "sam"
        self._configuration = site.emulator.log.parent / "samconfig.toml"
        self._front: Front | None = None

    def start(self) -> Gateway:
        started = time.monotonic()
        self._configuration.write_text("version = 0.1\n")  # the operator's own file is for the cloud
        self._sam("build", "--template-file", str(self._template), "--build-dir", str(self._build))
        built = time.monotonic()
        self._sam(
            "deploy",
            *("--template-file", str(self._build / "template.yaml"), "--stack-name", STACK, "--resolve-s3"),
            *(
                "--capabilities",
                "CAPABILITY_IAM",
                "CAPABILITY_AUTO_EXPAND",
                "--no-confirm-changeset",
                "--no-fail-on-empty-changeset",
            ),
            *("--parameter-overrides", *self._parameters()),
        )
        self._log.line(f"built in {built - started:.0f} s, deployed in {time.monotonic() - built:.0f} s")
        names = self._names()
        self._keys.save("stack.json", {**self._access(), "resources": names})
        cors = self._cors(names["HttpApi"])
        self._front = Front(names["HttpApi"], self._emulator.url, self._issuer, self._log, cors)
        return self._front

    def close(self) -> None:
        if self._front:
            self._front.close()

    def _parameters(self) -> list[str]:
        """As in `assembly`, without protection of the table: it is deleted with the emulator's folder."""
        given = {"DeletionProtection": "no", **self._site.given(self._issuer)}
        return [f"{name}={_quoted(str(value))}" for name, value in given.items()]

    def _sam(self, *arguments: str) -> None:
        """Run one SAM command against the emulator, with none of the user's own AWS settings."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        key, secret = self._emulator.root
        environment = kept | {
            "AWS_ENDPOINT_URL": self._emulator.url,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "SAM_CLI_TELEMETRY": "0",
            "BUNDLE_FOR": "here",
        }
        sam = str(_SAM) if _SAM.exists() else shutil.which("sam") or "sam"
        run = subprocess.run(  # noqa: S603  SAM's own command
            [sam, *arguments, "--config-file", str(self._configuration)],
            cwd=self._template.parents[1],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
        )
        if run.returncode:
            raise NotDeployed("\n".join(run.stdout.splitlines()[-30:]))

    def _names(self) -> dict[str, str]:
        """The physical name of each resource of the template."""
        cloudformation = client("cloudformation", self._emulator.url, self._emulator.root)
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        found = [one for page in pages for one in page["StackResourceSummaries"]]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    def _cors(self, api_id: str) -> Cors:
        """The template's CORS configuration, which ministack is given a second time.

        It stores a CorsConfiguration under CloudFormation's names, but reads it under the API's.
        """
        written = configuration(Template(self._template, self._site.given(self._issuer)))
        if written:
            apis = client("apigatewayv2", self._emulator.url, self._emulator.root)
            apis.update_api(ApiId=api_id, CorsConfiguration=written)
        return Cors.of(written)

    def _access(self) -> dict[str, Any]:
        key, secret = self._emulator.root
        where = {"endpoint": self._emulator.url, "endpoints": self._emulator.endpoints()}
        return {"url": self._url, **where, "key": key, "secret": secret, "region": REGION}


class Front(Gateway):
    """Forwards everything to the deployed API, except the issuer and the documentation."""

    def __init__(self, api_id: str, endpoint: str, issuer: Issuer, log: Log, cors: Cors) -> None:
        super().__init__([], [], issuer, 1, log, cors)
        self._host = f"{api_id}.execute-api.localhost:{httpx.URL(endpoint).port}"
        self._client = httpx.AsyncClient(base_url=endpoint, timeout=60)

    async def _answer(self, asked: Request, upload: Upload) -> Response:
        own = asked.path == "/local" or asked.path.startswith("/local/")
        if own or is_documentation(asked.path):
            return await super()._answer(asked, upload)
        target = asked.raw_path + (b"?" + asked.query.encode("latin-1") if asked.query else b"")
        url = self._client.base_url.copy_with(raw_path=target)
        headers = {**asked.headers, "host": self._host}
        request = httpx.Request(asked.method, url, headers=headers, content=await upload.read())
        try:
            answer = await self._client.send(request, stream=True)
            body = b"".join([part async for part in answer.aiter_raw()])
            await answer.aclose()
        except httpx.HTTPError as error:
            self._log.event("front", f"FAILED  {type(error).__name__}")
            return message(503, "Service Unavailable")
        kept = [(name.lower(), value) for name, value in answer.headers.multi_items()]
        return Response(answer.status_code, [one for one in kept if one[0] not in _ITS_OWN], body)


def _quoted(value: str) -> str:
    """A parameter's value as SAM's command line takes it: one in JSON would end at its first quote."""
    return '"' + value.replace('"', '\\"') + '"' if '"' in value else value
