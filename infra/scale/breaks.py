"""What is asked of each limit, and the number of users above which that is too much."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from infra.scale import limits
from infra.scale.load import ADDRESS, FINISH, PUSH, RECLAIM, REST, RING, STORE, SYNC, Load
from infra.scale.measured import Measured
from infra.scale.profile import Profile
from infra.scale.settings import Settings

MOST = 1e10
"""A number of users that is never reached."""


@dataclass(frozen=True)
class Check:
    """One limit: what is asked of it, how much room it has, and as `remedy` what helps."""

    what: str
    unit: str
    asked: Callable[[Load], float]
    room: Callable[[Load], float]
    remedy: str

    def usage(self, load: Load) -> float:
        return self.asked(load) / self.room(load)


def _writes(load: Load) -> float:
    return load.rush(load.units("write_units") + load.units("local_units"))


def _runs(load: Load) -> float:
    """Requests of the busiest second. Work in a queue is averaged over the busiest hour: it may run later."""
    return load.rush(load.requests) + load.hourly(load.sum_of(RING, PUSH, REST, FINISH, RECLAIM))


def _fifo(load: Load) -> float:
    return load.rush(load.sum_of(PUSH, REST))


def _pushed_room(load: Load) -> float:
    return load.settings.deliveries_at_once / load.profile.push_seconds


def _stream_room(load: Load) -> float:
    return load.partitions * load.settings.stream_batches / load.profile.ring_seconds


def _sweep_room(load: Load) -> float:
    """Rings in a minute, because a schedule runs no more often."""
    one = load.profile
    run = one.sweep_threads * (load.settings.sweep_timeout - one.sweep_margin) / one.send_seconds
    return run * limits.value("schedule")


def _one_box(load: Load) -> float:
    """An upper bound: as if everything written to store a message had one key."""
    one = load.measured.of(STORE)
    return load.profile.hot * (one.write_units + one.local_units)


def _one_box_reads(load: Load) -> float:
    """Each commit reads, rings, and is pushed and synced."""
    return load.profile.hot * sum(load.measured.of(name).read_units for name in (STORE, RING, PUSH, SYNC))


def _one_box_bytes(load: Load) -> float:
    """The links of ten years, with their entries in the local indexes."""
    one = load.profile
    link = load.measured.sizes["link"] + 2 * one.index_entry
    return one.messages * one.heavy * 3652 * link


def _fixed(name: str) -> Callable[[Load], float]:
    return lambda _: limits.value(name)


CHECKS: Sequence[Check] = (
    Check(
        "requests that the API lets in",
        "a second",
        lambda load: load.rush(load.requests),
        lambda load: load.settings.requests_per_second,
        "`RequestsPerSecond=10000`",
    ),
    Check(
        "API Gateway, the account's requests",
        "a second",
        lambda load: load.rush(load.requests),
        lambda load: load.settings.api_requests,
        "ask for a higher quota, or a cell in an account of its own",
    ),
    Check(
        "requests at once",
        "at once",
        lambda load: load.api_at_once,
        lambda load: load.settings.request_burst,
        "`RequestBurst=5000`",
    ),
    Check(
        "Lambda, runs at once in the account",
        "at once",
        lambda load: load.at_once,
        lambda load: load.settings.concurrency,
        "ask for 3,000",
    ),
    Check(
        "Lambda, runs a second in the account",
        "a second",
        _runs,
        lambda load: load.settings.concurrency * limits.value("run requests"),
        "ask for 3,000 at once",
    ),
    Check(
        "Lambda, runs that api adds in 10 s",
        "more",
        lambda load: load.api_at_once * (1 - 1 / load.profile.rush),
        _fixed("scaling"),
        "a cell",
    ),
    Check(
        "DynamoDB, the table's writes",
        "units a second",
        _writes,
        lambda load: load.settings.table_writes,
        "ask for 120,000",
    ),
    Check(
        "DynamoDB, the table's reads",
        "units a second",
        lambda load: load.rush(load.units("read_units")),
        lambda load: load.settings.table_reads,
        "ask for 120,000",
    ),
    Check(
        "DynamoDB, a key of by-due",
        "units a second",
        lambda load: load.rush(load.due_writes) / load.settings.due_shards,
        _fixed("partition writes"),
        "a cell (or more shards, a change of the code)",
    ),
    Check(
        "DynamoDB, the busiest box's writes",
        "units a second",
        _one_box,
        _fixed("partition writes"),
        "its own limit",
    ),
    Check(
        "DynamoDB, the busiest box's reads",
        "units a second",
        _one_box_reads,
        _fixed("partition reads"),
        "its own limit",
    ),
    Check(
        "DynamoDB, the largest box",
        "bytes in ten years",
        _one_box_bytes,
        _fixed("collection"),
        "its own limit",
    ),
    Check(
        "the stream, rings",
        "a second",
        lambda load: load.hourly(load.sum_of(RING)),
        _stream_room,
        "`ParallelizationFactor: 10`",
    ),
    Check(
        "deliveries",
        "a second",
        lambda load: load.hourly(load.sum_of(PUSH, REST)),
        _pushed_room,
        "`DeliveriesAtOnce=1000`",
    ),
    Check(
        "SQS FIFO, calls of a kind",
        "a second",
        _fifo,
        lambda load: load.settings.fifo,
        "another region: {:,.0f} in Frankfurt, {:,.0f} in Ireland".format(
            limits.value("fifo Frankfurt"), limits.value("fifo most")
        ),
    ),
    Check(
        "SQS FIFO, messages in flight",
        "at once",
        lambda load: (
            load.settings.deliveries_at_once + load.users * load.profile.subscribers * load.profile.failing
        ),
        _fixed("fifo in flight"),
        "a cell",
    ),
    Check(
        "S3, PUTs below inline/",
        "a second",
        lambda load: load.rush(load.sum_of(STORE)),
        _fixed("s3 puts"),
        "S3 splits it by itself where the rate grows slowly (keys are random); a cell",
    ),
    Check(
        "S3, GETs below direct/",
        "a second",
        lambda load: load.rush(load.sum_of(ADDRESS)),
        _fixed("s3 gets"),
        "as above",
    ),
    Check(
        "the sweep, rings in its minute",
        "a minute",
        lambda load: 60 * load.sum_of(REST) / 86_400,
        _sweep_room,
        "`RestSeconds=43200`, or a cell",
    ),
)


@dataclass(frozen=True)
class Break:
    """The check fails above `users`. None if it never does."""

    check: Check
    users: float | None


def breaks(profile: Profile, measured: Measured, settings: Settings) -> list[Break]:
    """All checks, in the order in which they break."""
    empty = Load(0, profile, measured, settings)
    found = [Break(check, _from(check, empty)) for check in CHECKS]
    return sorted(found, key=lambda one: MOST if one.users is None else one.users)


def _from(check: Check, empty: Load) -> float | None:
    """Found by bisection, because more users never use less of a limit."""
    if check.usage(replace(empty, users=MOST)) <= 1:
        return None
    low, high = 0.0, MOST
    while high - low > max(1.0, low / 1e6):
        middle = (low + high) / 2
        low, high = (low, middle) if check.usage(replace(empty, users=middle)) > 1 else (middle, high)
    return low


def broken(found: Sequence[Break], users: float) -> list[Break]:
    return [one for one in found if one.users is not None and one.users < users]


def cell(found: Sequence[Break]) -> int:
    """The most users for one stack: a tenth below the first break, rounded down to hundreds of thousands."""
    first = min((one.users for one in found if one.users is not None), default=MOST)
    return max(100_000, int(0.9 * first // 100_000) * 100_000)
