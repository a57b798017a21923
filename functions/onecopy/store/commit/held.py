"""Whether the condition of a write did hold: what another has done in the meantime is no error."""

from collections.abc import Callable

from pynamodb.exceptions import DeleteError, PutError, UpdateError


def held(write: Callable[[], object]) -> bool:
    """Runs the write; False if its condition failed, and so nothing was written."""
    try:
        write()
    except (DeleteError, PutError, UpdateError) as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False
    return True
