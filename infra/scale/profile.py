"""What one user does, and how long a function takes: assumptions, each with its source."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

_OURS = "an assumption"
_MEASURED = "an assumption, after `make bench`"


def _is(value: float, what: str, source: str = _OURS) -> Any:
    return field(default=value, metadata={"what": what, "source": source})


@dataclass(frozen=True)
class Profile:
    messages: float = _is(
        50,
        "messages of a user a day, both ways",
        "Pew Research Center, September 2011: 41.5 a day (median 10); 50 for ages 18 to 24 (median)",
    )
    pictures: float = _is(5, "of these with a picture, uploaded directly")
    picture_bytes: float = _is(200_000, "bytes of a picture")
    flags: float = _is(25, "flags set a day (half of the messages are read singly)")
    deletes: float = _is(5, "messages deleted a day, content included")
    copies: float = _is(1.5, "messages copied a day")
    devices: float = _is(1.2, "devices of a user")
    syncs: float = _is(40, "syncs of a device a day, one change each")
    seen: float = _is(0.9, "share of the pictures whose body is fetched, once")
    subscribers: float = _is(1, "subscriptions of a box: the network's push gateway")
    failing: float = _is(0.01, "share of subscriptions that fail at a time")
    busy_hour: float = _is(
        0.10,
        "share of a day's traffic in its busiest hour",
        "an assumption; the8layers.com, Network Planning 101 (2016), reckons with an eighth at most",
    )
    rush: float = _is(1.3, "busiest second against the mean of that hour")
    months: float = _is(12, "months of messages that a box holds")
    heavy: float = _is(20, "messages of the heaviest user against the mean")
    hot: float = _is(10, "commits a second of the busiest box")
    api_seconds: float = _is(0.03, "seconds of a run of api")
    ring_seconds: float = _is(
        0.025, "seconds to ring for one change: a read, a tenth of a call for ten messages"
    )
    push_seconds: float = _is(0.2, "seconds to push one list, the receiver's answer included")
    other_seconds: float = _is(0.05, "seconds of any other run behind a queue")
    sweep_threads: float = _is(100, "messages that the sweep sends side by side, in calls of ten")
    send_seconds: float = _is(0.01, "seconds to send one of them")
    sweep_margin: float = _is(10, "seconds before its timeout at which the sweep begins nothing more")
    starts: float = _is(12, "times a day that an environment of api is started anew")
    log_bytes: float = _is(1_000, "bytes of logs of a run")
    log_packed: float = _is(0.15, "size of kept logs, packed")
    answer_bytes: float = _is(900, "bytes of an answer, 400 of them its body", _MEASURED)
    push_headers: float = _is(1_000, "bytes of a push beside its body")
    index_entry: float = _is(150, "bytes of an entry of an index")
    item_overhead: float = _is(
        100,
        "bytes that DynamoDB adds to each item and entry",
        "DynamoDB Developer Guide, item sizes and formats",
    )
    long_poll: float = _is(
        20, "seconds of a poll of an idle queue", "SQS Developer Guide, FIFO queue quotas: the longest wait"
    )
    traced: float = _is(
        0.05,
        "share of runs that are traced, besides the first of each second",
        "X-Ray Developer Guide, Configuring sampling rules",
    )
    key_cached: float = _is(
        300,
        "seconds between two requests for the table's key, for each connection",
        "KMS Developer Guide, How Amazon DynamoDB uses AWS KMS",
    )
    metrics: float = _is(9, "metrics of its own, told by the functions", "`handlers/edge/measure.py`")


def rows(profile: Profile) -> Iterator[tuple[str, str, str]]:
    for one in fields(profile):
        value = f"{getattr(profile, one.name):,g}"
        yield one.metadata["what"], value, one.metadata["source"]
