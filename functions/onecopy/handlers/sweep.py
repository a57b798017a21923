"""`sweep`: on a schedule, whatever should have happened by now and has not."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.handlers import composition
from onecopy.store import due, table, uploads
from onecopy.store.table import IntakeRow, UploadRow


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Each kind of work by itself; what is rung twice does no harm."""
    store = composition.parts().store
    queues = composition.queues()
    now = store.now()
    for box, item in due.overdue(due.JOB, now):
        queues.job(box, item.removeprefix("J#"))
        due.put_off(box, item, now)
    for box, item in due.overdue(due.DELIVER, now):
        queues.deliver(table.box_of_subscription(box), item, f"sweep.{int(now.timestamp()) // 5}")
    for partition, _ in due.overdue(due.RECLAIM, now):
        queues.reclaim(partition.removeprefix("C#"))
    for partition, item in due.overdue(due.UPLOAD, now):
        if upload := table.get(UploadRow, partition, item):
            uploads.sweep_upload(composition.contents(), upload)
    for partition, item in due.overdue(due.INTAKE, now):
        if intake := table.get(IntakeRow, partition, item):
            uploads.sweep_intake(composition.contents(), intake)
