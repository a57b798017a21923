"""What a month costs, line by line: how much is used of everything that AWS has a price for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from infra.scale import limits
from infra.scale.load import DAYS, FINISH, PUSH, RECLAIM, REST, RING, SWEEP, Load
from infra.scale.measured import Measured
from infra.scale.prices import OUT, PRICES
from infra.scale.profile import Profile
from infra.scale.settings import Settings, defaults

GB = 2**30
SECONDS = DAYS * 86_400
SWEEPS = SECONDS / 60
EXAMPLE = 1000

_EGRESS = "Sent out: "


@dataclass(frozen=True)
class Bill:
    used: Mapping[str, float]
    dollars: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.dollars.values())


def month(load: Load, cells: int = 1) -> Bill:
    """The bill of all users. With several cells, what a stack costs by itself is paid for each cell."""
    used = {**_requests(load), **_stored(load), **_seen(load), **_started(load)}
    used |= {name: cells * quantity for name, quantity in _by_itself(load).items()}
    used = {name: used[name] for name in PRICES}
    dollars = {name: PRICES[name].of(quantity) for name, quantity in used.items()}
    sent = {name: quantity for name, quantity in used.items() if name.startswith(_EGRESS)}
    each = OUT.of(sum(sent.values())) / (sum(sent.values()) or 1)
    return Bill(used, {**dollars, **{name: quantity * each for name, quantity in sent.items()}})


def _requests(load: Load) -> dict[str, float]:
    one, settings = load.profile, load.settings
    requests = DAYS * load.requests
    seconds = DAYS * (
        load.sum_of(RING) * one.ring_seconds
        + load.sum_of(PUSH, REST) * one.push_seconds
        + load.sum_of(FINISH, RECLAIM) * one.other_seconds
    )
    sweep = load.measured.of(SWEEP)
    daily = load.daily
    puts = sum(count * load.measured.of(name).s3_puts for name, count in daily.items())
    return {
        "API Gateway, requests": requests,
        "Lambda, runs": sum(_runs(load)),
        "Lambda, GB-seconds": requests * one.api_seconds * settings.api_memory + seconds * settings.memory,
        "DynamoDB, read units": DAYS * load.units("read_units") + SWEEPS * sweep.read_units,
        "DynamoDB, write units": DAYS * load.units("write_units"),
        "DynamoDB, write units of indexes": DAYS * (load.units("local_units") + load.units("global_units")),
        "S3, PUT requests": DAYS * (puts + one.pictures * load.users),
        "S3, GET requests": DAYS * one.pictures * one.seen * load.users,
        "SQS, requests of the FIFO queue": 3 * DAYS * load.sum_of(PUSH, REST),
        "SQS, requests": 3 * DAYS * load.sum_of(FINISH, RECLAIM),
        "Sent out: answers": requests * one.answer_bytes / GB,
        "Sent out: pushes": DAYS
        * load.sum_of(PUSH)
        * (load.measured.sizes["pushed list"] + one.push_headers)
        / GB,
        "Sent out: bodies": DAYS * one.pictures * one.seen * one.picture_bytes * load.users / GB,
    }


def _runs(load: Load) -> tuple[float, ...]:
    """Invocations in a month of api, changes, deliver, arrival, reclaim and sweep."""
    behind = (load.sum_of(RING), load.sum_of(PUSH, REST), load.sum_of(FINISH), load.sum_of(RECLAIM))
    return (*(DAYS * runs for runs in (load.requests, *behind)), SWEEPS)


def _stored(load: Load) -> dict[str, float]:
    """What is stored after the profile's months. Deleted content stays as old versions for `RestoreDays`."""
    one, sizes = load.profile, load.measured.sizes
    kept = (one.messages - one.deletes) * DAYS * one.months
    links = kept + one.copies * DAYS * one.months
    entry = one.index_entry + one.item_overhead
    link = sizes["link"] + one.item_overhead + 2 * entry
    changes = load.sum_of(RING) * load.settings.history_days * (sizes["change"] + one.item_overhead)
    table = load.users * (links * link + kept * (sizes["content"] + one.item_overhead)) + changes
    pictures = one.pictures * one.picture_bytes * load.users
    deleted = pictures * one.deletes / one.messages
    return {
        "DynamoDB, storage": table / GB,
        "DynamoDB, point-in-time recovery": table / GB,
        "S3, storage": (pictures - deleted) * DAYS * one.months / GB,
        "S3, old versions": deleted * load.settings.restore_days / GB,
    }


def _seen(load: Load) -> dict[str, float]:
    """Logs and traces. If traces are on, Lambda traces, for each function separately, the first invocation of
    each second and a share of the others.
    """
    runs = _runs(load)
    first = [SECONDS * (1 - math.exp(-count / SECONDS)) for count in runs]
    traces = sum(one + load.profile.traced * (count - one) for one, count in zip(first, runs, strict=True))
    traces *= load.settings.traces
    logs = sum(runs) * load.profile.log_bytes / GB
    kept = logs * load.profile.log_packed * load.settings.log_days / DAYS
    return {"Traces": traces, "Logs, taken in": logs, "Logs, kept": kept}


def _started(load: Load) -> dict[str, float]:
    """SnapStart's restores, and DynamoDB's requests for its key: one in five minutes for each connection."""
    restores = max(1.0, load.api_at_once) * load.profile.starts * DAYS
    return {
        "Lambda, SnapStart's restores": restores * load.settings.api_memory,
        "Keys, requests": load.at_once * SECONDS / load.profile.key_cached,
    }


def _by_itself(load: Load) -> dict[str, float]:
    """What a stack costs when nobody uses it, apart from the sweep's invocations."""
    settings = load.settings
    return {
        "Lambda, SnapStart's cache": settings.api_memory * SECONDS,
        "SQS, idle polling": settings.queues * limits.value("pollers") * SECONDS / load.profile.long_poll,
        "Metrics of its own": load.profile.metrics,
        "Alarms": settings.alarms,
        "Dashboard": 1,
        "Secrets": 1,
    }


def example(measured: Measured, settings: Settings | None = None) -> str:
    """The table of `infra/docs/costs.md`."""
    load = Load(EXAMPLE, Profile(), measured, settings or defaults())
    found = month(load)
    lines = [f"| In a month of {EXAMPLE:,} users | | Dollars |", "|---|---:|---:|"]
    lines += [f"| {name} | {short(found.used[name])} | {cost:.2f} |" for name, cost in found.dollars.items()]
    each = found.total / EXAMPLE
    return "\n".join([*lines, f"| **in all, {each:.3f} for each user** | | **{found.total:.2f}** |"])


def short(count: float) -> str:
    return (
        f"{count / 1e6:,.1f} million" if count >= 1e6 else f"{count:,.3g}" if count < 10 else f"{count:,.0f}"
    )
