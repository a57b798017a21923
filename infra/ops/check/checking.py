"""The check itself: look at everything, look again at what seemed wrong, mend what may be mended."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.ops.check import rules
from infra.ops.check.facts import Facts
from infra.ops.check.finding import Finding
from infra.ops.deployed import Deployed
from onecopy.domain.box import SETTLED

_ROUNDS = 3
"""What is mended may show that something counted from it is wrong, too."""


@dataclass(frozen=True)
class Report:
    """`busy`: boxes that were written to all the time, so that not all could be compared."""

    counts: dict[str, int]
    findings: Sequence[Finding]
    mended: Sequence[Finding] = ()
    busy: Sequence[str] = ()

    @property
    def wrong(self) -> Sequence[Finding]:
        """All but strays."""
        return [finding for finding in self.findings if not finding.is_stray]

    @property
    def summary(self) -> str:
        held = [_counted(self.counts[what], what) for what in ("box", "message", "content", "change")]
        mendable = sum(1 for finding in self.wrong if finding.mend)
        wrong, strays = len(self.wrong), len(self.findings) - len(self.wrong)
        verdict = f"{wrong:,} wrong, {mendable:,} of it can be mended" if wrong else "all agrees"
        if strays:
            verdict += f"; {_counted(strays, 'stray')} of killed requests"
        return f"{', '.join(held)}, {self.counts['byte'] / 1e6:,.2f} MB in the bucket: {verdict}"


def _counted(count: int, one: str) -> str:
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}{'es' if one == 'box' else 's'}"


def check(
    deployed: Deployed,
    repair: bool = False,
    box: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """What is wrong for certain: at the second look too, some seconds later, in a quiet moment of its box.

    `box`, as its rows name it: of this one alone. All is read even so: whose content is whose says the table.
    """
    with TemporaryDirectory(prefix="onecopy-check-") as folder:
        facts = Facts(deployed, Path(folder) / "facts.db")
        try:
            facts.read()
            counts = facts.counts()
            found, busy = _confirmed(facts, _all(facts, box), sleep)
            mended: list[Finding] = []
            for _ in range(_ROUNDS if repair else 0):
                if not any(finding.mend for finding in found):
                    break
                tried, store = found, deployed.store()
                for finding in tried:
                    if finding.mend:
                        finding.mend(deployed, store)
                found, busy = _again(facts, tried)
                mended += [finding for finding in tried if finding.mend and finding not in found]
            return Report(counts, found, mended, busy)
        finally:
            facts.close()


def _all(facts: Facts, only: str | None) -> list[Finding]:
    now = datetime.now(UTC)
    boxes = facts.boxes() if only is None else [only]
    found = [finding for box in boxes for finding in rules.box(facts, box, now)]
    return found if only else [*found, *rules.elsewhere(facts, now)]


def _confirmed(
    facts: Facts, suspected: Sequence[Finding], sleep: Callable[[float], None]
) -> tuple[list[Finding], list[str]]:
    if not suspected:
        return [], []
    sleep(SETTLED.total_seconds())
    found, busy = _again(facts, suspected)
    return [finding for finding in found if finding in set(suspected)], busy


def _again(facts: Facts, suspected: Sequence[Finding]) -> tuple[list[Finding], list[str]]:
    """The boxes and contents in question, read anew. What a busy box shows proves nothing."""
    boxes = sorted({finding.box for finding in suspected if finding.box})
    busy = [box for box in boxes if not facts.read_box(box)]
    for finding in suspected:
        if not finding.box:
            facts.read_content(finding.thing)
    now = datetime.now(UTC)
    found = [finding for box in boxes if box not in busy for finding in rules.box(facts, box, now)]
    if any(not finding.box for finding in suspected):
        found += rules.elsewhere(facts, now)
    return found, busy
