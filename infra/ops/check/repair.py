"""Mends what is safe to mend: what existing rows let it count or derive, each under a condition.

It never deletes or makes up anything that a user stored. It hands content that no row knows to the sweep.
"""

from collections.abc import Sequence
from contextlib import suppress

from pynamodb.exceptions import DeleteError, PutError, TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from infra.ops.check.finding import Mend
from infra.ops.rows.deployed import Deployed
from onecopy.domain.box import Box, BoxKey, Chain, Job, Use
from onecopy.domain.content import ContentKey, split_share
from onecopy.domain.digest import Digest
from onecopy.domain.folder import Folder
from onecopy.domain.link import Link
from onecopy.store.box import jobs, uploads
from onecopy.store.commit import rows, table
from onecopy.store.commit.draft import Draft
from onecopy.store.commit.kinds import (
    BoxRow,
    ChangeRow,
    ContentRow,
    FolderRow,
    LinkRow,
    NameRow,
    SubscriptionRow,
)
from onecopy.store.commit.transact import Store, View, commit
from onecopy.store.subscribers import subscriptions

_OTHERWISE = (DeleteError, PutError, TransactWriteError, UpdateError)
"""Raised if something is no longer as it was found; the next check will tell."""


def links_of_content(box: Box, row: ContentRow, links: int) -> Mend:
    """Set the count to the number of the box's links. At zero the sweep deletes the content, as always."""

    def mend(_: Deployed, store: Store) -> None:
        actions: list[Action] = [ContentRow.links.set(links)]
        if not links:
            work = table.work(table.DUE, row.box)
            actions += [ContentRow.work.set(work), ContentRow.due.set(table.time_text(store.now()))]
        with suppress(*_OTHERWISE), TransactWrite(connection=store.connection) as transaction:
            _unchanged(transaction, box)
            transaction.update(row, actions, ContentRow.links == row.links)

    return mend


def row_of_content(box: Box, link: Link, links: int) -> Mend:
    """Make the row from the links to it, each of which knows its parts; its bytes exist."""

    def mend(_: Deployed, store: Store) -> None:
        if not link.content:
            return
        partition, item = table.content_row(link.content.content_key)
        row = ContentRow(
            box=partition,
            item=item,
            owner=str(box.key),
            links=links,
            sizes=[part.size for part in link.content.parts],
        )
        with suppress(*_OTHERWISE), TransactWrite(connection=store.connection) as transaction:
            _unchanged(transaction, box)
            transaction.save(row, ContentRow.item.does_not_exist())

    return mend


def digest(box: Box, right: Digest) -> Mend:
    """Store the digest of what the box holds."""

    def mend(_: Deployed, store: Store) -> None:
        row = BoxRow(box=str(box.key), item=table.BOX)
        with suppress(*_OTHERWISE):
            row.update([BoxRow.digest.set(rows.digest_json(right))], _as_found(box))

    return mend


def use(box: Box, right: Use) -> Mend:
    """Store what counts against a quota, as the box's contents and uploads have it."""

    def mend(_: Deployed, store: Store) -> None:
        row = BoxRow(box=str(box.key), item=table.BOX)
        with suppress(*_OTHERWISE):
            row.update([BoxRow.use.set(rows.use_json(right))], _as_found(box))

    return mend


def renewed(row: BoxRow) -> Mend:
    """Make every client list the box anew, not continue from a log with a gap; delete the rest of the log."""

    def mend(_: Deployed, store: Store) -> None:
        actions: list[Action] = [
            BoxRow.validity.set(store.random(6).hex()),
            BoxRow.at.remove(),
            BoxRow.marks.remove(),
        ]
        with suppress(*_OTHERWISE):
            row.update(actions, (BoxRow.validity == row.validity) & (BoxRow.seq == row.seq))
            with ChangeRow.batch_write() as batch:
                for seq in range(0, int(row.seq) + 1, table.LOG_PARTITION):
                    for change in table.every(ChangeRow, table.log_partition(BoxKey.parse(row.box), seq)):
                        batch.delete(change)
            subscriptions.tell_anew(BoxKey.parse(row.box), store.now())

    return mend


def taken_name(box: Box, folder: Folder) -> Mend:
    """Take the folder's name, as its row has it."""

    def mend(_: Deployed, store: Store) -> None:
        if folder.parent is None:
            return
        item = table.name_item(folder.parent, folder.name)
        row = NameRow(box=str(box.key), item=item, folder_id=folder.folder_id)
        with suppress(*_OTHERWISE), TransactWrite(connection=store.connection) as transaction:
            _unchanged(transaction, box)
            transaction.save(row, NameRow.item.does_not_exist())

    return mend


