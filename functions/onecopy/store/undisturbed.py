"""Commits that disturb no copy: one which has still to read what would be changed comes to its end first."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from onecopy.domain.box import BoxKey
from onecopy.domain.errors import Busy
from onecopy.store import jobs, transact
from onecopy.store.draft import Draft
from onecopy.store.transact import Disturbs, Store, View, Wanted

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
) -> T:
    """As `transact.commit`. Busy also when a copy did not come to its end in time: nothing was changed."""
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
