"""Jobs that a request began: the first steps within the request, the rest by the queue."""

from datetime import timedelta

from onecopy.handlers import measure
from onecopy.handlers.request import Request
from onecopy.store import jobs

STEPS_IN_REQUEST = 16
"""About 500 objects: what most folders hold is done when the answer comes."""

TIME = timedelta(seconds=5)
"""Nobody should wait longer for an answer, however slow a table is: it would end in a timeout."""


def carry_on(request: Request, job_id: str | None) -> None:
    if not job_id:
        return
    progress = jobs.run(request.store, request.key, job_id, STEPS_IN_REQUEST, TIME)
    measure.tell_copies(progress.copied)
    if not progress.finished:
        request.queues.job(str(request.key), job_id, progress.wait)
