"""Incoming content. It is noted before its first byte, so the sweep can remove what stays incomplete.

An intake row notes inline bytes, and the commit deletes it. The row of a direct upload waits until S3 has
reported every part. It then becomes a link, in one transaction with its change. When the upload's window
ends, the bucket itself tells whether all parts are there.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from pynamodb.exceptions import TransactWriteError

from onecopy.domain.box import BoxKey
from onecopy.domain.content import MOST_PARTS, Content, ContentKey, Part, bucket_keys
from onecopy.domain.errors import Unknown
from onecopy.domain.ids import RCS_MESSAGE_STORE, ContentId, FolderId, ObjectId, is_id
from onecopy.domain.link import NewObject, date_of
from onecopy.store.box import shares
from onecopy.store.box.commits import commit
from onecopy.store.box.contents import DIRECT, INLINE, Contents, Href
from onecopy.store.box.folders import Paths, Place, wanted
from onecopy.store.commit import rows, table
from onecopy.store.commit.conditional import held
from onecopy.store.commit.draft import Draft
from onecopy.store.commit.kinds import ContentRow, IntakeRow, UploadKeyRow, UploadRow
from onecopy.store.commit.transact import Store, View

INTAKE_WINDOW = timedelta(hours=1)
"""No function runs this long: a row that is older was left behind."""

_KEPT_AFTER = timedelta(days=1)
"""How long after the window an object's id still leads to its upload. The sweep may be late."""

WAITING = UploadRow.item.exists() & UploadRow.swept.does_not_exist()


def new_key(store: Store, prefix: str) -> ContentKey:
    return ContentKey(prefix + store.random(16).hex())


def note_intake(
    store: Store, count: int, parts: Sequence[int] | None = None
) -> tuple[IntakeRow, list[ContentKey]]:
    """Keys for `count` contents, noted before any of their bytes is put. `parts`: how many parts each has."""
    keys = [new_key(store, INLINE) for _ in range(count)]
    row = _intake(keys, store.now() + INTAKE_WINDOW, parts)
    row.save()
    return row, keys


def _intake(keys: Sequence[ContentKey], due: datetime, parts: Sequence[int] | None = None) -> IntakeRow:
    partition = table.content_partition(keys[0])
    return IntakeRow(
        box=partition,
        item=table.INTAKE,
        content_keys=list(keys),
        parts=list(parts) if parts else None,
        work=table.work(table.DUE, partition),
        due=table.time_text(due),
    )


def begin(
    store: Store,
    key: BoxKey,
    place: Place,
    given: NewObject,
    parts: tuple[Part, ...],
    network: bool,
    window: timedelta,
) -> UploadRow:
    """Makes a new object's id and the row that waits for its parts. The box does not change yet."""
    paths = Paths(store, key)
    content_key = new_key(store, DIRECT)

    def decide(view: View, draft: Draft) -> UploadRow:
        folder = paths.folder(view, draft, place, network, {})
        draft.room.begin_upload(sum(part.size for part in parts))
        row = UploadRow(
            box=table.content_partition(content_key),
            item=table.UPLOAD,
            owner=str(key),
            object_id=draft.new_id(),
            parent=folder.folder_id,
            flags=list(given.flags),
            attributes=rows.attributes_json(given.attributes),
            parts=rows.parts_json(parts),
            correlation_id=given.correlation_id,
            correlation_tag=given.correlation_tag,
            work=table.work(table.DUE, table.content_partition(content_key)),
            due=table.time_text(draft.now + window),
        )
        leads_to = _key_row(key, row)
        draft.row(lambda transaction: transaction.save(row))
        draft.row(lambda transaction: transaction.save(leads_to))
        return row

    return commit(store, key, lambda: paths.wanted(place), decide)


def _key_row(key: BoxKey, row: UploadRow) -> UploadKeyRow:
    return UploadKeyRow(
        box=str(key),
        item=table.upload_item(ObjectId(row.object_id)),
        content=key_of(row),
        expires=int((ends(row) + _KEPT_AFTER).timestamp()),
    )


def encode(row: UploadRow) -> list[str]:
    """What is kept of the row for a repeat of the request."""
    return [row.box, row.object_id, row.due]


def decode(parts: tuple[Part, ...], raw: list[str]) -> UploadRow:
    """The row as it was begun. The request itself names the parts."""
    partition, object_id, due = raw
    written = rows.parts_json(parts)
    return UploadRow(box=partition, item=table.UPLOAD, object_id=object_id, parts=written, due=due)


def find(store: Store, key: BoxKey, object_id: ObjectId) -> UploadRow:
    """An upload whose parts can still be put. Raises Unknown if there is none, or its window has ended."""
    row = _find(key, object_id)
    if row.swept or ends(row) <= store.now():
        raise Unknown("objectId")
    return row


def _find(key: BoxKey, object_id: ObjectId) -> UploadRow:
    if is_id(object_id) and (leads_to := table.get(UploadKeyRow, str(key), table.upload_item(object_id))):
        partition = table.content_partition(ContentKey(leads_to.content))
        if row := table.get(UploadRow, partition, table.UPLOAD):
            return row
    raise Unknown("objectId")


