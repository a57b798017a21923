"""A draft collects one write: the box row, the rows changed, their change rows and the content counts.

Each method that changes something also takes the next number and adds the change row, so nothing is
committed without its change. Callers check what they ask for before they draft it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from onecopy.domain import change as changes
from onecopy.domain import retention
from onecopy.domain.box import NO_QUOTA, Box, Chain, Job, Looked, Moved, Quota
from onecopy.domain.change import Chains, Change, Event
from onecopy.domain.content import Content, ContentKey
from onecopy.domain.errors import InvalidInput, NameTaken
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
from onecopy.store.commit import box_row, rows, table
from onecopy.store.commit.counting import Counting
from onecopy.store.commit.kinds import BoxRow, ContentRow, FolderRow, LinkRow, NameRow, Row, sent_size
from onecopy.store.commit.quota import Room

MAX_ROWS = 100
MAX_BYTES = 3_500_000
"""DynamoDB limits a transaction to 100 rows and 4 MB. The margin is for keys and attribute names."""

ROOT_ATTRIBUTES: Attributes = (("Root", ("Yes",)),)


class Draft:
    """`transact.commit` hands it to `decide` and writes it. `rows` and `bytes` tell whether more will fit.

    `counted`: how many links a content has, as far as an earlier try has shown it.
    `trace`: X-Ray's header, stored for the push. Empty removes the last commit's; None leaves it alone.
    `room`: what is added to the box takes it there, which checks the quota.
    `retains`: there is a retention, so the box needs a time of the next look for what has expired.
    """

    def __init__(
        self,
        box: Box,
        now: datetime,
        history: timedelta,
        counted: Mapping[ContentKey, int],
        trace: str | None = None,
        quota: Quota = NO_QUOTA,
        retains: bool = False,
    ) -> None:
        self._trace = trace
        self._retains = retains
        self.box = box
        self.now = now
        self.seq: ModSeq = box.seq
        self.ids = box.ids
        self.bytes = 0
        self._expires = int((now + history + timedelta(days=1)).timestamp())
        self._steps: list[Callable[[TransactWrite], None]] = []
        self.room = Room(box, quota)
        self._counting = Counting(counted)
        self._digest = box.digest
        self._jobs = box.jobs
        self._moved = dict(box.moved)
        self._due, self._looked = box.due or (now if retains else None), box.looked
        self._folders: dict[FolderId, FolderRow] = {}
        self._names: set[str] = set()

    @property
    def rows(self) -> int:
        return 1 + len(self._steps) + len(self._counting)

    @property
    def contents(self) -> Sequence[ContentKey]:
        """The contents whose counts `write` changes, in its order. They are the transaction's last rows."""
        return self._counting.contents

    @property
    def lacks_content(self) -> bool:
        """Whether the draft links content that has just gone."""
        return self._counting.lacks_content

    @property
    def is_empty(self) -> bool:
        return not self._steps and self._jobs == self.box.jobs and self._looked == self.box.looked

    def new_id(self) -> str:
        self.ids += 1
        return compact(self.ids)

    def row(self, step: Callable[[TransactWrite], None], size: int = 200) -> None:
        """Adds a row that is no change of the box (a job, a finished upload). `size`: its bytes, roughly."""
        self._steps.append(step)
        self.bytes += size

    def create_link(
        self,
        object_id: ObjectId,
        parent: FolderId,
        date: datetime,
        given: NewObject,
        content: Content | None,
        as_of: int | None = None,
    ) -> Link:
        """Adds a link. It does not count the content: `new_content` and `copy_link` do."""
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
            as_of=as_of,
            created=self.seq.next(),
            stored=retention.stored(date, self.now) if self._retains else None,
        )
        row = rows.link_row(self.box.key, link)
        self._put(row)
        self._weigh(row)
        self._log(changes.created_object(link))
        self._digest = self._digest.plus("object", object_id, link.last_mod_seq)
        return link

    def copy_link(self, source: Link, parent: FolderId, as_of: int | None = None) -> Link:
        """Copies the link alone. The copy shares the source's content, whose count goes up by one.

        Raises InvalidInput if the content has just gone, NotAllowed if there is no room. A background copy
        (`as_of`) had its room reserved when it began.
        """
        if source.content and self._counting.is_gone(source.content.content_key):
            raise InvalidInput("objectReference")
        if as_of is None:
            self.room.take(1)
        if source.content:
            self._counting.add(source.content)
        given = NewObject(source.attributes, source.flags, source.correlation_id, source.correlation_tag)
        return self.create_link(ObjectId(self.new_id()), parent, source.date, given, source.content, as_of)

    def new_content(self, content: Content) -> None:
        """Adds content, counted for its first link."""
        partition, item = table.content_row(content.content_key)
        row = ContentRow(
            box=partition,
            item=item,
            owner=str(self.box.key),
            links=1,
            sizes=[part.size for part in content.parts],
        )
        self._put(row, ContentRow.box.does_not_exist())
        self.room.stored(content.size)

    def set_flags(self, link: Link, flags: Flags) -> Link:
        changed = replace(link, flags=flags, last_mod_seq=self.seq.next(), as_of=None)
        self._update_link(link, changed, LinkRow.flags.set(list(flags)))
        return changed

    def move_link(self, link: Link, parent: FolderId) -> Link:
        changed = replace(link, parent=parent, last_mod_seq=self.seq.next(), as_of=None)
        place = table.link_place(parent, link.date, link.object_id)
        moved = LinkRow.parent.set(parent), LinkRow.place.set(place)
        self._update_link(link, changed, *moved, left=link.parent)
        return changed

    def delete_link(self, link: Link, expired: bool = False) -> None:
        row = rows.link_row(self.box.key, link)
        self._steps.append(lambda t: t.delete(row, LinkRow.item.exists()))
        self._weigh(row)
        if link.content:
            self._counting.take_away(link, link.content)
        self._log(changes.deleted_object(link, expired))
        self._digest = self._digest.minus("object", link.object_id, link.last_mod_seq)

    def create_folder(
        self,
        parent: Folder,
        name: str,
        attributes: Attributes = (),
        folder_id: FolderId | None = None,
        as_of: int | None = None,
    ) -> Folder:
        folder = Folder(
            folder_id=folder_id or FolderId(self.new_id()),
            parent=parent.folder_id,
            name=name,
            ancestors=self.below(parent),
            last_mod_seq=self.seq.next(),
            attributes=attributes,
            inner=folder_id in SYSTEM_FOLDERS,
            as_of=as_of,
        )
        self._take_name(folder)
        self._new_folder(folder)
        self._make_inner(parent)
        return folder

    def create_box(self) -> None:
        """Adds the folders that every box begins with, which always have the same ids."""
        name, root_id = SYSTEM_FOLDERS[ROOT], FolderId(self.new_id())
        root = Folder(root_id, None, name, (), self.seq.next(), ROOT_ATTRIBUTES, inner=True)
        self._new_folder(root)
        for folder_id in (DEFAULT, RCS_MESSAGE_STORE):
            self.create_folder(root, SYSTEM_FOLDERS[folder_id], folder_id=FolderId(self.new_id()))

    def rename_folder(self, folder: Folder, name: str) -> Folder:
        changed = replace(folder, name=name, ancestors=self.box.chain(folder.ancestors))
        return self._change_folder(folder, changed)

    def move_folder(self, folder: Folder, parent: Folder) -> Folder:
        """Folders below keep their stored chain. `moved` corrects it until a job has rewritten them."""
        changed = replace(folder, parent=parent.folder_id, ancestors=self.below(parent))
        changed = self._change_folder(folder, changed)
        self._make_inner(parent)
        if folder.inner:
            self._moved[folder.folder_id] = Moved(changed.last_mod_seq, changed.ancestors)
        return changed

    def rewrite_chain(self, folder: Folder, chain: Chain) -> None:
        """Stores the folder's chain as it is now. This is bookkeeping, no change of the folder."""
        row = rows.folder_row(self.box.key, folder)
        self.row(lambda t: t.update(row, [FolderRow.ancestors.set(list(chain))], FolderRow.item.exists()))
        self._weigh(row)

    def delete_folder(self, folder: Folder) -> None:
        row = rows.folder_row(self.box.key, folder)
        self._steps.append(lambda t: t.delete(row, FolderRow.item.exists()))
        self._weigh(row)
        self._free_name(folder)
        self._log(changes.DeletedFolder(folder.folder_id))
        self._digest = self._digest.minus("folder", folder.folder_id, folder.last_mod_seq)

    def begin(self, job: Job) -> None:
        """Adds the job to the box row, where every later writer sees it."""
        self._jobs = (*self._jobs, job)

    def copied(self, job_id: str, links: int) -> None:
        """Takes links that a background copy has made off those that it has still to make."""
        self._jobs = tuple(
            job._replace(links=max(0, job.links - links)) if job.job_id == job_id else job
            for job in self._jobs
        )

    def end(self, job_id: str) -> None:
        self._jobs = tuple(job for job in self._jobs if job.job_id != job_id)
        self.take_turn()

    def settle(self, folder_id: FolderId, seq: int) -> None:
        """Forgets the move that was change `seq`: all below is rewritten. A later move stays noted."""
        if (moved := self._moved.get(folder_id)) and moved.seq == seq:
            self._moved = replace(self.box, moved=self._moved).settled(folder_id)

    def look(self, looked: Looked, due: datetime) -> None:
        """Notes how far a look for what has expired has come, and when the next one is due."""
        self._looked, self._due = looked, due
        self.take_turn()

    def take_turn(self) -> None:
        """Makes every other write fail that read the box row as it was. The box itself does not change."""
        self.new_id()

    def below(self, parent: Folder) -> Chain:
        return (*self.box.chain(parent.ancestors), parent.folder_id)

    def write(self, transaction: TransactWrite) -> None:
        """Puts all rows into one TransactWriteItems. It fails on the box row if another write came first."""
        row, actions = BoxRow(box=str(self.box.key), item=table.BOX), self._changed()
        transaction.update(row, actions, box_row.as_read(self.box), "ALL_OLD")
        for step in self._steps:
            step(transaction)
        self._counting.write(transaction, self.now)

    def _changed(self) -> list[Action]:
        after = replace(
            self.box,
            seq=self.seq,
            ids=self.ids,
            at=self.now,
            digest=self._digest,
            jobs=self._jobs,
            moved=self._moved,
            use=self.room.use.plus(-self._counting.freed),
            due=self._due,
            looked=self._looked,
        )
        return box_row.changed(self.box, after, self._trace)

    def _weigh(self, row: LinkRow | FolderRow) -> None:
        """Adds the row's bytes. DynamoDB's limit counts changed and deleted rows whole, like new ones."""
        self.bytes += sent_size(row.attributes)
        if isinstance(row, LinkRow):
            self.bytes += sent_size(row.parts)

    def _put(self, row: Row, condition: Any = None) -> None:
        self.row(lambda t: t.save(row, condition))

    def _new_folder(self, folder: Folder) -> None:
        row = rows.folder_row(self.box.key, folder)
        self._put(row, FolderRow.item.does_not_exist())
        self._folder_written(folder, row)

    def _change_folder(self, folder: Folder, changed: Folder) -> Folder:
        """Writes the whole row, under its new name or in its new place."""
        chains = self.box.chain(folder.ancestors), changed.ancestors
        changed = replace(changed, last_mod_seq=self.seq.next(), as_of=None)
        self._take_name(changed)
        self._free_name(folder)
        row = rows.folder_row(self.box.key, changed)
        self._put(row, FolderRow.item.exists())
        self._digest = self._digest.minus("folder", folder.folder_id, folder.last_mod_seq)
        self._folder_written(changed, row, chains if changed.parent != folder.parent else None)
        return changed

    def _folder_written(self, folder: Folder, row: FolderRow, moved: Chains | None = None) -> None:
        self._weigh(row)
        self._folders[folder.folder_id] = row
        self._log(changes.changed_folder(folder, moved))
        self._digest = self._digest.plus("folder", folder.folder_id, folder.last_mod_seq)

    def _make_inner(self, parent: Folder) -> None:
        """Notes, once in a folder's life, that it has had folders in it, which a move has to consider."""
        if parent.inner:
            return
        if (written := self._folders.get(parent.folder_id)) is None:
            written = self._folders[parent.folder_id] = FolderRow(
                box=str(self.box.key), item=table.folder_item(parent.folder_id)
            )
            action = FolderRow.inner.set(True)
            self._steps.append(lambda t: t.update(written, [action], FolderRow.item.exists()))
        written.inner = True

    def _name_row(self, folder: Folder) -> NameRow:
        if folder.parent is None:
            raise ValueError("the root has no siblings")
        item = table.name_item(folder.parent, folder.name)
        return NameRow(box=str(self.box.key), item=item, folder_id=folder.folder_id)

    def _take_name(self, folder: Folder) -> None:
        """Raises NameTaken if this draft already takes or frees the name: it can write a row only once."""
        row = self._name_row(folder)
        self._use_name(row)
        self._put(row, NameRow.item.does_not_exist())

    def _free_name(self, folder: Folder) -> None:
        row = self._name_row(folder)
        self._use_name(row)
        self._steps.append(lambda t: t.delete(row, NameRow.item.exists()))

    def _use_name(self, row: NameRow) -> None:
        if row.item in self._names:
            raise NameTaken("name")
        self._names.add(row.item)

    def _update_link(self, link: Link, changed: Link, *actions: Any, left: FolderId | None = None) -> None:
        self._weigh(rows.link_row(self.box.key, changed))
        row = LinkRow(box=str(self.box.key), item=table.link_item(link.object_id))
        every = [*actions, LinkRow.last_mod_seq.set(changed.last_mod_seq), LinkRow.as_of.remove()]
        self._steps.append(lambda t: t.update(row, every, LinkRow.item.exists()))
        self._log(changes.changed_object(changed, left))
        self._digest = self._digest.minus("object", link.object_id, link.last_mod_seq)
        self._digest = self._digest.plus("object", link.object_id, changed.last_mod_seq)

    def _log(self, event: Event) -> None:
        self.seq = self.seq.next()
        row = rows.change_row(self.box.key, Change(self.seq, self.now, event), self._expires)
        self.row(lambda t: t.save(row), sent_size(row.event) + 200)
