"""Writes whose condition may fail: what someone else has done in the meantime is no error."""

from collections.abc import Callable

from pynamodb.exceptions import DeleteError, PutError, UpdateError

_CONFLICT = "TransactionConflictException"


def held(write: Callable[[], object]) -> bool:
    """Runs the write. False if its condition failed, in which case nothing was written."""
    try:
        write()
    except (DeleteError, PutError, UpdateError) as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False
    return True


def unless_busy(write: Callable[[], object]) -> None:
    """Runs the write, unless a transaction is at work on the row just now or its condition fails."""
    try:
        held(write)
    except (DeleteError, PutError, UpdateError) as error:
        if error.cause_response_code != _CONFLICT:
            raise
