"""What a query shows. Queries are read-committed: they may show only part of a commit being applied.

A commit takes moments to show whole. Code that must not miss any earlier commit first reads what the last
commits wrote, by TransactGetItems. That call answers once they are applied (AWS, *DynamoDB transactions: how
it works*, isolation levels), and from then on queries show them too.
"""

from onecopy.domain.box import Box
from onecopy.domain.change import ChangedFolder, ChangedObject, DeletedFolder, DeletedObject, Event
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import ChangeRow, FolderRow, LinkRow
from onecopy.store.commit.transact import Key, Store, read_rows

MOST = 2000
"""The most changes to read one by one. For more, waiting until they show is cheaper."""


def until_shown(store: Store, box: Box) -> bool:
    """Makes sure that queries show all commits up to this state of the box. False if too many are recent."""
    first = box.shown_whole(store.now()) + 1
    if box.seq - first >= MOST:
        return False
    numbers = range(first, box.seq + 1)
    changes = read_rows(
        store, [(ChangeRow, table.log_partition(box.key, n), table.log_item(n)) for n in numbers]
    )
    written = [_written(box, rows.change(row).event) for row in changes if isinstance(row, ChangeRow)]
    read_rows(store, list(dict.fromkeys(written)))
    return True


def _written(box: Box, event: Event) -> Key:
    match event:
        case ChangedObject() | DeletedObject():
            return LinkRow, str(box.key), table.link_item(event.object_id)
        case ChangedFolder() | DeletedFolder():
            return FolderRow, str(box.key), table.folder_item(event.folder_id)
