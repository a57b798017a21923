"""`sweep`: on a schedule, whatever should have happened by now and has not; and how much that was."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.handlers import composition, measure
from onecopy.store import due, table, uploads
from onecopy.store.due import Overdue, Shard
from onecopy.store.table import IntakeRow, UploadRow

composition.loaded("CONTENT_BUCKET", "JOBS_QUEUE_URL", "RECLAIM_QUEUE_URL", "DELIVERY_QUEUE_URL")
logger = Logger()

AT_ONCE = 10
"""Shards that are swept side by side; the clients have as many connections."""

MARGIN = timedelta(seconds=10)
"""Nothing more is begun when no more time than this is left."""


class NotAllSwept(Exception):
    """So that the alarm rings; what it was is in the log."""


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Page by page of each shard in turn, so that no kind of work waits for the end of another."""
    now = composition.parts().store.now()
    composition.queues(), composition.contents()  # made here once, not by several threads

    def time_left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis()) - MARGIN

    with ThreadPoolExecutor(AT_ONCE) as threads:
        sweep = _Sweep(now, time_left)
        owing = list(due.shards(due.DELIVER))
        behind = list(threads.map(sweep.waiting, owing))
        shards = [shard for shard, count in zip(owing, behind, strict=True) if count]
        shards += due.shards(*(kind for kind in _SWEPT if kind != due.DELIVER))
        while shards and time_left() > timedelta(0):
            shards = [after for after in threads.map(sweep.page, shards) if after]
    measure.tell(SubscribersBehind=sum(behind), ReclaimLag=sweep.reclaim_lag.total_seconds())
    if shards:
        logger.error("not swept in time", extra={"work": sorted({shard.kind for shard in shards})})
    if shards or sweep.failed:
        raise NotAllSwept


class _Sweep:
    """What cannot be swept is noted, and keeps nothing else from it."""

    def __init__(self, now: datetime, time_left: Callable[[], timedelta]) -> None:
        self._now, self._time_left = now, time_left
        self.failed: list[str] = []
        self._lags = [timedelta(0)]

    @property
    def reclaim_lag(self) -> timedelta:
        """How long the longest waiting content has been due."""
        return max(self._lags)

    def waiting(self, shard: Shard) -> int:
        try:
            return due.waiting(shard)
        except Exception as error:
            self._fail(shard.kind, error)
            return 0

    def page(self, shard: Shard) -> Shard | None:
        """Where the shard goes on, None at its end."""
        try:
            found, after = due.overdue(shard, self._now)
        except Exception as error:
            self._fail(shard.kind, error)
            return None
        if shard.kind == due.RECLAIM and found:
            self._lags.append(self._now - found[0].since)
        return after if self._all(shard.kind, found) else shard

    def _all(self, kind: str, found: Iterable[Overdue]) -> bool:
        """Whether there was time for all."""
        for one in found:
            if self._time_left() < timedelta(0):
                return False
            try:
                _SWEPT[kind](one, self._now)
            except Exception as error:
                self._fail(kind, error)
        return True

    def _fail(self, kind: str, error: Exception) -> None:
        self.failed.append(kind)
        logger.error("not swept", extra={"error": type(error).__name__, "work": kind})


def _subscription(one: Overdue, now: datetime) -> None:
    """A turn moves what is due on; until then the same is not rung for again within the queue's memory."""
    once = f"sweep.{table.time_text(one.since)}"
    composition.queues().deliver(table.box_of_subscription(one.box), one.item, once)


def _content(one: Overdue, now: datetime) -> None:
    composition.queues().reclaim(one.box.removeprefix("C#"))


def _job(one: Overdue, now: datetime) -> None:
    composition.queues().job(one.box, one.item.removeprefix("J#"))
    due.put_off(one.box, one.item, now)


def _upload(one: Overdue, now: datetime) -> None:
    upload = table.get(UploadRow, one.box, one.item)
    if upload and not uploads.sweep_upload(composition.contents(), upload):
        uploads.finish(composition.parts().store, upload)


def _intake(one: Overdue, now: datetime) -> None:
    if intake := table.get(IntakeRow, one.box, one.item):
        uploads.sweep_intake(composition.contents(), intake)


_SWEPT: dict[str, Callable[[Overdue, datetime], None]] = {
    due.DELIVER: _subscription,
    due.JOB: _job,
    due.RECLAIM: _content,
    due.REST: _subscription,
    due.UPLOAD: _upload,
    due.INTAKE: _intake,
}
