"""The row of an Idempotency-Key, by which a repeated request does its work once and gets the same answer.

The key's row is written in the same transactions as the work that it guards, and holds the outcome of each
item so far. A repeat finds there what a try that died half-way had done, and continues from that point. Of
two tries at the same time, one commits and the other finds its row. While a try is at work, its row says how
long it may take (`lease`). Nobody else takes the request over before that.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.update import Action

from onecopy.domain import errors
from onecopy.domain.box import BoxKey
from onecopy.domain.errors import KeyReused, NMSError, StillRunning
from onecopy.store.commit import table
from onecopy.store.commit.conditional import held
from onecopy.store.commit.draft import Draft
from onecopy.store.commit.kinds import KeyRow

if TYPE_CHECKING:
    from onecopy.store.commit.transact import Store

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=30)
"""No function works on one request for longer."""


class Repeated(Exception):
    """Another try of the same request was committed after this one looked."""


@dataclass(frozen=True)
class Codec:
    """`encode` turns an item's outcome into JSON, and `decode` turns it back."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


class Plan(NamedTuple):
    """The ids of a request's items, and the cursor of those that are left for another request."""

    items: list[str]
    cursor: str | None


@dataclass
class Once:
    """One try of a request of `total` items. `told`: the outcomes committed so far, encoded."""

    row: KeyRow
    codec: Codec
    total: int
    is_new: bool
    told: list[Any] = field(default_factory=list)
    taken: int = 0

    @property
    def is_whole(self) -> bool:
        return len(self.told) >= self.total

    @property
    def content(self) -> str | None:
        """Where an earlier try of a delivery has put its content."""
        return self.row.content

    def take(self, count: int) -> list[Any]:
        """The outcomes of the next items, as far as an earlier try has done them."""
        told = self.told[self.taken : self.taken + count]
        self.taken += len(told)
        return [_error(raw) or self.codec.decode(raw) for raw in told]

    def plan(self, make: Callable[[], Plan]) -> Plan:
        """The items of a request that does not name them, as its first try found them. It was written down
        before any was done. Raises Repeated if another try has just done so.
        """
        if self.is_new:
            found = make()
            self.row.plan, self.row.done = list(found), not found.items
            if not held(lambda: self.row.save(KeyRow.item.does_not_exist())):
                raise Repeated
            self.is_new = False
        plan = Plan(*self.row.plan)
        self.total = len(plan.items)
        return plan

    def check(self, found: KeyRow | None) -> None:
        if found is None and self.is_new:
            return
        if found is None or found.runner != self.row.runner:
            raise Repeated

    def note(self, draft: Draft, outcomes: Sequence[Any]) -> list[Any]:
        """Drafts the row with these outcomes, beside the work they report. Returns all that the row holds."""
        told = [*self.told, *map(self._raw, outcomes)]
        row, actions = self._written(told, done=len(told) >= self.total)
        if self.is_new:
            draft.row(lambda t: t.save(row, KeyRow.item.does_not_exist()), len(repr(told)))
        else:
            draft.row(lambda t: t.update(row, actions, KeyRow.runner == self.row.runner), len(repr(told)))
        return told

    def noted(self, told: list[Any]) -> None:
        """Takes over what `note` returned, now that it is committed."""
        self.told, self.is_new, self.taken = told, False, len(told)

    def close(self, error: NMSError) -> None:
        """Ends a request that did not reach all of its items. The error is the outcome of those left."""
        self._end([*self.told, *[self._raw(error)] * (self.total - len(self.told))])

    def refuse(self, error: NMSError) -> None:
        """Ends a request of which nothing was done. A repeat is refused in the same way."""
        self._end([{**self._raw(error), "whole": True}])

    def claim(self, content: str | None = None) -> bool:
        """Writes the row by itself, before the work of a request that belongs to no box; again when that has
        stored its content. False if another try was faster.
        """
        if self.is_new:
            row = KeyRow(**self.row.attribute_values)
            claimed = held(lambda: row.save(KeyRow.item.does_not_exist()))
        else:
            row = KeyRow(box=self.row.box, item=self.row.item)
            actions: list[Action] = [KeyRow.content.set(content)] if content else []
            mine = KeyRow.runner == self.row.runner
            claimed = not actions or held(lambda: row.update(actions, mine))
        self.is_new = False
        return claimed

    def in_box(self, store: "Store", key: BoxKey, looked_up: bool) -> "Once":
        """This request's note in one of the boxes that it writes to. Without `looked_up` it is a new one."""
        name = f"{self.row.item}.{self.row.expires}"  # the row's name, and which of the rows of that name
        fingerprint = self.row.fingerprint
        if looked_up:
            return begin(store, str(key), name, fingerprint, self.codec, 1)
        fresh = _fresh(str(key), name, fingerprint, store.now(), self.row.runner)
        return Once(fresh, self.codec, 1, is_new=True)

    def end(self, outcomes: Sequence[Any], now: datetime) -> None:
        """Keeps the outcomes of all items. If some were not done, a repeat may go on with them at once."""
        if any(isinstance(outcome, NMSError) and outcome.status >= 500 for outcome in outcomes):
            actions: list[Action] = [KeyRow.lease.set(table.time_text(now))]
            row = KeyRow(box=self.row.box, item=self.row.item)
            held(lambda: row.update(actions, KeyRow.runner == self.row.runner))
        else:
            self._end([self._raw(outcome) for outcome in outcomes])

    def _end(self, told: list[Any]) -> None:
        row, actions = self._written(told, done=True)
        with suppress(PutError, UpdateError):  # another try has taken over, or the row cannot be written now
            if self.is_new:
                row.save(KeyRow.item.does_not_exist())
            else:
                row.update(actions, KeyRow.runner == self.row.runner)

    def _written(self, told: list[Any], done: bool) -> tuple[KeyRow, list[Action]]:
        actions: list[Action] = [KeyRow.told.set(told), KeyRow.done.set(done)]
        if self.is_new:
            return KeyRow(**{**self.row.attribute_values, "told": told, "done": done}), actions
        return KeyRow(box=self.row.box, item=self.row.item), actions

    def _raw(self, outcome: Any) -> Any:
        if isinstance(outcome, NMSError):
            return {"error": type(outcome).__name__, "variables": list(outcome.variables)}
        return self.codec.encode(outcome)


