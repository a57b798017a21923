"""The environment, typed. Nothing else reads os.environ.

It is read when a function is loaded. If a setting is missing or malformed, the function fails at its start
and names the setting, instead of failing somebody's first request.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


class BadSetting(Exception):
    """The text is the setting's name and what is wrong with it; never its value, which may be a secret."""


@dataclass(frozen=True)
class Settings:
    """Sizes are in bytes. Queues, bucket and keys are empty in functions that may not use them.

    `retains`: there is a retention. `retention`: its rules in JSON, in the functions that apply them.
    """

    table_name: str
    store_name: str
    box_claim: str
    content_bucket: str
    jobs_queue_url: str
    reclaim_queue_url: str
    delivery_queue_url: str
    server_root: str
    restart_token_keys: tuple[bytes, ...]
    history: timedelta
    inline_limit: int
    upload_window: timedelta
    url_lifetime: timedelta
    restore: timedelta
    sync_policy: str
    backoff_max: timedelta
    deliveries_per_host: int
    rest: timedelta
    quota_links: int
    quota_bytes: int
    allow_local_callbacks: bool
    traces: bool
    retains: bool
    retention: str


_URL = r"https?://[^\s/]+(/\S*)?"
FORMS = {
    "TABLE_NAME": r"\S+",
    "STORE_NAME": r"[A-Za-z0-9._-]{1,64}",
    "BOX_CLAIM": r"[A-Za-z0-9._:/-]{1,45}",
    "CONTENT_BUCKET": r"[a-z0-9.-]{3,63}",
    "JOBS_QUEUE_URL": _URL,
    "RECLAIM_QUEUE_URL": _URL,
    "DELIVERY_QUEUE_URL": _URL,
    "SERVER_ROOT": r"https?://[^\s/]+/?",
    "RESTART_TOKEN_KEYS": r"[^\s,]+(\s*,\s*[^\s,]+)*",
    "HISTORY_DAYS": r"[1-9][0-9]{0,3}",
    "INLINE_LIMIT": r"[1-9][0-9]{0,7}",
    "UPLOAD_WINDOW": r"[1-9][0-9]{0,6}",
    "URL_SECONDS": r"[1-9][0-9]{0,5}",
    "RESTORE_DAYS": r"[0-9]{1,3}",
    "SYNC_POLICY": r"\{.*\}",
    "BACKOFF_MAX": r"[1-9][0-9]{0,5}",
    "DELIVERIES_PER_HOST": r"[1-9][0-9]{0,3}",
    "REST_SECONDS": r"[1-9][0-9]{0,4}",
    "QUOTA_LINKS": r"[0-9]{1,9}",
    "QUOTA_BYTES": r"[0-9]{1,15}",
    "ALLOW_LOCAL_CALLBACKS": r"[01]",
    "TRACES": r"yes|no",
    "RETAINS": r"yes|no",
    "RETENTION": r"\[.*\]",
    "AWS_ENDPOINT_URL": r"https?://\S+",
}


def read(*needed: str, environ: Mapping[str, str] | None = None) -> Settings:
    """All settings. The table's name and those in `needed` must be set. Raises BadSetting."""
    source = os.environ if environ is None else environ
    for name in ("TABLE_NAME", *needed):
        if not source.get(name):
            raise BadSetting(f"{name} is missing")
    for name, form in FORMS.items():
        if source.get(name) and not re.fullmatch(form, source[name]):
            raise BadSetting(f"{name} is malformed")
    return _typed({name: source.get(name, "") for name in FORMS})


def _typed(given: Mapping[str, str]) -> Settings:
    return Settings(
        table_name=given["TABLE_NAME"],
        store_name=given["STORE_NAME"] or "main",
        box_claim=given["BOX_CLAIM"] or "sub",
        content_bucket=given["CONTENT_BUCKET"],
        jobs_queue_url=given["JOBS_QUEUE_URL"],
        reclaim_queue_url=given["RECLAIM_QUEUE_URL"],
        delivery_queue_url=given["DELIVERY_QUEUE_URL"],
        server_root=given["SERVER_ROOT"].rstrip("/"),
        restart_token_keys=tuple(
            key.strip().encode() for key in given["RESTART_TOKEN_KEYS"].split(",") if key.strip()
        ),
        history=timedelta(days=int(given["HISTORY_DAYS"] or 30)),
        inline_limit=int(given["INLINE_LIMIT"] or 4_000_000),
        upload_window=timedelta(seconds=int(given["UPLOAD_WINDOW"] or 86_400)),
        url_lifetime=timedelta(seconds=int(given["URL_SECONDS"] or 300)),
        restore=timedelta(days=int(given["RESTORE_DAYS"] or 0)),
        sync_policy=given["SYNC_POLICY"],
        backoff_max=timedelta(seconds=int(given["BACKOFF_MAX"] or 900)),
        deliveries_per_host=int(given["DELIVERIES_PER_HOST"] or 50),
        rest=timedelta(seconds=int(given["REST_SECONDS"] or 21_600)),
        quota_links=int(given["QUOTA_LINKS"] or 0),
        quota_bytes=int(given["QUOTA_BYTES"] or 0),
        # Only with an emulator: at AWS no endpoint is given, so the setting allows nothing.
        allow_local_callbacks=given["ALLOW_LOCAL_CALLBACKS"] == "1" and bool(given["AWS_ENDPOINT_URL"]),
        traces=given["TRACES"] == "yes",
        retains=given["RETAINS"] == "yes",
        retention=given["RETENTION"],
    )


def trace() -> str:
    """X-Ray's header of the current invocation, as Lambda sets it; empty if the invocation is not sampled."""
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    return header if "Sampled=1" in header else ""