def freed_name(box: Box, row: NameRow) -> Mend:
    def mend(_: Deployed, store: Store) -> None:
        with suppress(*_OTHERWISE), TransactWrite(connection=store.connection) as transaction:
            _unchanged(transaction, box)
            transaction.delete(row, NameRow.folder_id == row.folder_id)

    return mend


def place(row: LinkRow | FolderRow, right: str) -> Mend:
    """Set the place in the index, which follows from the row's own folder."""

    def mend(_: Deployed, store: Store) -> None:
        kind = type(row)
        with suppress(*_OTHERWISE):
            row.update([kind.place.set(right)], kind.last_mod_seq == row.last_mod_seq)

    return mend


def chain(box: Box, folder: Folder, right: Chain) -> Mend:
    """Write down the folders above it, as its parents have them."""

    def mend(_: Deployed, store: Store) -> None:
        def decide(view: View, draft: Draft) -> None:
            if view.box.seq == box.seq and view.folder(folder.folder_id) == folder:
                draft.rewrite_chain(folder, right)

        wanted = [(FolderRow, table.folder_item(folder.folder_id))]
        with suppress(*_OTHERWISE):
            commit(store, box.key, lambda: wanted, decide)

    return mend


def begun(box: Box, job: Job) -> Mend:
    """Start the work anew that the box row notes, which skips what is done already. A copy would be made
    twice: it ends where it is.
    """

    def mend(_: Deployed, store: Store) -> None:
        def decide(view: View, draft: Draft) -> None:
            if view.box == box:
                jobs.begin_anew(draft, job)

        with suppress(*_OTHERWISE):
            commit(store, box.key, list, decide)

    return mend


def settled(box: Box, folder: Folder) -> Mend:
    """Start the job that settles what is below a moved folder."""

    def mend(_: Deployed, store: Store) -> None:
        def decide(view: View, draft: Draft) -> None:
            if view.box == box:
                jobs.start_settle(draft, [folder])

        with suppress(*_OTHERWISE):
            commit(store, box.key, list, decide)

    return mend


def swept(content: str) -> Mend:
    """Note them as bytes that were never linked: the sweep looks once more, and deletes them."""

    def mend(_: Deployed, store: Store) -> None:
        with suppress(*_OTHERWISE):
            uploads.note_stray(store, ContentKey(content))

    return mend


def rung(row: SubscriptionRow) -> Mend:
    """Make it due at once: the next sweep rings for it, and the delivery finds what it has missed."""

    def mend(_: Deployed, store: Store) -> None:
        work, due = table.work(table.DELIVER, row.box), table.time_text(store.now())
        as_found = SubscriptionRow.due.does_not_exist() if row.due is None else SubscriptionRow.due == row.due
        with suppress(*_OTHERWISE):
            row.update(
                [SubscriptionRow.work.set(work), SubscriptionRow.due.set(due)],
                SubscriptionRow.item.exists() & as_found,
            )

    return mend


def looked_at(row: BoxRow) -> Mend:
    """Make the box due for its next look at once, in the part of the index that the sweep reads."""

    def mend(_: Deployed, store: Store) -> None:
        work, due = table.work(table.DUE, row.box), table.time_text(store.now())
        with suppress(*_OTHERWISE):
            row.update([BoxRow.work.set(work), BoxRow.due.set(due)], BoxRow.due == row.due)

    return mend


def undeleted(content: ContentKey, parts: Sequence[int]) -> Mend:
    """Delete the markers that hide an older version of content that links point to."""

    def mend(deployed: Deployed, _: Store) -> None:
        for part in parts:
            key = f"{split_share(content)[0]}/{part}"
            for marker in hidden_by(deployed, key):
                deployed.s3.delete_object(Bucket=deployed.bucket, Key=key, VersionId=marker)

    return mend


def hidden_by(deployed: Deployed, key: str) -> list[str]:
    """The delete markers on a key that still has a version; none if it has no version."""
    found = deployed.s3.list_object_versions(Bucket=deployed.bucket, Prefix=key)
    markers = [each["VersionId"] for each in found.get("DeleteMarkers", ()) if each["Key"] == key]
    versions = [each for each in found.get("Versions", ()) if each["Key"] == key]
    return markers if versions else []


def _unchanged(transaction: TransactWrite, box: Box) -> None:
    transaction.condition_check(BoxRow, str(box.key), table.BOX, _as_found(box))


def _as_found(box: Box) -> Condition:
    condition: Condition = (BoxRow.seq == box.seq) & (BoxRow.ids == box.ids)
    return condition
