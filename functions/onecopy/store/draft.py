"""One write in the making: the box row, the rows changed, their change rows and the content counts.

Each method that changes something also takes the next number and writes the change row, so that
nothing can be committed without its change. What is asked of a draft is checked before it is drafted.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from onecopy.domain import change as changes
from onecopy.domain.box import Box, Chain, Moved
from onecopy.domain.change import Event
from onecopy.domain.content import Content, ContentKey
from onecopy.domain.folder import Attributes, Folder
from onecopy.domain.ids import (
    DEFAULT,
    RCS_MESSAGE_STORE,
    ROOT,
    SYSTEM_FOLDERS,
    FolderId,
    ModSeq,
    ObjectId,
    compact,
)
from onecopy.domain.link import Flags, Link, NewObject
from onecopy.store import rows, table
from onecopy.store.table import BoxRow, ChangeRow, ContentRow, FolderRow, LinkRow, NameRow

MAX_ROWS = 100
MAX_BYTES = 3_500_000
"""DynamoDB's limits for a transaction: 100 rows, 4 MB; the margin is for keys and names of attributes."""

ROOT_ATTRIBUTES: Attributes = (("Root", ("Yes",)),)

RECLAIM_GRACE = timedelta(seconds=15)
"""How long the stream has to report content at zero before the sweep looks for itself."""


