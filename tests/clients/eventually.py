"""Waiting for what happens in the background. Never a claim about how long it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def eventually(look: Callable[[], Seen], seconds: float = 30) -> Seen:
    """What `look` sees, as soon as that is something; if it never is, the last of it."""
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return seen
