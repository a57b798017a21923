"""Deletes content that no link points to. Its count stays zero, so nothing can come between the steps."""

from onecopy.domain.content import ContentKey
from onecopy.store.box.contents import Contents
from onecopy.store.commit import table
from onecopy.store.commit.table import ContentRow
from onecopy.store.commit.transact import Store


def reclaim(_: Store, contents: Contents, content_key: ContentKey) -> bool:
    """Whether the content is gone. Deletes its bytes, then its row if its count is zero. May run twice."""
    row = table.get(ContentRow, table.content_partition(content_key), table.CONTENT)
    if not row:
        return True
    if row.links > 0:
        return False
    contents.delete([f"{content_key}/{number}" for number in range(1, len(row.sizes) + 1)])
    row.delete((ContentRow.links == 0) | ContentRow.item.does_not_exist())
    return True