class Draft:
    """Give it to `transact.commit`; `rows` and `bytes` tell whether more will fit."""

    def __init__(self, box: Box, now: datetime, history: timedelta) -> None:
        self.box = box
        self.now = now
        self.seq: ModSeq = box.seq
        self.ids = box.ids
        self.bytes = 0
        self._expires = int((now + history + timedelta(days=1)).timestamp())
        self._steps: list[Callable[[TransactWrite], None]] = []
        self._contents: Counter[ContentKey] = Counter()
        self._links = 0
        self._doomed = box.doomed
        self._moved = dict(box.moved)

    @property
    def rows(self) -> int:
        return 1 + len(self._steps) + len(self._contents)

    @property
    def is_empty(self) -> bool:
        return not self._steps

    def new_id(self) -> str:
        self.ids += 1
        return compact(self.ids)

    def row(self, step: Callable[[TransactWrite], None], size: int = 200) -> None:
        """A row that is no change of the box (a job, an upload done); `size` in bytes, roughly."""
        self._steps.append(step)
        self.bytes += size

    def create_link(
        self,
        object_id: ObjectId,
        parent: FolderId,
        date: datetime,
        given: NewObject,
        content: Content | None,
    ) -> Link:
        """A link to content that is counted by `new_content` or was there before."""
        link = Link(
            object_id=object_id,
            parent=parent,
            date=date,
            flags=given.flags,
            attributes=given.attributes,
            content=content,
            correlation_id=given.correlation_id,
            correlation_tag=given.correlation_tag,
            last_mod_seq=self.seq.next(),
        )
        row = rows.link_row(self.box.key, link)
        self._put(row)
        self._weigh(row)
        self._links += 1
        self._log(changes.created_object(link))
        return link

    def copy_link(self, source: Link, parent: FolderId) -> Link:
        """The linkage alone: the copy shares the source's content, whose count goes up by one."""
        if source.content:
            self._contents[source.content.content_key] += 1
        given = NewObject(source.attributes, source.flags, source.correlation_id, source.correlation_tag)
        return self.create_link(ObjectId(self.new_id()), parent, source.date, given, source.content)

    def new_content(self, content: Content) -> None:
        """Content with its first link."""
        row = ContentRow(
            box=table.content_partition(content.content_key),
            item=table.CONTENT,
            owner=str(self.box.key),
            links=1,
            sizes=[part.size for part in content.parts],
        )
        self._put(row, ContentRow.box.does_not_exist())

    def set_flags(self, link: Link, flags: Flags) -> Link:
        changed = replace(link, flags=flags, last_mod_seq=self.seq.next())
        self._update_link(changed, LinkRow.flags.set(list(flags)))
        return changed

    def move_link(self, link: Link, parent: FolderId) -> Link:
        changed = replace(link, parent=parent, last_mod_seq=self.seq.next())
        place = table.link_place(parent, link.date, link.object_id)
        self._update_link(changed, LinkRow.parent.set(parent), LinkRow.place.set(place))
        return changed

    def delete_link(self, link: Link) -> None:
        row = rows.link_row(self.box.key, link)
        self._steps.append(lambda t: t.delete(row, LinkRow.item.exists()))
        self._weigh(row)
        self._links -= 1
        if link.content:
            self._contents[link.content.content_key] -= 1
        self._log(changes.deleted_object(link))

    def create_folder(
        self, parent: Folder, name: str, attributes: Attributes = (), folder_id: FolderId | None = None
    ) -> Folder:
        folder = Folder(
            folder_id=folder_id or FolderId(self.new_id()),
            parent=parent.folder_id,
            name=name,
            ancestors=self.below(parent),
            last_mod_seq=self.seq.next(),
            attributes=attributes,
        )
        row = rows.folder_row(self.box.key, folder)
        self._put(row, FolderRow.item.does_not_exist())
        self._weigh(row)
        self._take_name(folder)
        self._log(changes.changed_folder(folder))
        return folder

    def create_box(self) -> None:
        """The folders that every box begins with, under the ids they always have."""
        root = Folder(
            FolderId(self.new_id()), None, SYSTEM_FOLDERS[ROOT], (), self.seq.next(), ROOT_ATTRIBUTES
        )
        self._put(rows.folder_row(self.box.key, root), FolderRow.item.does_not_exist())
        self._log(changes.changed_folder(root))
        for folder_id in (DEFAULT, RCS_MESSAGE_STORE):
            self.create_folder(root, SYSTEM_FOLDERS[folder_id], folder_id=FolderId(self.new_id()))

    def rename_folder(self, folder: Folder, name: str) -> Folder:
        changed = replace(folder, name=name, last_mod_seq=self.seq.next())
        self._free_name(folder)
        self._take_name(changed)
        self._put_folder(changed)
        return changed

    def move_folder(self, folder: Folder, parent: Folder) -> Folder:
        """Folders below keep their chain as written; `moved` puts it right until a job has rewritten them."""
        changed = replace(
            folder,
            parent=parent.folder_id,
            ancestors=self.below(parent),
            last_mod_seq=self.seq.next(),
        )
        self._free_name(folder)
        self._take_name(changed)
        self._put_folder(changed)
        self._moved[folder.folder_id] = Moved(changed.last_mod_seq, changed.ancestors)
        return changed

    def rewrite_chain(self, folder: Folder, chain: Chain) -> None:
        """The folder's own chain as it is now: bookkeeping, no change of the folder."""
        row = rows.folder_row(self.box.key, folder)
        self.row(lambda t: t.update(row, [FolderRow.ancestors.set(list(chain))], FolderRow.item.exists()))
        self._weigh(row)

    def delete_folder(self, folder: Folder, doom: bool = False) -> None:
        """`doom`: what is below is out of sight from now on, and a job follows it down."""
        row = rows.folder_row(self.box.key, folder)
        self._steps.append(lambda t: t.delete(row, FolderRow.item.exists()))
        self._weigh(row)
        self._free_name(folder)
        if doom:
            self._doomed |= {folder.folder_id}
        self._log(changes.DeletedFolder(folder.folder_id))

    def undoom(self, folder_id: FolderId) -> None:
        self._doomed -= {folder_id}
        self._take_turn()

    def settle(self, folder_id: FolderId, seq: int) -> None:
        """All below is rewritten after the move that was change `seq`; a later move stays noted."""
        if (moved := self._moved.get(folder_id)) and moved.seq == seq:
            self._moved = self.box.settled(folder_id)
            self._take_turn()

    def _take_turn(self) -> None:
        """No change of the box, and yet no other write of the box row may be built on what it was."""
        self.new_id()

    def below(self, parent: Folder) -> Chain:
        return (*self.box.chain(parent.ancestors), parent.folder_id)

    def write(self, transaction: TransactWrite) -> None:
        """All rows, into one TransactWriteItems; the box row's condition makes it this write's turn."""
        box = self.box
        actions: list[Action] = [
            BoxRow.seq.set(self.seq),
            BoxRow.ids.set(self.ids),
            BoxRow.at.set(table.time_text(self.now)),
        ]
        if (marks := box.marked(self.now)) != box.marks:
            actions.append(BoxRow.marks.set(rows.marks_json(marks)))
        if self._links:
            actions.append(BoxRow.links.add(self._links))
        if self._doomed != box.doomed:
            actions.append(BoxRow.doomed.set(sorted(self._doomed)))
        if self._moved != box.moved:
            actions.append(BoxRow.moved.set(rows.moved_json(self._moved)))
        if box.seq:
            condition = (BoxRow.seq == box.seq) & (BoxRow.ids == box.ids) & (BoxRow.validity == box.validity)
        else:
            condition = BoxRow.item.does_not_exist()
            actions.append(BoxRow.validity.set(box.validity))
        transaction.update(BoxRow(box=str(box.key), item=table.BOX), actions, condition, "ALL_OLD")
        for step in self._steps:
            step(transaction)
        for content_key, links in self._contents.items():
            self._count(transaction, content_key, links)

    def _count(self, transaction: TransactWrite, content_key: ContentKey, links: int) -> None:
        row = ContentRow(box=table.content_partition(content_key), item=table.CONTENT)
        if links >= 0:
            transaction.update(row, [ContentRow.links.add(links)], ContentRow.links > 0)
            return
        due = table.time_text(self.now + RECLAIM_GRACE)
        actions: list[Action] = [
            ContentRow.links.add(links),
            ContentRow.work.set("reclaim"),
            ContentRow.due.set(due),
        ]
        transaction.update(row, actions, ContentRow.links >= -links)

    def _weigh(self, row: LinkRow | FolderRow) -> None:
        """What is changed or deleted counts towards DynamoDB's limit as what is put does: whole."""
        self.bytes += table.sent_size(row.attributes)
        if isinstance(row, LinkRow):
            self.bytes += table.sent_size(row.parts)

    def _put(self, row: table.Row, condition: Any = None) -> None:
        self.row(lambda t: t.save(row, condition))

    def _put_folder(self, folder: Folder) -> None:
        row = rows.folder_row(self.box.key, folder)
        self._put(row, FolderRow.item.exists())
        self._weigh(row)
        self._log(changes.changed_folder(folder))

    def _name_row(self, folder: Folder) -> NameRow:
        if folder.parent is None:
            raise ValueError("the root has no siblings")
        item = table.name_item(folder.parent, folder.name)
        return NameRow(box=str(self.box.key), item=item, folder_id=folder.folder_id)

    def _take_name(self, folder: Folder) -> None:
        self._put(self._name_row(folder), NameRow.item.does_not_exist())

    def _free_name(self, folder: Folder) -> None:
        row = self._name_row(folder)
        self._steps.append(lambda t: t.delete(row, NameRow.item.exists()))

    def _update_link(self, link: Link, *actions: Any) -> None:
        self._weigh(rows.link_row(self.box.key, link))
        row = LinkRow(box=str(self.box.key), item=table.link_item(link.object_id))
        every = [*actions, LinkRow.last_mod_seq.set(link.last_mod_seq)]
        self._steps.append(lambda t: t.update(row, every, LinkRow.item.exists()))
        self._log(changes.changed_object(link))

    def _log(self, event: Event) -> None:
        self.seq = self.seq.next()
        raw = rows.event_json(event)
        row = ChangeRow(
            box=table.log_partition(self.box.key, self.seq),
            item=table.log_item(self.seq),
            at=table.time_text(self.now),
            event=raw,
            expires=self._expires,
        )
        self._steps.append(lambda t: t.save(row))
        self.bytes += table.sent_size(raw) + 200
