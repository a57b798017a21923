"""The queues that functions put work on. A message holds keys only, never what a user wrote."""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
else:
    SQSClient = Any

_IN_A_CALL = 10
"""SendMessageBatch takes no more."""

LOOK = "look"
"""Stands in a job's message for a look for expired objects: no job has this id."""

_Thing = TypeVar("_Thing")


@dataclass(frozen=True)
class Ring:
    """Asks for a delivery to one subscription. Rings of one moment share `once`; later ones have another.

    `trace`: X-Ray's header of the commit behind the ring, if it was traced.
    """

    box: str
    subscription_id: str
    host: str
    once: str
    trace: str = ""


@dataclass(frozen=True)
class Queues:
    """`per_host`: the most deliveries to one host at the same time. `trace`: as in `Store`."""

    client: SQSClient
    jobs: str
    reclaims: str
    deliveries: str
    per_host: int
    trace: Callable[[], str] | None = None

    def job(self, box: str, job_id: str, delay: timedelta = timedelta(0)) -> None:
        seconds = min(900, -(-delay // timedelta(seconds=1)))
        self._send(self.jobs, {"box": box, "job": job_id}, DelaySeconds=seconds)

    def looks(self, boxes: Iterable[str]) -> list[str]:
        """Asks for a look for expired objects in each box. Returns the boxes that the queue did not take."""
        entries = [(box, {"MessageBody": json.dumps({"box": box, "job": LOOK})}) for box in boxes]
        return list(self._send_all(self.jobs, entries))

    def look_on(self, box: str, delay: timedelta) -> None:
        """Asks to go on with an unfinished look."""
        self.job(box, LOOK, delay)

    def reclaim(self, content_keys: Iterable[str]) -> list[str]:
        """Returns the keys that the queue did not take."""
        entries = [(key, {"MessageBody": json.dumps({"content": key})}) for key in content_keys]
        return list(self._send_all(self.reclaims, entries))

    def deliver(self, rings: Iterable[Ring]) -> list[Ring]:
        """Returns the rings the queue did not take. It drops duplicates: same subscription, same moment."""
        entries = [(ring, self._delivery(ring)) for ring in rings]
        return list(self._send_all(self.deliveries, entries))

    def deliver_more(self, group: str, box: str, subscription_id: str, once: str) -> None:
        """Rings again, behind everything that waits in the message group."""
        moment = _plain(f"{box}.{subscription_id}.{once}")
        body = {"box": box, "subscription": subscription_id}
        self._send(self.deliveries, body, MessageGroupId=group, MessageDeduplicationId=moment)

    def put_off(self, receipt: str, delay: timedelta) -> None:
        """Brings a delivery back after this delay. Its message group waits with it."""
        self.client.change_message_visibility(
            QueueUrl=self.deliveries, ReceiptHandle=receipt, VisibilityTimeout=int(delay.total_seconds())
        )

    def _delivery(self, ring: Ring) -> Mapping[str, Any]:
        """SQS delivers one message of a group at a time, so a host has as many groups as it may have calls at
        the same time. A subscription is always in the same group, which keeps its order.
        """
        name = f"{ring.box}.{ring.subscription_id}"
        slot = zlib.crc32(name.encode()) % self.per_host
        return {
            "MessageBody": json.dumps({"box": ring.box, "subscription": ring.subscription_id}),
            "MessageGroupId": _plain(f"{ring.host} {slot}"),
            "MessageDeduplicationId": _plain(f"{name}.{ring.once}"),
            **_traced(ring.trace),
        }

    def _send(self, queue: str, body: Mapping[str, str], **options: Any) -> None:
        traced = _traced(self.trace() if self.trace else "")
        self.client.send_message(QueueUrl=queue, MessageBody=json.dumps(body), **options, **traced)

    def _send_all(self, queue: str, entries: Sequence[tuple[_Thing, Mapping[str, Any]]]) -> Iterator[_Thing]:
        """Yields what was not taken: the entries that a call refused or, if a call fails, all those left."""
        for start in range(0, len(entries), _IN_A_CALL):
            part = entries[start : start + _IN_A_CALL]
            numbered: Any = [{"Id": str(number), **entry} for number, (_, entry) in enumerate(part)]
            try:
                answer = self.client.send_message_batch(QueueUrl=queue, Entries=numbered)
            except (BotoCoreError, ClientError):
                yield from (thing for thing, _ in entries[start:])
                return
            yield from (part[int(failed["Id"])][0] for failed in answer.get("Failed", ()))


def _traced(trace: str) -> dict[str, Any]:
    """The message attribute by which Lambda continues the sender's trace."""
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    return {"MessageSystemAttributes": header} if trace else {}


def _plain(text: str) -> str:
    """A hash of the text: group and deduplication ids take 128 characters of a small alphabet."""
    return hashlib.sha256(text.encode()).hexdigest()
