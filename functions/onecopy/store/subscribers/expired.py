"""Expired subscriptions. The fan-out of a commit does not read them, but they are kept to be renewed.

They lie in a partition of their own. One transaction moves a row there or back, so it is always in one place.
"""

from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from onecopy.domain.box import BoxKey
from onecopy.store.commit import table
from onecopy.store.commit.kinds import SubscriptionRow
from onecopy.store.commit.transact import Store

KEPT = timedelta(days=30)
"""How long an expired subscription can still be seen and renewed."""

MOST_KEPT = 20
"""The most expired subscriptions kept for one box. The oldest make room."""


def is_over(row: SubscriptionRow, now: datetime) -> bool:
    return bool(row.expiry <= table.time_text(now))


def rows(key: BoxKey) -> list[SubscriptionRow]:
    """All of the box, longest expired first."""
    found = table.every(SubscriptionRow, table.expired_partition(key))
    return sorted(found, key=lambda row: str(row.expiry))


def put_away(store: Store, key: BoxKey, row: SubscriptionRow) -> bool:
    """Moves the row to the expired ones. False if someone else has written to it since it was read."""
    away = moved(row, table.expired_partition(key), work=None, due=None)
    try:
        with TransactWrite(connection=store.connection) as transaction:
            transaction.delete(row, as_read(row))
            transaction.save(away)
    except TransactWriteError as error:
        if error.cause_response_code != "TransactionCanceledException":
            raise
        return False
    for oldest in rows(key)[:-MOST_KEPT]:  # read after the write: of many at once, the last sees all
        oldest.delete()
    return True


def moved(row: SubscriptionRow, partition: str, **changed: Any) -> SubscriptionRow:
    """The same subscription in another partition, with these of its values changed."""
    return SubscriptionRow(**{**row.attribute_values, "box": partition, **changed})


def as_read(row: SubscriptionRow) -> Condition:
    """The condition that nobody has delivered to it, changed it or deleted it since it was read."""
    condition: Condition = (
        (SubscriptionRow.expiry == row.expiry)
        & (SubscriptionRow.state == row.state)
        & (SubscriptionRow.index == row.index)
        & (SubscriptionRow.cursor == row.cursor)
    )
    for attribute, value in (
        (SubscriptionRow.in_flight, row.in_flight),
        (SubscriptionRow.restart, row.restart),
    ):
        condition &= attribute.does_not_exist() if value is None else attribute == value
    return condition
