"""What should have happened by now, found by the sweep."""

from datetime import datetime
from typing import NamedTuple

from pynamodb.exceptions import UpdateError

from onecopy.store import table
from onecopy.store.jobs import FORGOTTEN
from onecopy.store.table import ByDue, JobRow

JOB, UPLOAD, INTAKE, RECLAIM, DELIVER = "job", "upload", "intake", "reclaim", "deliver"


def delivery(partition: str) -> str:
    """The `work` of a subscription in this partition that is to be told something."""
    return DELIVER


class Overdue(NamedTuple):
    """A row's key, and when it was due."""

    box: str
    item: str
    since: datetime


def overdue(work: str, now: datetime, most: int = 100) -> list[Overdue]:
    """The longest overdue first."""
    condition = ByDue.due <= table.time_text(now)
    found, _ = table.page(JobRow, work, condition, most, ByDue.Meta.index_name)
    return [Overdue(row.box, row.item, table.parse_time(row.due)) for row in found]


def put_off(box: str, item: str, now: datetime) -> None:
    """A job rung is not rung again at the next tick."""
    row = JobRow(box=box, item=item)
    try:
        row.update([JobRow.due.set(table.time_text(now + FORGOTTEN))], JobRow.item.exists())
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
