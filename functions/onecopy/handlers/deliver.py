"""`deliver`: one subscriber's turn. A FIFO queue, a group for each subscription, one message at a time."""

import json
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.domain.box import BoxKey
from onecopy.handlers import composition, measure
from onecopy.push import delivery

composition.loaded("DELIVERY_QUEUE_URL", "RESTART_TOKEN_KEYS")
logger = Logger()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A failed delivery comes back after its back-off; its group waits with it."""

    def time_left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis())

    failures = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        parts = composition.parts()
        outcome = delivery.deliver(
            parts.store, parts.settings, BoxKey.parse(body["box"]), body["subscription"], time_left
        )
        if outcome.lists:
            measure.tell(Deliveries=outcome.lists)
        if outcome.error:
            measure.tell(Retries=1)
            logger.warning(
                "delivery failed", extra={"subscription": body["subscription"], "reason": outcome.error}
            )
        if outcome.again is not None:
            composition.queues().put_off(record["receiptHandle"], max(outcome.again, timedelta(seconds=1)))
            failures.append({"itemIdentifier": record["messageId"]})
        elif outcome.more:
            composition.queues().deliver(body["box"], body["subscription"], record["messageId"])
    return {"batchItemFailures": failures}
