"""`sweep`: on a schedule, takes care of whatever is overdue, and measures how much that was."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.domain.box import BoxKey
from onecopy.handlers.edge import composition, measure
from onecopy.push.ring import ring
from onecopy.store import due, expiring_boxes
from onecopy.store.box import expiry, shares, uploads
from onecopy.store.commit import table
from onecopy.store.commit.kinds import IntakeRow, SharedRow, SubscriptionRow, UploadRow
from onecopy.store.due import Overdue, Shard

composition.loaded("CONTENT_BUCKET", "JOBS_QUEUE_URL", "RECLAIM_QUEUE_URL", "DELIVERY_QUEUE_URL")
logger = Logger()

AT_ONCE = 10
"""Shards that are swept in parallel; the clients have as many connections."""

SHARE = 4.0
"""Seconds that one kind of work may take in one shard in one tick. With six kinds in sixteen shards, ten at
a time, all of them are then looked at before the tick ends."""

MARGIN = timedelta(seconds=10)
"""Nothing new is begun when no more time than this is left."""

Found = Sequence[Overdue]


class NotAllSwept(Exception):
    """Raised to set off the alarm; the log says what was not swept."""


class NotRung(Exception):
    """The queue did not take all of the messages."""


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Sweeps one page of each shard in turn, so no shard waits for the end of another."""
    now = composition.parts().store.now()
    composition.queues(), composition.contents()  # made here once, not by several threads

    def time_left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis()) - MARGIN

    with ThreadPoolExecutor(AT_ONCE) as threads:
        sweep = _Sweep(now, time_left)
        owing = list(due.shards(table.DELIVER))
        behind = list(threads.map(sweep.waiting, owing))
        shards = [shard for shard, count in zip(owing, behind, strict=True) if count]
        shards += due.shards(table.DUE)
        sweep.enrol()
        while shards and time_left() > timedelta(0):
            shards = [after for after in threads.map(sweep.page, shards) if after]
    measure.tell(SubscribersBehind=sum(behind), ReclaimLag=sweep.reclaim_lag.total_seconds())
    left = sweep.left | {shard.work for shard in shards}
    if left:
        logger.error("not swept in time", extra={"work": sorted(left)})
    if left or sweep.failed:
        raise NotAllSwept


class _Sweep:
    """Notes what cannot be swept, and goes on with the rest. `left`: kinds that have used up their share."""

    def __init__(self, now: datetime, time_left: Callable[[], timedelta]) -> None:
        self._now, self._time_left = now, time_left
        self.failed: list[str] = []
        self.left: set[str] = set()
        self._lags = [timedelta(0)]
        self._took: dict[tuple[str, str], float] = {}

    @property
    def reclaim_lag(self) -> timedelta:
        """How long the longest waiting content has been due."""
        return max(self._lags)

    def waiting(self, shard: Shard) -> int:
        try:
            return due.waiting(shard)
        except Exception as error:
            self._fail(table.DELIVER, error)
            return 0

    def enrol(self) -> None:
        """Looks for boxes that the retention has not reached yet. Most of the time there are none."""
        retention = composition.retention()
        if retention is None:
            return
        try:
            store = composition.parts().store
            expiring_boxes.enrol(store, retention, store.now() + timedelta(seconds=SHARE))
        except Exception as error:
            self._fail(due.LOOK, error)

    def page(self, shard: Shard) -> Shard | None:
        """Sweeps a page. Returns where the shard goes on, or None at its end."""
        try:
            found, after = due.overdue(shard, self._now)
        except Exception as error:
            self._fail(shard.work, error)
            return None
        for kind, same in groupby(sorted(found, key=shard.kind), key=shard.kind):
            ones = list(same)
            if kind == due.RECLAIM:
                self._lags.append(self._now - ones[0].since)
            if not self._all(shard, kind, ones):
                return shard
        return after

    def _all(self, shard: Shard, kind: str, ones: Found) -> bool:
        """Whether there was time for all. A kind that has used up its share is skipped."""
        for part in _parts(kind, ones):
            if self._time_left() < timedelta(0):
                return False
            took = self._took.get((shard.work, kind), 0.0)
            if took > SHARE and not shard.is_counted:
                self.left.add(kind)
                return True
            begun = time.monotonic()
            try:
                _SWEPT[kind](part, self._now)
            except Exception as error:
                self._fail(kind, error)
            self._took[shard.work, kind] = took + time.monotonic() - begun
        return True

    def _fail(self, kind: str, error: Exception) -> None:
        self.failed.append(kind)
        logger.error("not swept", extra={"error": type(error).__name__, "work": kind})


def _parts(kind: str, ones: Found) -> Iterator[Found]:
    """What a queue takes in one call stays together. The rest goes one by one: a failure stops no other."""
    if kind in _TOGETHER:
        yield ones
    else:
        yield from ([one] for one in ones)


def _subscriptions(ones: Found, now: datetime) -> None:
    """A turn moves its due time on. Until then every ring has the same deduplication id, so the queue drops
    repeats for as long as it remembers the id."""
    since = {(one.box, one.item): f"sweep.{table.time_text(one.since)}" for one in ones}
    rows = table.present(SubscriptionRow, list(since), ["box", "item", "notify_url"])
    rings = [
        ring(BoxKey.parse(table.box_of_subscription(row.box)), row, since[row.box, row.item]) for row in rows
    ]
    if composition.queues().deliver(rings):
        raise NotRung


def _contents(ones: Found, now: datetime) -> None:
    if composition.queues().reclaim([table.content_key_of(one.box, one.item) for one in ones]):
        raise NotRung


def _job(ones: Found, now: datetime) -> None:
    for one in ones:
        composition.queues().job(one.box, one.item.removeprefix("J#"))
        due.put_off(one.box, one.item, now)


def _looks(ones: Found, now: datetime) -> None:
    if composition.retention() is None:
        expiring_boxes.release([one.box for one in ones])
        return
    missed = composition.queues().looks([one.box for one in ones])
    for one in ones:
        if one.box not in missed:
            due.put_off(one.box, one.item, now, expiry.AGAIN)
    if missed:
        raise NotRung


def _upload(ones: Found, now: datetime) -> None:
    for one in ones:
        upload, store = table.get(UploadRow, one.box, one.item), composition.parts().store
        if upload and not uploads.sweep_upload(store, composition.contents(), upload):
            uploads.finish(store, upload)


def _intake(ones: Found, now: datetime) -> None:
    for one in ones:
        if intake := table.get(IntakeRow, one.box, one.item):
            uploads.sweep_intake(composition.contents(), intake)


def _shared(ones: Found, now: datetime) -> None:
    for one in ones:
        if shared := table.get(SharedRow, one.box, one.item):
            shares.sweep(composition.contents(), shared)


_SWEPT: dict[str, Callable[[Found, datetime], None]] = {
    table.DELIVER: _subscriptions,
    due.JOB: _job,
    due.RECLAIM: _contents,
    due.REST: _subscriptions,
    due.UPLOAD: _upload,
    due.INTAKE: _intake,
    due.SHARED: _shared,
    due.LOOK: _looks,
}
_TOGETHER = {table.DELIVER, due.REST, due.RECLAIM, due.LOOK}
