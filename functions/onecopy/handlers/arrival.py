"""`arrival`: S3 reports (through SQS) that a directly uploaded part has arrived."""

import json
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.domain.content import ContentKey
from onecopy.handlers.edge import composition
from onecopy.handlers.edge.batch import Batch
from onecopy.store.box import uploads
from onecopy.store.box.contents import DIRECT

composition.loaded()
processor = Batch(EventType.SQS)


def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event, _notification, processor, context)


def _notification(record: SQSRecord) -> None:
    """A notification holds several records; S3's test event holds none."""
    for created in json.loads(record.body).get("Records", []):
        key = unquote_plus(created["s3"]["object"]["key"])
        content_key, _, number = key.rpartition("/")
        if content_key.startswith(DIRECT) and number.isdecimal():
            uploads.arrived(composition.parts().store, ContentKey(content_key), int(number))
