"""Finds overdue work for the sweep, in a sparse index whose partition keys are shards.

Work owed to subscribers has its own keys, because it is counted. All other kinds share keys; a row's own key
tells its kind.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from onecopy.store.box.jobs import FORGOTTEN
from onecopy.store.commit import table
from onecopy.store.commit.conditional import unless_busy
from onecopy.store.commit.kinds import ByDue, JobRow
from onecopy.store.commit.table import DELIVER

JOB, UPLOAD, INTAKE, SHARED, RECLAIM, LOOK = "job", "upload", "intake", "shared", "reclaim", "look"

REST = "rest"
"""The subscriber is up to date. The sweep looks at it anyway, hours later."""

_BY_ITEM = {
    table.UPLOAD: UPLOAD,
    table.INTAKE: INTAKE,
    table.SHARED: SHARED,
    table.BOX: LOOK,
}
_PAGE = 100


class Overdue(NamedTuple):
    """A row's key, and when it was due."""

    box: str
    item: str
    since: datetime


@dataclass(frozen=True)
class Shard:
    """One key of the index. `after`: where a page begins within it."""

    work: str
    after: Mapping[str, Any] | None = None

    @property
    def is_counted(self) -> bool:
        return self.work.startswith(DELIVER)

    def kind(self, one: Overdue) -> str:
        if self.is_counted:
            return DELIVER
        if table.is_content(one.item):
            return RECLAIM
        return REST if table.is_subscription_partition(one.box) else _BY_ITEM.get(one.item, JOB)


def shards(queue: str) -> Iterator[Shard]:
    """All shards of `table.DELIVER` or `table.DUE`, each from its beginning."""
    return map(Shard, table.every_work(queue))


def overdue(shard: Shard, now: datetime) -> tuple[list[Overdue], Shard | None]:
    """A page of rows, longest overdue first, and where the next page begins (None at the end)."""
    condition = ByDue.due <= table.time_text(now)
    rows, after = table.page(JobRow, shard.work, condition, _PAGE, ByDue.Meta.index_name, shard.after)
    found = [Overdue(row.box, row.item, table.parse_time(row.due)) for row in rows]
    return found, Shard(shard.work, after) if after else None


def waiting(shard: Shard) -> int:
    """The number of rows under the key, whenever they are due."""
    return JobRow.count(shard.work, index_name=ByDue.Meta.index_name)


def put_off(box: str, item: str, now: datetime, time: timedelta = FORGOTTEN) -> None:
    """Makes what was just rung due later, so the next tick does not ring it again."""
    row, later = JobRow(box=box, item=item), JobRow.due.set(table.time_text(now + time))
    unless_busy(lambda: row.update([later], JobRow.due.exists()))  # or it has ended
