"""Many items of one request: as many in one transaction as fit, and a code for each, whatever happens."""

import logging
from collections.abc import Callable
from typing import TypeVar

from onecopy.domain.errors import NMSError
from onecopy.store.commit.once import Repeated
from onecopy.store.commit.transact import Store

T = TypeVar("T")

_log = logging.getLogger(__name__)


def in_batches(store: Store, count: int, batch: Callable[[int], list[T | NMSError]]) -> list[T | NMSError]:
    """An answer for each of `count` items. `batch` is told how many are done and commits the next ones.

    Under an Idempotency-Key it goes on from where an earlier try has come. What fails before anything was
    done is raised. Later on, what was done stays true: whatever stops the request then is the answer of the
    items that are left. Busy: nothing was done for them.
    """
    results: list[T | NMSError] = store.once.take(count) if store.once else []
    while len(results) < count:
        try:
            store.check_time()
            results += batch(len(results))
        except Repeated:
            raise
        except NMSError as error:
            if not results:
                raise
            results += [error] * (count - len(results))
        except Exception as error:
            if not results:
                raise
            _log.error("items not done: %s", type(error).__name__)
            results += [NMSError()] * (count - len(results))
    return results