def slots(contents: Contents, row: UploadRow, now: datetime) -> list[Href]:
    """Where to put the parts that S3 has not reported yet: newly presigned, valid for the window at most."""
    there = {int(number) for number in row.arrived or ()}
    return [
        contents.upload_href(key_of(row), number, part, now, ends(row))
        for number, part in enumerate(rows.parts(row.parts), start=1)
        if number not in there
    ]


def give_up(store: Store, key: BoxKey, object_id: ObjectId) -> None:
    """Gives up the upload: the object never appears, and the sweep deletes the bytes. Raises Unknown if there
    is no upload.
    """
    if not _end(store, _find(key, object_id)):
        raise Unknown("objectId")


def _end(store: Store, row: UploadRow) -> bool:
    """Whether the upload is ended, and its room given back. False if it is already ended, in whatever way."""

    def decide(view: View, draft: Draft) -> None:
        actions = [UploadRow.swept.set("yes"), UploadRow.due.set(table.time_text(draft.now))]
        draft.row(lambda transaction: transaction.update(row, list(actions), WAITING))
        draft.room.end_upload(sum(part.size for part in rows.parts(row.parts)))
        draft.take_turn()

    return _if_waiting(row, lambda: commit(store, BoxKey.parse(row.owner), list, decide))


def _if_waiting(row: UploadRow, end: Callable[[], None]) -> bool:
    """Ends the upload under the condition that it is still waiting. False if it is not."""
    try:
        end()
    except TransactWriteError:
        waiting = table.get(UploadRow, row.box, row.item)
        if waiting and not waiting.swept:
            raise
        return False
    return True


def arrived(store: Store, content_key: ContentKey, number: int) -> None:
    """Takes S3's report that a part is there. With the last part the link appears, once even if told twice.

    A PUT may take long. A part that arrives after its upload was swept is swept too.
    """
    row = UploadRow(box=table.content_partition(content_key), item=table.UPLOAD)
    if not held(lambda: row.update([UploadRow.arrived.add({number})], WAITING)):
        if not table.get(ContentRow, *table.content_row(content_key)):
            note_stray(store, content_key)
        return
    if row.arrived and {int(n) for n in row.arrived} >= set(range(1, len(row.parts) + 1)):
        finish(store, row)


def finish(store: Store, row: UploadRow) -> None:
    """Makes the object appear once all parts are there, unless the upload was given up or swept meanwhile."""
    key = BoxKey.parse(row.owner)
    object_id = ObjectId(row.object_id)
    content = Content(key_of(row), ContentId(object_id), rows.parts(row.parts))
    given = NewObject(
        rows.attributes(row.attributes), tuple(row.flags), row.correlation_id, row.correlation_tag
    )

    def decide(view: View, draft: Draft) -> None:
        folder = view.folder(FolderId(row.parent))
        draft.row(lambda transaction: transaction.delete(row, WAITING))
        draft.room.end_upload(content.size)
        draft.new_content(content)
        parent = folder.folder_id if folder else RCS_MESSAGE_STORE
        draft.create_link(object_id, parent, date_of(given.attributes, draft.now), given, content)

    _if_waiting(row, lambda: commit(store, key, lambda: [wanted(FolderId(row.parent))], decide))


def note_stray(store: Store, content_key: ContentKey) -> None:
    """Notes bytes that no row knows, as if their request had died. The sweep checks again and deletes them.
    A note of this content alone is renewed. A note that also names other contents stays as it is.
    """
    alone = IntakeRow.content_keys == [content_key]
    held(lambda: _intake([content_key], store.now()).save(IntakeRow.item.does_not_exist() | alone))


def sweep_upload(store: Store, contents: Contents, row: UploadRow) -> bool:
    """Ends the upload: deletes the parts that arrived, and the object never appears. Returns True.

    If all parts are in the bucket after all, whatever S3 has reported, it does nothing and returns False. The
    upload is then for `finish`.
    """
    if not row.swept:
        if _is_whole(row, contents.sizes(key_of(row))):
            return False
        if not _end(store, row):
            return True
    contents.delete(bucket_keys(key_of(row), len(row.parts)))
    row.delete()
    return True


def _is_whole(row: UploadRow, sizes: Mapping[int, int]) -> bool:
    parts = rows.parts(row.parts)
    return bool(parts) and all(sizes.get(number) == part.size for number, part in enumerate(parts, start=1))


def sweep_intake(contents: Contents, row: IntakeRow) -> None:
    """Deletes bytes noted but never linked. A note renewed meanwhile stays for the next sweep."""
    counts = row.parts or [MOST_PARTS] * len(row.content_keys)
    keys = [ContentKey(content_key) for content_key in row.content_keys]
    linked = table.there(ContentRow, [table.content_row(key) for key in keys])
    linked |= {table.content_partition(key) for key in keys if shares.are_linked(key)}
    contents.delete(
        [
            each
            for key, count in zip(keys, counts, strict=True)
            if table.content_partition(key) not in linked
            for each in bucket_keys(key, count)
        ]
    )
    held(lambda: row.delete(IntakeRow.due == row.due))


def key_of(row: UploadRow) -> ContentKey:
    return ContentKey(row.box[2:])


def ends(row: UploadRow) -> datetime:
    """When the upload's window ends."""
    return table.parse_time(row.due)
