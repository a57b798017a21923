"""Writes whose condition may fail: what someone else has done in the meantime is no error."""

from collections.abc import Callable

from pynamodb.exceptions import DeleteError, PutError, UpdateError


def held(write: Callable[[], object]) -> bool:
    """Runs the write. False if its condition failed, in which case nothing was written."""
    try:
        write()
    except (DeleteError, PutError, UpdateError) as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False
    return True
