"""The queues that functions put work on. A message holds keys only, never what a user wrote."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
else:
    SQSClient = Any


@dataclass(frozen=True)
class Queues:
    client: SQSClient
    jobs: str
    reclaims: str
    deliveries: str

    def job(self, box: str, job_id: str, delay: timedelta = timedelta(0)) -> None:
        seconds = min(900, -(-delay // timedelta(seconds=1)))
        self._send(self.jobs, {"box": box, "job": job_id}, DelaySeconds=seconds)

    def reclaim(self, content_key: str) -> None:
        self._send(self.reclaims, {"content": content_key})

    def deliver(self, box: str, subscription_id: str, once: str) -> None:
        """One ring; `once` tells rings of the same moment apart from later ones."""
        self._send(
            self.deliveries,
            {"box": box, "subscription": subscription_id},
            MessageGroupId=_plain(f"{box}.{subscription_id}"),
            MessageDeduplicationId=_plain(f"{box}.{subscription_id}.{once}"),
        )

    def put_off(self, receipt: str, delay: timedelta) -> None:
        """A delivery comes back after so long, and its group waits with it."""
        self.client.change_message_visibility(
            QueueUrl=self.deliveries, ReceiptHandle=receipt, VisibilityTimeout=int(delay.total_seconds())
        )

    def _send(self, queue: str, body: Mapping[str, str], **options: Any) -> None:
        self.client.send_message(QueueUrl=queue, MessageBody=json.dumps(body), **options)


def _plain(text: str) -> str:
    """Group and deduplication ids take 128 characters of a small alphabet."""
    return hashlib.sha256(text.encode()).hexdigest()
