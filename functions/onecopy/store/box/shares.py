"""Content that a delivery puts into several boxes: stored once, and held by each box as a share of its own.

A share is a content row. It belongs to one box, counts that box's links, and goes with the last of them, like
any other content. So nothing that happens in a box touches another box's rows. The bytes go with the last
share. Nobody counts shares: they lie in one partition, and whoever removes one looks for others.

While a delivery may still add shares, a row says so (`SharedRow`). It is written before the bytes. As long as
it is there, no byte is deleted, nor the last share. So bytes always have this row or a share beside them.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from onecopy.domain.content import ContentKey, bucket_keys, split_share
from onecopy.store.box.contents import Contents
from onecopy.store.commit import table
from onecopy.store.commit.conditional import held
from onecopy.store.commit.kinds import ContentRow, SharedRow
from onecopy.store.commit.transact import Store

WINDOW = timedelta(minutes=10)
"""No function runs this long: a delivery that is older was left behind."""

_PAGE = 20
_FREE = SharedRow.swept.does_not_exist()


def is_share(content_key: ContentKey) -> bool:
    return bool(split_share(content_key)[1])


def hold(store: Store, content_key: ContentKey, parts: int) -> bool:
    """Holds the bytes for a delivery that is about to link them, also if an earlier try held them already.

    False if they are being swept.
    """
    partition = table.content_partition(content_key)
    row = SharedRow(
        box=partition,
        item=table.SHARED,
        parts=parts,
        work=table.work(table.DUE, partition),
        due=table.time_text(store.now() + WINDOW),
    )
    return held(lambda: row.save(SharedRow.item.does_not_exist() | _FREE))


def release(store: Store, content_key: ContentKey, made: bool) -> None:
    """Ends the delivery. `made`: whether any share was made. If none was, the sweep deletes the bytes."""
    row = SharedRow(box=table.content_partition(content_key), item=table.SHARED)
    if made:
        row.delete()
    else:
        now = table.time_text(store.now())
        held(lambda: row.update([SharedRow.due.set(now)], SharedRow.item.exists()))


def are_linked(content_key: ContentKey, besides: ContentKey | None = None) -> bool:
    """Whether any box still links the bytes, `besides` this share. Reads on until it finds one that does."""
    partition, after = table.content_partition(content_key), None
    own = table.content_item(besides) if besides else None
    while True:
        found, after = _page(partition, after)
        if any(row.links > 0 and row.item != own for row in found):
            return True
        if not after:
            return False


def _page(
    partition: str, after: Mapping[str, Any] | None
) -> tuple[list[ContentRow], Mapping[str, Any] | None]:
    return table.page(ContentRow, partition, table.any_share(), _PAGE, after=after)


def may_go(content_key: ContentKey) -> bool | None:
    """Whether the bytes may go with this share, whose last link is gone. None: not yet, the share must stay.

    The order of the two reads matters. A delivery first holds the bytes and then looks for a linked share. If
    none is seen here and no holder after that, then no delivery will ever see one.
    """
    if are_linked(content_key, besides=content_key):
        return False
    return None if table.get(SharedRow, table.content_partition(content_key), table.SHARED) else True


def sweep(contents: Contents, row: SharedRow) -> None:
    """Ends a delivery that was left behind. Bytes that no box links are deleted; shares without a link are
    reclaimed in their turn. A delivery that has renewed the row meanwhile keeps it.
    """
    as_read = (SharedRow.due == row.due) & _FREE
    if not row.swept and not held(lambda: row.update([SharedRow.swept.set("yes")], as_read)):
        return
    content_key = table.content_key_of(row.box, row.item)
    if not are_linked(content_key):
        contents.delete(bucket_keys(content_key, int(row.parts)))
    row.delete()
