"""`sweep`: on a schedule, whatever should have happened by now and has not; and how much that was."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.handlers import composition, measure
from onecopy.store import due, table, uploads
from onecopy.store.due import Overdue
from onecopy.store.table import IntakeRow, UploadRow

composition.loaded("CONTENT_BUCKET", "JOBS_QUEUE_URL", "RECLAIM_QUEUE_URL", "DELIVERY_QUEUE_URL")
logger = Logger()

MOST_RINGS = 1000
"""Of each kind in one sweep; a ring takes some milliseconds."""


class NotAllSwept(Exception):
    """So that the alarm rings; what it was is in the log."""


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Each kind of work by itself; what is rung twice does no harm."""
    now = composition.parts().store.now()
    behind = due.overdue(due.DELIVER, now, MOST_RINGS)
    unlinked = due.overdue(due.RECLAIM, now, MOST_RINGS)
    lag = (now - unlinked[0].since).total_seconds() if unlinked else 0
    measure.tell(SubscribersBehind=len(behind), ReclaimLag=lag)
    failed = [
        _each(due.DELIVER, behind, lambda one: _ring_for_delivery(one, now)),
        _each(due.RECLAIM, unlinked, lambda one: composition.queues().reclaim(one.box.removeprefix("C#"))),
        _each(due.JOB, due.overdue(due.JOB, now), lambda one: _ring_for_job(one, now)),
        _each(due.UPLOAD, due.overdue(due.UPLOAD, now), _upload),
        _each(due.INTAKE, due.overdue(due.INTAKE, now), _intake),
    ]
    if any(failed):
        raise NotAllSwept


def _each(work: str, found: list[Overdue], sweep: Callable[[Overdue], None]) -> int:
    """How many could not be swept; they keep no other from it."""
    failed = 0
    for one in found:
        try:
            sweep(one)
        except Exception as error:
            failed += 1
            logger.error("not swept", extra={"error": type(error).__name__, "work": work})
    return failed


def _ring_for_delivery(one: Overdue, now: datetime) -> None:
    once = f"sweep.{int(now.timestamp()) // 5}"
    composition.queues().deliver(table.box_of_subscription(one.box), one.item, once)


def _ring_for_job(one: Overdue, now: datetime) -> None:
    composition.queues().job(one.box, one.item.removeprefix("J#"))
    due.put_off(one.box, one.item, now)


def _upload(one: Overdue) -> None:
    upload = table.get(UploadRow, one.box, one.item)
    if upload and not uploads.sweep_upload(composition.contents(), upload):
        uploads.finish(composition.parts().store, upload)


def _intake(one: Overdue) -> None:
    if intake := table.get(IntakeRow, one.box, one.item):
        uploads.sweep_intake(composition.contents(), intake)
