"""Jobs that a request began: it runs the first steps itself and leaves the rest to the queue."""

from collections.abc import Iterable
from datetime import timedelta

from aws_lambda_powertools import Logger

from onecopy.handlers.edge import measure
from onecopy.handlers.edge.request import Request
from onecopy.store.box import jobs
from onecopy.store.box.jobs import Progress

STEPS_IN_REQUEST = 16
"""About 500 objects: for most folders the job is done when the answer comes."""

TIME = timedelta(seconds=5)
"""No client should wait longer for an answer, however slow a table is: the request would time out."""

logger = Logger()


def carry_on(request: Request, job_ids: Iterable[str | None]) -> None:
    """A failure here does not change the answer to a commit: the sweep rings for a job that nobody runs."""
    until = request.store.now() + TIME
    for job_id in dict.fromkeys(job_ids):
        if job_id:
            _carry_on(request, job_id, until - request.store.now())


def _carry_on(request: Request, job_id: str, time: timedelta) -> None:
    progress = Progress(finished=False)
    try:
        if time > timedelta(0):
            progress = jobs.run(request.store, request.key, job_id, STEPS_IN_REQUEST, time)
            measure.tell_copies(progress.copied)
    except Exception as error:
        logger.warning("left to the queue", extra={"error": type(error).__name__})
    try:
        if not progress.finished:
            request.queues.job(str(request.key), job_id, progress.wait)
    except Exception as error:
        logger.warning("left to the sweep", extra={"error": type(error).__name__})
