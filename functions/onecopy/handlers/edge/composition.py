"""The one place where the parts are put together, once for each process, at its first event.

Importing this module opens no connection and reads no clock or random source: a snapshot of the process may
be started many times. A handler does read its settings at import, to fail there if one is missing.

Clients are botocore's, like PynamoDB's, and share its session. boto3 would take as long to load as the whole
store, and nothing here needs it.
"""

import gc
import os
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore.config import Config

from onecopy import settings
from onecopy.domain.box import Quota
from onecopy.domain.errors import InvalidInput
from onecopy.domain.retention import Retention, parse
from onecopy.settings import BadSetting, Settings
from onecopy.store.box.contents import Contents
from onecopy.store.commit import table
from onecopy.store.commit.transact import Store
from onecopy.store.queues import Queues
from onecopy.wire.preferences import policy

_TIMEOUTS = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    signature_version="v4",
)
S3_CONFIG = _TIMEOUTS.merge(
    Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=16,
        # The bucket's own host in its region: the global one redirects, and no signature survives that.
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    )
)


@dataclass(frozen=True)
class Parts:
    settings: Settings
    store: Store


def loaded(*needed: str) -> None:
    """Each handler calls this when its modules are loaded. It also checks the settings. Raises BadSetting.

    The garbage collector runs from now on, but never looks through what has been loaded: that stays.
    """
    gc.freeze()
    gc.enable()
    given = settings.read(*needed)
    _retention(given)
    try:
        policy(given.sync_policy)
    except InvalidInput as error:
        raise BadSetting(f"SYNC_POLICY is malformed: {', '.join(error.variables)}") from None


def now() -> datetime:
    return datetime.now(UTC)


@lru_cache(maxsize=1)
def parts() -> Parts:
    given = settings.read()
    store = Store(
        connection=table.bind(given.table_name),
        history=given.history,
        now=now,
        random=os.urandom,
        jitter=random.SystemRandom().random,  # any other repeats itself each time a snapshot is started
        sleep=time.sleep,
        trace=settings.trace if given.traces else None,
        quota=Quota(given.quota_links, given.quota_bytes),
        retains=given.retains,
    )
    return Parts(given, store)


@lru_cache(maxsize=1)
def contents() -> Contents:
    given = parts().settings
    credentials = parts().store.connection.session.get_credentials()
    return Contents(_client("s3", S3_CONFIG), given.content_bucket, given.url_lifetime, credentials)


@lru_cache(maxsize=1)
def queues() -> Queues:
    given = parts().settings
    client = _client("sqs", _TIMEOUTS)
    return Queues(
        client,
        given.jobs_queue_url,
        given.reclaim_queue_url,
        given.delivery_queue_url,
        given.deliveries_per_host,
        settings.trace if given.traces else None,
    )


def retention() -> Retention | None:
    """By what objects expire; None if nothing ever does."""
    return _retention(parts().settings)


def _retention(given: Settings) -> Retention | None:
    try:
        return parse(given.retention) if given.retention else None
    except ValueError:
        raise BadSetting("RETENTION is malformed") from None


def _client(service: str, config: Config) -> Any:
    return parts().store.connection.session.create_client(service, config=config)
