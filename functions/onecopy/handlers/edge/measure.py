"""Business metrics: one line of EMF in the log, from which CloudWatch makes metrics.

A line holds only the names below and numbers: no box, no id, nothing that a user wrote.
"""

from collections.abc import Iterable

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from onecopy.domain.content import Content

_UNITS = {
    "Copies": MetricUnit.Count,  # links made from other links
    "BytesNotDuplicated": MetricUnit.Bytes,  # the content of these links
    "BytesNotSent": MetricUnit.Bytes,  # content that a sync reported but did not send
    "BytesAskedFor": MetricUnit.Bytes,  # content whose URL a client asked for
    "Deliveries": MetricUnit.Count,  # lists that a subscriber took
    "Retries": MetricUnit.Count,  # failed tries of a delivery
    "SubscribersBehind": MetricUnit.Count,  # a gauge; all subscribers that still have something to receive
    "ReclaimLag": MetricUnit.Seconds,  # a gauge; for how long the oldest overdue content has been due
}

_metrics = Metrics(namespace="Onecopy")


def tell(**numbers: float) -> None:
    for name, number in numbers.items():
        _metrics.add_metric(name, _UNITS[name], number)
    _metrics.flush_metrics()


def tell_copies(copied: Iterable[Content | None]) -> None:
    """`copied`: the content of each object that was copied, None if it has none."""
    contents = list(copied)
    if contents:
        tell(Copies=len(contents), BytesNotDuplicated=sum(one.size for one in contents if one))
