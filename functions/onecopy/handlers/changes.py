"""`changes`: the table's stream as a doorbell. What happened is in the log, not here.

A box row says that its box has moved on; a content row at zero says that its bytes may go.
"""

from typing import Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.domain.box import BoxKey
from onecopy.handlers import composition
from onecopy.handlers.batch import Batch
from onecopy.push import ring
from onecopy.store import table

composition.loaded("DELIVERY_QUEUE_URL", "RECLAIM_QUEUE_URL")
processor = Batch(EventType.DynamoDBStreams)


def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event, _record, processor, context)


def _record(record: DynamoDBRecord) -> None:
    image = record.dynamodb.new_image if record.dynamodb else None
    if not image:
        return
    if image["item"] == table.BOX:
        ring.changed(composition.parts().store, composition.queues(), BoxKey.parse(image["box"]))
    elif image["item"] == table.CONTENT and image["links"] == 0:
        composition.queues().reclaim(image["box"].removeprefix("C#"))
