"""Deletes content that no link points to. Its count stays zero, so nothing can come between the steps."""

from onecopy.domain.content import ContentKey, bucket_keys
from onecopy.store.box import shares
from onecopy.store.box.contents import Contents
from onecopy.store.commit import table
from onecopy.store.commit.kinds import ContentRow
from onecopy.store.commit.transact import Store


def reclaim(_: Store, contents: Contents, content_key: ContentKey) -> bool:
    """Whether the content is gone. Deletes its bytes, then its row if its count is zero. May run twice.

    Bytes that another box still links stay, and only this box's row goes.
    """
    row = table.get(ContentRow, *table.content_row(content_key))
    if not row:
        return True
    if row.links > 0:
        return False
    bytes_go = shares.may_go(content_key) if shares.is_share(content_key) else True
    if bytes_go is None:  # the sweep asks again
        return False
    if bytes_go:
        contents.delete(bucket_keys(content_key, len(row.sizes)))
    row.delete((ContentRow.links == 0) | ContentRow.item.does_not_exist())
    return True
