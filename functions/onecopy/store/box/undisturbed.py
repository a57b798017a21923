"""Commits of a request: they disturb no copy, and under an Idempotency-Key do their work once.

A copy which has still to read what would be changed comes to its end first.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar, cast

from onecopy.domain.box import BoxKey
from onecopy.domain.errors import Busy, NMSError
from onecopy.store.box import jobs
from onecopy.store.commit import transact
from onecopy.store.commit.draft import Draft
from onecopy.store.commit.once import Once
from onecopy.store.commit.table import KeyRow
from onecopy.store.commit.transact import Disturbs, Store, View, Wanted

T = TypeVar("T")

LONGEST = timedelta(seconds=20)
"""How long a writer without a deadline of its own helps."""

_STEPS, _TURN = 20, timedelta(seconds=2)
_COPIES = 50
"""Helped by one write; each is a job that was under way when it was read."""


def commit(
    store: Store,
    key: BoxKey,
    wanted: Callable[[], Sequence[Wanted]],
    decide: Callable[[View, Draft], T],
    many: bool = False,
) -> T:
    """As `transact.commit`. Busy also when a copy did not come to its end in time: nothing was changed.

    Under an Idempotency-Key what an earlier try has done is answered, and what this one does is noted.
    `many`: the answer is a list, of some of the request's items.
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
    """Runs the job to its end, beside whoever else may be running it."""
    until = store.deadline or store.now() + LONGEST
    while store.now() < until:
        progress = jobs.run(store, key, job_id, _STEPS, _TURN)
        if progress.finished:
            return
        store.sleep(min(progress.wait, _TURN / 10).total_seconds())
    raise Busy()
