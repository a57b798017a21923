"""Subscriptions: who is notified of a box's changes, and up to which change."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from onecopy.domain.ids import ModSeq
from onecopy.domain.interest import NOTHING_SPECIAL, Followed

State = Literal["unverified", "active", "failing", "failed", "expired"]

MOST = 20
"""Subscriptions of one box."""

LONGEST = timedelta(days=30)
VERIFICATION_TRIES = 3
WAITS = "waits for its turn: its host answers slowly"
"""The lastError of a subscription that is behind through no fault of its own."""

RESET = -1
"""A cursor that lies in no log: the next event sent is a resetBox."""


@dataclass(frozen=True)
class Subscription:
    """`index` is that of the next nmsEventList. `cursor` is the last change sent, or RESET; if the owner has
    asked for a replay, it is the change after which the replay begins. `cursor_at` is when that change was
    the last one of the box, which then had this `validity`. `notification_format` is JSON or XML, and None if
    the owner named neither, which means JSON. `followed` and `seen` are as in a token there. `filter`: NMS's
    searchCriteria.
    """

    subscription_id: str
    notify_url: str
    callback_data: str | None
    client_correlator: str | None
    secret: str
    state: State
    last_error: str | None
    expiry: datetime
    cursor: int
    cursor_at: datetime
    validity: str
    index: int
    notification_format: str | None = None
    preferences: str | None = None
    filter: dict[str, Any] | None = None
    followed: Followed = NOTHING_SPECIAL
    seen: int = 0

    @property
    def position(self) -> ModSeq:
        return ModSeq(max(self.cursor, 0))


def back_off(tries: int, longest: timedelta) -> timedelta:
    """How long to wait after so many failed tries: one second, doubled with each try, at most `longest`."""
    return min(timedelta(seconds=2 ** min(tries - 1, 20)), longest)
