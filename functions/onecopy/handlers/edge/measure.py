"""Business metrics: one line of EMF in the log, from which CloudWatch makes metrics.

A line holds only the names below and numbers: no box, no id, nothing that a user wrote.
"""

from collections.abc import Iterable

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from onecopy.domain.content import Content

METRICS = {
    "Copies": (MetricUnit.Count, "Links made from other links"),
    "BytesNotDuplicated": (MetricUnit.Bytes, "Content of these links, which was not stored again"),
    "BytesNotSent": (MetricUnit.Bytes, "Content that a sync listed and did not transfer"),
    "BytesAskedFor": (MetricUnit.Bytes, "Content for which a client asked for a presigned URL"),
    "ObjectsExpired": (MetricUnit.Count, "Objects that left their box by the retention"),
    "Deliveries": (MetricUnit.Count, "Lists of notifications that a subscriber accepted"),
    "Retries": (MetricUnit.Count, "Failed tries of a delivery"),
    "SubscribersBehind": (MetricUnit.Count, "Gauge: subscribers with changes still to be delivered"),
    "ReclaimLag": (
        MetricUnit.Seconds,
        "Gauge: how long the oldest content without a link has been due",
    ),
}
"""Each metric's unit and what it counts. The documentation's table is made from it."""

_metrics = Metrics(namespace="Onecopy")


def tell(**numbers: float) -> None:
    for name, number in numbers.items():
        _metrics.add_metric(name, METRICS[name][0], number)
    _metrics.flush_metrics()


def tell_copies(copied: Iterable[Content | None]) -> None:
    """`copied`: the content of each object that was copied, None if it has none."""
    contents = list(copied)
    if contents:
        tell(Copies=len(contents), BytesNotDuplicated=sum(one.size for one in contents if one))
