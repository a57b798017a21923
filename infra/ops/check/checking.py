"""The check itself: looks at everything, looks again at what seemed wrong, mends what may be mended."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

from infra.ops.check import rules
from infra.ops.check.facts import Facts
from infra.ops.check.finding import Finding
from infra.ops.rows import reading
from infra.ops.rows.deployed import Deployed
from infra.ops.rows.reading import AT_ONCE
from onecopy.domain.box import SETTLED

Told = Callable[[int, int], None]
"""Called with the number of checked boxes and their total."""

_ROUNDS = 3
"""A mended row may show that something counted from it is wrong, too."""


@dataclass(frozen=True)
class Report:
    """`busy`: boxes that were written to all the time and could not be compared as a whole."""

    counts: dict[str, int]
    findings: Sequence[Finding]
    mended: Sequence[Finding] = ()
    busy: Sequence[str] = ()

    @property
    def wrong(self) -> Sequence[Finding]:
        """All findings except strays."""
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
    at_once: int = AT_ONCE,
    told: Told = lambda done, of: None,
) -> Report:
    """Find what is certainly wrong: still so at a second look, seconds later, in a quiet moment of its box.

    It checks box by box, `at_once` of them in parallel. With `box`, as rows name it, it checks and reads only
    that one; then it does not see content that claims to be of the box but that nothing in it names.
    """
    with (
        TemporaryDirectory(prefix="onecopy-check-") as folder,
        closing(_Look(deployed, Path(folder), at_once)) as look,
    ):
        counts, suspected = look.at_one(box) if box else look.at_all(told)
        found, busy = _confirmed(look, suspected, sleep)
        mended: list[Finding] = []
        for _ in range(_ROUNDS if repair else 0):
            if not any(finding.mend for finding in found):
                break
            tried, store = found, deployed.store()
            for finding in tried:
                if finding.mend:
                    finding.mend(deployed, store)
            found, busy = look.again(tried)
            mended += [finding for finding in tried if finding.mend and finding not in found]
        return Report(counts, found, mended, busy)


def _confirmed(
    look: "_Look", suspected: Sequence[Finding], sleep: Callable[[float], None]
) -> tuple[list[Finding], list[str]]:
    if not suspected:
        return [], []
    sleep(SETTLED.total_seconds())
    found, busy = look.again(suspected)
    return [finding for finding in found if finding in set(suspected)], busy


class _Look:
    """Reads each box into a file of its own, which is deleted after the box has been checked."""

    def __init__(self, deployed: Deployed, folder: Path, at_once: int) -> None:
        self._deployed, self._folder, self._at_once = deployed, folder, at_once
        self._store = Facts(deployed, folder / "store.db")

    def close(self) -> None:
        self._store.close()

    def at_one(self, box: str) -> tuple[dict[str, int], list[Finding]]:
        with self._facts() as facts:
            facts.read_box(box, self._store, self._at_once)
            return facts.counts(), list(rules.box(facts, box, datetime.now(UTC)))

    def at_all(self, told: Told) -> tuple[dict[str, int], list[Finding]]:
        self._store.read(self._at_once)
        boxes, found = self._store.boxes(), list[Finding]()
        for done, more in enumerate(reading.in_parallel(self._first, boxes, self._at_once), 1):
            found += more
            told(done, len(boxes))
        return self._store.counts(), [*found, *rules.elsewhere(self._store, datetime.now(UTC))]

    def _first(self, box: str) -> list[Finding]:
        with self._facts() as facts:
            facts.read_box(box, self._store)
            return list(rules.box(facts, box, datetime.now(UTC)))

    def again(self, suspected: Sequence[Finding]) -> tuple[list[Finding], list[str]]:
        """Read the boxes and contents in question anew. What a busy box shows proves nothing."""
        boxes = sorted({finding.box for finding in suspected if finding.box})
        looks = list(reading.in_parallel(self._second, boxes, self._at_once))
        busy = [box for box, found in zip(boxes, looks, strict=True) if found is None]
        found = [finding for one in looks for finding in one or ()]
        others = [finding.thing for finding in suspected if not finding.box]
        for partition in others:
            self._store.read_partition(partition)
        return [*found, *(rules.elsewhere(self._store, datetime.now(UTC)) if others else ())], busy

    def _second(self, box: str) -> list[Finding] | None:
        """The findings of a second look; None if the box had no quiet moment."""
        with self._facts() as facts:
            if not facts.read_box(box, self._store, self._at_once):
                return None
            return list(rules.box(facts, box, datetime.now(UTC)))

    @contextmanager
    def _facts(self) -> Iterator[Facts]:
        with (
            NamedTemporaryFile(dir=self._folder, suffix=".db") as file,
            closing(Facts(self._deployed, Path(file.name))) as facts,
        ):
            yield facts
