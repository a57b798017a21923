"""`reclaim`: deletes content from the bucket when no link points to it any more."""

import json
from typing import Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.domain.content import ContentKey
from onecopy.handlers.edge import composition
from onecopy.handlers.edge.batch import Batch
from onecopy.store import reclaim

composition.loaded("CONTENT_BUCKET")
processor = Batch(EventType.SQS)


def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event, _message, processor, context)


def _message(record: SQSRecord) -> None:
    content_key = ContentKey(json.loads(record.body)["content"])
    reclaim.reclaim(composition.parts().store, composition.contents(), content_key)
