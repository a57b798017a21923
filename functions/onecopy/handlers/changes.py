"""`changes`: uses the table's stream as a doorbell. The log, not the stream, says what happened.

A record of a box row means that the box has changed. A record of a content row with zero links means that its
bytes may be deleted. Lambda keeps the order of records of one partition key, but nothing here depends on it.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBStreamEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.domain.box import BoxKey
from onecopy.handlers.edge import composition
from onecopy.push import ring
from onecopy.push.ring import Moved
from onecopy.store.commit import table

composition.loaded("DELIVERY_QUEUE_URL", "RECLAIM_QUEUE_URL")
logger = Logger()

Image = dict[str, Any]


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Reports every record as failed whose box or content was not rung for. Lambda goes on from the first of
    them, so some are rung for twice; that does no harm.
    """
    records = [
        (record.dynamodb.sequence_number, record.dynamodb.new_image)
        for record in DynamoDBStreamEvent(event).records
        if record.dynamodb and record.dynamodb.new_image
    ]
    failed = _ring([image for _, image in records])
    if failed:
        logger.error("not rung for", extra={"count": len(failed)})
    return {
        "batchItemFailures": [
            {"itemIdentifier": number} for number, image in records if image["box"] in failed
        ]
    }


def _ring(images: list[Image]) -> set[str]:
    """The partitions that were not rung for."""
    moved = [
        Moved(BoxKey.parse(image["box"]), int(image["seq"]), image["validity"], image.get("trace", ""))
        for image in images
        if image["item"] == table.BOX and not image.get("closed")
    ]
    unlinked: dict[str, str] = {
        table.content_key_of(image["box"], image["item"]): image["box"]
        for image in images
        if table.is_content(image["item"]) and image["links"] == 0
    }
    queues = composition.queues()
    missed = ring.changed(composition.parts().store, queues, moved) if moved else set()
    return {str(key) for key in missed} | {unlinked[key] for key in queues.reclaim(unlinked)}
