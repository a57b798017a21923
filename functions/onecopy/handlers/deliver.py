"""`deliver`: one subscriber's turn. FIFO queue, a few groups per host, one message of each at a time."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from onecopy.domain.box import BoxKey
from onecopy.handlers.edge import composition, measure
from onecopy.push import delivery

composition.loaded("DELIVERY_QUEUE_URL", "RESTART_TOKEN_KEYS")
logger = Logger()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A delivery whose first tries fail comes back soon, and its group waits for it."""

    def time_left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis())

    failures = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        parts = composition.parts()
        waited = parts.store.now() - _sent(record)
        outcome = delivery.deliver(
            parts.store, parts.settings, BoxKey.parse(body["box"]), body["subscription"], time_left, waited
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
            group = record["attributes"]["MessageGroupId"]
            composition.queues().deliver_more(group, body["box"], body["subscription"], record["messageId"])
    return {"batchItemFailures": failures}


def _sent(record: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
