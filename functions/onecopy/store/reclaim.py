"""Away: content that no link points to. Zero is terminal, so nothing can come between the steps here."""

from contextlib import suppress

from pynamodb.exceptions import DeleteError

from onecopy.domain.content import ContentKey
from onecopy.store import table
from onecopy.store.contents import Contents
from onecopy.store.table import ContentRow
from onecopy.store.transact import Store


def reclaim(store: Store, contents: Contents, content_key: ContentKey) -> bool:
    """Whether it is gone. Objects first, then the row, by one conditional write; again does no harm."""
    row = table.get(ContentRow, table.content_partition(content_key), table.CONTENT)
    if not row:
        return True
    if row.links > 0:
        return False
    contents.delete([f"{content_key}/{number}" for number in range(1, len(row.sizes) + 1)])
    with suppress(DeleteError):  # another one has come to the same end
        row.delete(ContentRow.links == 0)
    return True
