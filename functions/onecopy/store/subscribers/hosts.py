"""Subscribers' hosts that answer slowly. Nothing is written about the others."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

from pynamodb.exceptions import PutError

from onecopy.store.commit import table
from onecopy.store.commit.kinds import HostRow
from onecopy.store.commit.transact import Store

SLOW = timedelta(seconds=2)
"""A delivery that takes this long holds up those behind it."""

_REMEMBERED = timedelta(minutes=5)


def note(store: Store, host: str, took: timedelta) -> None:
    """Records that a host was slow, if the delivery took long. A failure here does not fail the delivery."""
    if took < SLOW:
        return
    until = store.now() + _REMEMBERED
    row = HostRow(
        box=table.host_partition(host),
        item=table.SLOW,
        until=table.time_text(until),
        expires=int(until.timestamp()),
    )
    with suppress(PutError):
        row.save()


def slow(store: Store, hosts: Iterable[str]) -> set[str]:
    """Those of the hosts that were slow in the last minutes."""
    asked = {table.host_partition(host): host for host in hosts}
    keys = [(partition, table.SLOW) for partition in asked]
    rows = HostRow.batch_get(keys) if keys else ()
    now = table.time_text(store.now())
    return {asked[row.box] for row in rows if row.until > now}
