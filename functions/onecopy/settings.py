"""The environment, typed. The only reader of os.environ."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


class MissingSetting(Exception):
    """A function was started without a setting that it needs; the text is the setting's name."""


@dataclass(frozen=True)
class Settings:
    """Sizes in bytes. Queues and bucket are empty in functions that have no right to them."""

    table_name: str
    store_name: str
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
    backoff_max: timedelta
    allow_local_callbacks: bool


def read(environ: Mapping[str, str] | None = None) -> Settings:
    source = os.environ if environ is None else environ

    def needed(name: str) -> str:
        if not source.get(name):
            raise MissingSetting(name)
        return source[name]

    def seconds(name: str, default: int) -> timedelta:
        return timedelta(seconds=int(source.get(name) or default))

    keys = tuple(key.strip().encode() for key in needed("RESTART_TOKEN_KEYS").split(",") if key.strip())
    return Settings(
        table_name=needed("TABLE_NAME"),
        store_name=source.get("STORE_NAME") or "main",
        content_bucket=source.get("CONTENT_BUCKET", ""),
        jobs_queue_url=source.get("JOBS_QUEUE_URL", ""),
        reclaim_queue_url=source.get("RECLAIM_QUEUE_URL", ""),
        delivery_queue_url=source.get("DELIVERY_QUEUE_URL", ""),
        server_root=source.get("SERVER_ROOT", "").rstrip("/"),
        restart_token_keys=keys,
        history=timedelta(days=int(source.get("HISTORY_DAYS") or 30)),
        inline_limit=int(source.get("INLINE_LIMIT") or 4_000_000),
        upload_window=seconds("UPLOAD_WINDOW", 86_400),
        url_lifetime=seconds("URL_SECONDS", 300),
        backoff_max=seconds("BACKOFF_MAX", 900),
        allow_local_callbacks=source.get("ALLOW_LOCAL_CALLBACKS") == "1",
    )
