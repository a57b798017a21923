"""`sweep`: on a schedule, whatever should have happened by now and has not; and how much that was."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy import settings
from onecopy.handlers import composition, measure
from onecopy.store import due, table, uploads
from onecopy.store.table import IntakeRow, UploadRow

settings.read("CONTENT_BUCKET", "JOBS_QUEUE_URL", "RECLAIM_QUEUE_URL", "DELIVERY_QUEUE_URL")


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Each kind of work by itself; what is rung twice does no harm."""
    now = composition.parts().store.now()
    _ring(now)
    for box, item, _ in due.overdue(due.UPLOAD, now):
        if upload := table.get(UploadRow, box, item):
            uploads.sweep_upload(composition.contents(), upload)
    for box, item, _ in due.overdue(due.INTAKE, now):
        if intake := table.get(IntakeRow, box, item):
            uploads.sweep_intake(composition.contents(), intake)


def _ring(now: datetime) -> None:
    queues = composition.queues()
    for box, item, _ in due.overdue(due.JOB, now):
        queues.job(box, item.removeprefix("J#"))
        due.put_off(box, item, now)
    behind = due.overdue(due.DELIVER, now)
    for box, item, _ in behind:
        queues.deliver(table.box_of_subscription(box), item, f"sweep.{int(now.timestamp()) // 5}")
    unlinked = due.overdue(due.RECLAIM, now)
    for box, _, _ in unlinked:
        queues.reclaim(box.removeprefix("C#"))
    lag = (now - unlinked[0].since).total_seconds() if unlinked else 0
    measure.tell(SubscribersBehind=len(behind), ReclaimLag=lag)
