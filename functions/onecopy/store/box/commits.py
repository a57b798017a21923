"""Commits for requests: they disturb no copy, and with an Idempotency-Key they do their work once.

A copy that still has to read what a write would change is finished first.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar, cast

from onecopy.domain.box import BoxKey
from onecopy.domain.errors import Busy, NMSError
from onecopy.store.box import jobs
from onecopy.store.commit import transact
from onecopy.store.commit.draft import Draft
from onecopy.store.commit.kinds import KeyRow
from onecopy.store.commit.once import Once
from onecopy.store.commit.transact import Disturbs, Store, View, Wanted

T = TypeVar("T")

LONGEST = timedelta(seconds=20)
"""How long a writer without a deadline of its own helps a copy."""

_STEPS, _TURN = 20, timedelta(seconds=2)
_COPIES = 50
"""The most copies that one write helps. Each was under way when the write read it."""


def commit(
    store: Store,
    key: BoxKey,
    wanted: Callable[[], Sequence[Wanted]],
    decide: Callable[[View, Draft], T],
    many: bool = False,
) -> T:
    """Like `transact.commit`. Raises Busy also if a copy did not finish in time; then nothing has changed.

    With an Idempotency-Key, it answers what an earlier try has done, and notes what this one does.
    `many`: the answer is a list, for some of the request's items.
    """
    if not store.once:
        return _commit(store, key, wanted, decide)
    if not many and (told := store.once.take(1)):
        if isinstance(told[0], NMSError):
            raise told[0]
        return cast(T, told[0])
    return _commit_once(store, store.once, key, wanted, decide, many)


def _commit_once(
    store: Store,
    once: Once,
    key: BoxKey,
    wanted: Callable[[], Sequence[Wanted]],
    decide: Callable[[View, Draft], T],
    many: bool,
) -> T:
    noted: list[Any] = []

    def needed() -> list[Wanted]:
        return [*wanted(), (KeyRow, once.row.item)]

    def guarded(view: View, draft: Draft) -> T:
        once.check(view.get(KeyRow, once.row.item))
        answer = decide(view, draft)
        noted[:] = once.note(draft, cast(list[Any], answer) if many else [answer])
        return answer

    answer = _commit(store, key, needed, guarded)
    once.noted(list(noted))
    return answer


def _commit(
    store: Store,
    key: BoxKey,
    wanted: Callable[[], Sequence[Wanted]],
    decide: Callable[[View, Draft], T],
) -> T:
    for _ in range(_COPIES):
        try:
            return transact.commit(store, key, wanted, decide)
        except Disturbs as disturbs:
            finish(store, key, disturbs.job_id)
    raise Busy()


def finish(store: Store, key: BoxKey, job_id: str) -> None:
    """Runs the job to its end, even if others run it at the same time. Raises Busy if there is no time."""
    until = store.deadline or store.now() + LONGEST
    while store.now() < until:
        progress = jobs.run(store, key, job_id, _STEPS, _TURN)
        if progress.finished:
            return
        store.sleep(min(progress.wait, _TURN / 10).total_seconds())
    raise Busy()
