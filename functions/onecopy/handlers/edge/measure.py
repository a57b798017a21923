"""What the business is about, in numbers: one line of EMF in the log, which CloudWatch makes metrics of.

Nothing but the names below and numbers: no box, no id, nothing that a user wrote.
"""

from collections.abc import Iterable

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from onecopy.domain.content import Content

_UNITS = {
    "Copies": MetricUnit.Count,  # links made from other links
    "BytesNotDuplicated": MetricUnit.Bytes,  # the content of these
    "BytesNotSent": MetricUnit.Bytes,  # content that a sync told of, and left where it is
    "BytesAskedFor": MetricUnit.Bytes,  # content of which an address was asked for
    "Deliveries": MetricUnit.Count,  # lists that a subscriber took
    "Retries": MetricUnit.Count,  # tries that failed, to be made again
    "SubscribersBehind": MetricUnit.Count,  # a gauge; all that are owed something
    "ReclaimLag": MetricUnit.Seconds,  # a gauge; how long the longest waiting content has been due
}

_metrics = Metrics(namespace="Onecopy")


def tell(**numbers: float) -> None:
    for name, number in numbers.items():
        _metrics.add_metric(name, _UNITS[name], number)
    _metrics.flush_metrics()


def tell_copies(copied: Iterable[Content | None]) -> None:
    """The content, or none, of each object that was copied."""
    contents = list(copied)
    if contents:
        tell(Copies=len(contents), BytesNotDuplicated=sum(one.size for one in contents if one))
