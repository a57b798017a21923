"""Idempotency-Key: a request that is repeated does its work once, and is answered as the first time.

The key's row is written in the same transactions as the work that it guards, and holds what became of each
item so far. So a repeat finds what a try that died half-way had done, and goes on from there; of two at the
same time one commits, and the other finds its row. While a try is at work its row says until when it may be
(`lease`): nobody else takes the request over before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.update import Action

from onecopy.domain import errors
from onecopy.domain.box import BoxKey
from onecopy.domain.errors import KeyReused, NMSError, StillRunning
from onecopy.store import table
from onecopy.store.draft import Draft
from onecopy.store.table import KeyRow

T = TypeVar("T")

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=30)
"""No function works on one request for longer."""


class Repeated(Exception):
    """Another request with the same key has been committed since this one looked."""


@dataclass
class Once:
    """One try of a request. `told`: what became of its items, as far as they are committed.

    `encode` makes JSON of an item's outcome, `decode` an outcome of it.
    """

    row: KeyRow
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    is_new: bool
    told: list[Any] = field(default_factory=list)

    def answers(self) -> list[Any]:
        """The outcomes of the items that an earlier try has done."""
        return [_error(raw) or self.decode(raw) for raw in self.told]

    def check(self, found: KeyRow | None) -> None:
        if found is None and self.is_new:
            return
        if found is None or found.runner != self.row.runner:
            raise Repeated

    def note(self, draft: Draft, outcomes: Sequence[Any], whole: bool) -> list[Any]:
        """The row with these outcomes, in the transaction that brings them about; answers what it holds."""
        told = [*self.told, *(self._raw(outcome) for outcome in outcomes)]
        if self.is_new:
            row = KeyRow(**{**self.row.attribute_values, "told": told, "done": whole})
            draft.row(lambda t: t.save(row, KeyRow.item.does_not_exist()), len(repr(told)))
            return told
        actions: list[Action] = [KeyRow.told.set(told), KeyRow.done.set(whole)]
        mine = KeyRow.runner == self.row.runner
        row = KeyRow(box=self.row.box, item=self.row.item)
        draft.row(lambda t: t.update(row, actions, mine), len(repr(told)))
        return told

    def noted(self, told: list[Any]) -> None:
        """What `note` wrote has been committed."""
        self.told, self.is_new = told, False

    def keep(self, error: NMSError) -> None:
        """A refusal that stays one: the repeat is refused in the same way."""
        row = KeyRow(**{**self.row.attribute_values, "told": [self._raw(error)], "done": True})
        try:
            row.save(KeyRow.item.does_not_exist())
        except PutError as failure:
            if failure.cause_response_code != "ConditionalCheckFailedException":
                raise

    def _raw(self, outcome: Any) -> Any:
        if isinstance(outcome, NMSError):
            return {"error": type(outcome).__name__, "variables": list(outcome.variables)}
        return self.encode(outcome)


def _error(raw: Any) -> NMSError | None:
    if not isinstance(raw, dict) or "error" not in raw:
        return None
    kind = cast(type[NMSError], getattr(errors, raw["error"]))
    return kind(*raw["variables"])


def begin(
    key: BoxKey,
    name: str,
    fingerprint: str,
    now: datetime,
    runner: str,
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any],
) -> Once:
    """A try of the request `name` (a hash of its caller and key), or the end of one. Raises KeyReused and
    StillRunning.
    """
    while True:
        row = table.get(KeyRow, str(key), table.key_item(name))
        if row is None or row.expires <= now.timestamp():
            fresh = KeyRow(
                box=str(key),
                item=table.key_item(name),
                fingerprint=fingerprint,
                runner=runner,
                lease=table.time_text(now + LEASE),
                told=[],
                done=False,
                expires=int((now + KEPT).timestamp()),
            )
            if row is not None:
                row.delete(KeyRow.runner == row.runner)
            return Once(fresh, encode, decode, is_new=True)
        if row.fingerprint != fingerprint:
            raise KeyReused("Idempotency-Key")
        if row.done:
            return Once(row, encode, decode, is_new=False, told=list(row.told))
        if table.parse_time(row.lease) > now:
            raise StillRunning("Idempotency-Key")
        if _take_over(row, runner, now):
            row.runner = runner
            return Once(row, encode, decode, is_new=False, told=list(row.told))


def _take_over(row: KeyRow, runner: str, now: datetime) -> bool:
    """From a try that died."""
    actions: list[Action] = [KeyRow.runner.set(runner), KeyRow.lease.set(table.time_text(now + LEASE))]
    try:
        KeyRow(box=row.box, item=row.item).update(actions, KeyRow.runner == row.runner)
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            return False
        raise
    return True