def _error(raw: Any) -> NMSError | None:
    if not isinstance(raw, dict) or "error" not in raw:
        return None
    kind = cast(type[NMSError], getattr(errors, raw["error"]))
    return kind(*raw["variables"])


def begin(store: "Store", place: str, name: str, fingerprint: str, codec: Codec, total: int) -> Once:
    """Begins a try of the request `name` (a hash of its caller and key), or finds one that is done.
    `place`: the partition in which it is noted.

    Raises KeyReused, StillRunning, or the error that the whole request was refused with before.
    """
    now, runner = store.now(), store.random(8).hex()
    while True:
        row = table.get(KeyRow, place, table.key_item(name))
        if row and row.expires <= now.timestamp():
            row.delete()
            row = None
        if row is None:
            return Once(_fresh(place, name, fingerprint, now, runner), codec, total, is_new=True)
        if row.fingerprint != fingerprint:
            raise KeyReused("Idempotency-Key")
        if row.done and row.told and isinstance(row.told[0], dict) and row.told[0].get("whole"):
            raise _error(row.told[0]) or KeyReused("Idempotency-Key")
        if not row.done:
            if table.parse_time(row.lease) > now:
                raise StillRunning("Idempotency-Key")
            if not _take_over(row, runner, now):
                continue
            row.runner = runner
        return Once(row, codec, total, is_new=False, told=list(row.told))


def _fresh(place: str, name: str, fingerprint: str, now: datetime, runner: str) -> KeyRow:
    return KeyRow(
        box=place,
        item=table.key_item(name),
        fingerprint=fingerprint,
        runner=runner,
        lease=table.time_text(now + LEASE),
        told=[],
        done=False,
        expires=int((now + KEPT).timestamp()),
    )


def _take_over(row: KeyRow, runner: str, now: datetime) -> bool:
    """Takes the request over from a try that died. False if another try was faster."""
    actions: list[Action] = [KeyRow.runner.set(runner), KeyRow.lease.set(table.time_text(now + LEASE))]
    return held(lambda: KeyRow(box=row.box, item=row.item).update(actions, KeyRow.runner == row.runner))
