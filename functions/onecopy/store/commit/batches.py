"""The items of one request: each transaction takes as many as fit, and every item gets an answer."""

import logging
from collections.abc import Callable
from typing import TypeVar

from onecopy.domain.errors import NMSError
from onecopy.store.commit.once import Repeated
from onecopy.store.commit.transact import Store

T = TypeVar("T")

_log = logging.getLogger(__name__)


def in_batches(store: Store, count: int, batch: Callable[[int], list[T | NMSError]]) -> list[T | NMSError]:
    """An answer for each of `count` items. `batch` gets the number of items done and commits the next ones.

    With an Idempotency-Key, it continues where an earlier try stopped. An error before any item is done is
    raised. A later error does not undo the items that are done: it becomes the answer of all items left.
    Busy means that nothing was done for them.
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
