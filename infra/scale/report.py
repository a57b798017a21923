"""The tables that `make scale` prints and `infra/docs/scale.md` holds."""

from dataclasses import dataclass
from math import ceil

from infra.docs.pages import table
from infra.scale import bill, limits, profile
from infra.scale.bill import short
from infra.scale.breaks import MOST, Break, breaks, broken, cell
from infra.scale.limits import LIMITS
from infra.scale.load import Load
from infra.scale.measured import Measured, load
from infra.scale.prices import OUT, PRICES
from infra.scale.profile import Profile
from infra.scale.settings import Settings, defaults, larger

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


@dataclass(frozen=True)
class Model:
    """Before: the template's defaults and an account's first quotas. After: what the model advises."""

    profile: Profile
    measured: Measured
    before: Settings
    after: Settings

    def breaks_before(self) -> list[Break]:
        return breaks(self.profile, self.measured, self.before)

    def breaks_after(self) -> list[Break]:
        return breaks(self.profile, self.measured, self.after)

    def load(self, users: float, settings: Settings | None = None) -> Load:
        return Load(users, self.profile, self.measured, settings or self.before)

    def cells(self, users: float) -> int:
        """Stacks that so many users need with larger settings, each in an account of its own."""
        fits = not broken(self.breaks_before(), users)
        return 1 if fits else ceil(users / cell(self.breaks_after()))


def model() -> Model:
    before = defaults()
    return Model(Profile(), load(), before, larger(before))


def blocks(found: Model) -> dict[str, str]:
    """Each table, by its name in the page."""
    return {
        "first": _first(found),
        "costs": _costs(found),
        "limits": _all_limits(found),
        "settings": _settings(found),
        "warm": _warm(found),
        "profile": _profile(found),
        "sources": _sources(),
    }


def _first(found: Model) -> str:
    """For each size: what breaks with the defaults, and the setup with which nothing breaks."""
    rows = []
    for users in SIZES:
        before = broken(found.breaks_before(), users)
        cells = found.cells(users)
        after = broken(found.breaks_after(), users / cells) if before else []
        first = f"{before[0].check.what}, from {people(before[0].users)} on" if before else "nothing"
        helps = (
            "the defaults" if not before else "larger settings" + (f", {cells} cells" if cells > 1 else "")
        )
        rows.append([f"{users:,}", str(len(before)), first, helps, str(len(after))])
    heads = ["Users", "Limits broken before", "The first to break", "With", "Limits broken after"]
    return table(heads, rows, left=1)


def _costs(found: Model) -> str:
    """Dollars a month, with the setup advised for each size."""
    bills = []
    for users in SIZES:
        cells = found.cells(users)
        settings = found.after if broken(found.breaks_before(), users) else found.before
        bills.append(bill.month(found.load(users, settings), cells))
    rows = [[name, *(f"{one.dollars[name]:,.0f}" for one in bills)] for name in PRICES]
    rows.append(["**in all**", *(f"**{one.total:,.0f}**" for one in bills)])
    each = [f"**{one.total / users:.4f}**" for one, users in zip(bills, SIZES, strict=True)]
    rows.append(["**for each user**", *each])
    return table(["Dollars a month", *(f"{users:,} users" for users in SIZES)], rows, left=1)


def _all_limits(found: Model) -> str:
    """What 100,000 users ask of each limit and what it allows, with the defaults."""
    at = found.load(SIZES[1])
    after = {one.check.what: one.users for one in found.breaks_after()}
    rows = [
        [
            one.check.what,
            one.check.remedy,
            f"{short(one.check.asked(at))} of {short(one.check.room(at))} {one.check.unit}",
            people(one.users),
            people(after[one.check.what]),
        ]
        for one in found.breaks_before()
    ]
    heads = ["Limit", "What helps", "Asked at 100,000 users", "Breaks at, before", "Breaks at, after"]
    return table(heads, rows, left=2)


def people(users: float | None) -> str:
    return (
        "never"
        if users is None or users >= MOST
        else f"{users:,.3g}"
        if users < 100
        else f"{_round(users):,}"
    )


def _round(users: float) -> int:
    """Rounded down to three figures: the model is no more exact than that."""
    step = 10 ** (len(str(int(users))) - 3)
    return int(users // step * step)


def _settings(found: Model) -> str:
    names = {
        "requests_per_second": "`RequestsPerSecond`",
        "request_burst": "`RequestBurst`",
        "deliveries_at_once": "`DeliveriesAtOnce`",
        "stream_batches": "`ParallelizationFactor` of the stream",
        "concurrency": "quota: Lambda, runs at once",
        "table_writes": "quota: DynamoDB, write units of a table",
        "table_reads": "quota: DynamoDB, read units of a table",
        "fifo": "region: SQS FIFO, calls a second",
    }
    rows = [
        [name, f"{getattr(found.before, field):,g}", f"{getattr(found.after, field):,g}"]
        for field, name in names.items()
    ]
    rows.append(
        ["users of one stack", people(found.breaks_before()[0].users), f"{cell(found.breaks_after()):,}"]
    )
    return table(["Setting", "Before", "After"], rows, left=1)


def _warm(found: Model) -> str:
    """What a table has to take at once if all users of a stack come within one half hour."""
    rows = []
    for users in SIZES:
        load = found.load(users / found.cells(users), found.after)
        writes = load.rush(load.units("write_units") + load.units("local_units"))
        reads = load.rush(load.units("read_units"))
        due = load.rush(load.units("global_units"))
        warmed = [_warmed(writes, "writes"), _warmed(reads, "reads"), _warmed(due, "writes")]
        rows.append([f"{users:,}", f"{load.users:,.0f}", *warmed])
    heads = ["Users", "of one stack", "WriteUnitsPerSecond", "ReadUnitsPerSecond", "writes of by-due"]
    return table(heads, rows, left=1)


def _warmed(units: float, kind: str) -> str:
    """Rounded up to thousands; nothing has to be set if a new table takes it."""
    enough = units <= limits.value(f"new table {kind}")
    return "as it is" if enough else f"{ceil(units / 1000) * 1000:,}"


def _profile(found: Model) -> str:
    rows = [[value, what, source] for what, value, source in profile.rows(found.profile)]
    lines = ["| | What | Source |", "|---:|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _sources() -> str:
    rows = [
        [one.what, f"{one.value:,.0f} {one.unit}", one.raised, str(one.source)] for one in LIMITS.values()
    ]
    listed = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    limited = f"| Limit | | Raised by | Read in |\n|---|---:|---|---|\n{listed}"
    priced = [(name, price) for name, price in PRICES.items() if not name.startswith("Sent out")]
    rows = [[name, _bands(price.bands), price.unit, str(price.source)] for name, price in priced]
    rows.append(["Sent out to the internet", _bands(OUT.bands), OUT.unit, str(OUT.source)])
    listed = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{limited}\n\n| Price | Dollars | for a | Read in |\n|---|---:|---|---|\n{listed}"


def _bands(bands: tuple[tuple[float, float], ...]) -> str:
    return ", then ".join(_dollars(each) for _, each in bands)


def _dollars(each: float) -> str:
    """Per million, if one costs nearly nothing."""
    return f"{each * 1e6:.6g} a million" if each < 1e-3 else f"{each:g}"
