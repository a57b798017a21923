"""Waits for what happens in the background. It never asserts how long that takes."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def eventually(look: Callable[[], Seen], seconds: float = 30) -> Seen:
    """Repeats `look` until its result is true, or for `seconds`. Returns the last result."""
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return seen
