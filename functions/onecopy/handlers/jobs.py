"""`jobs`: finishes in the background what a request began: to copy, delete or move a large folder.

It also looks through boxes for objects that have expired.
"""

import json
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.domain.box import BoxKey
from onecopy.handlers.edge import composition, measure
from onecopy.handlers.edge.batch import Batch
from onecopy.store.box import expiry, jobs
from onecopy.store.queues import LOOK

STEPS = 200
"""Steps for one message: about 6,000 objects."""

TIME = timedelta(seconds=30)
"""Time for one message. It stays well within the function's timeout, however slow a table is."""

composition.loaded("JOBS_QUEUE_URL")
processor = Batch(EventType.SQS)


def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event, _message, processor, context)


def _message(record: SQSRecord) -> None:
    body = json.loads(record.body)
    if body["job"] == LOOK:
        _look(body["box"])
        return
    progress = jobs.run(composition.parts().store, BoxKey.parse(body["box"]), body["job"], STEPS, TIME)
    measure.tell_copies(progress.copied)
    if not progress.finished:
        composition.queues().job(body["box"], body["job"], progress.wait)


def _look(box: str) -> None:
    retention = composition.retention()
    if retention is None:
        return
    progress = expiry.look(composition.parts().store, BoxKey.parse(box), retention, TIME)
    if progress.expired:
        measure.tell(ObjectsExpired=progress.expired)
    if not progress.finished:
        composition.queues().look_on(box, progress.wait)
