"""Content on its way in: noted before the first byte, so that whatever stays half-way is swept away.

Inline bytes are noted by an intake row that the commit deletes. A direct upload is a row that waits for
S3's word of every part, and then becomes a link, in one transaction with its change.
"""

from datetime import datetime, timedelta

from pynamodb.exceptions import PutError, TransactWriteError, UpdateError

from onecopy.domain.box import BoxKey
from onecopy.domain.content import Content, ContentKey, Part
from onecopy.domain.ids import RCS_MESSAGE_STORE, ContentId, FolderId, ObjectId
from onecopy.domain.link import NewObject, date_of
from onecopy.store import rows, table
from onecopy.store.contents import DIRECT, INLINE, Contents
from onecopy.store.draft import Draft
from onecopy.store.folders import Paths, Place, wanted
from onecopy.store.table import ContentRow, IntakeRow, UploadRow
from onecopy.store.transact import Store, View, commit

INTAKE_WINDOW = timedelta(hours=1)
"""No function runs for so long: what is noted for longer was left behind."""


WAITING = UploadRow.item.exists() & UploadRow.swept.does_not_exist()


def new_key(store: Store, prefix: str) -> ContentKey:
    return ContentKey(prefix + store.random(16).hex())


def note_intake(store: Store, count: int) -> tuple[IntakeRow, list[ContentKey]]:
    """Keys for so many contents, noted before any of their bytes is put."""
    keys = [new_key(store, INLINE) for _ in range(count)]
    row = _intake(keys, store.now() + INTAKE_WINDOW)
    row.save()
    return row, keys


def _intake(keys: list[ContentKey], due: datetime) -> IntakeRow:
    partition = table.content_partition(keys[0])
    return IntakeRow(
        box=partition,
        item=table.INTAKE,
        content_keys=list(keys),
        work=table.work("intake", partition),
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
    """A new object's id, and the row that waits for its parts. No change of the box yet."""
    paths = Paths(store, key)
    content_key = new_key(store, DIRECT)

    def decide(view: View, draft: Draft) -> UploadRow:
        folder = paths.folder(view, draft, place, network, {})
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
            work=table.work("upload", table.content_partition(content_key)),
            due=table.time_text(draft.now + window),
        )
        draft.row(lambda transaction: transaction.save(row))
        return row

    return commit(store, key, lambda: paths.wanted(place), decide)


def arrived(store: Store, content_key: ContentKey, number: int) -> None:
    """S3's word that a part is there. With the last of them the link appears; told twice, it does once.

    A part that comes when its upload has been swept away is swept away after it: a PUT may take long.
    """
    row = UploadRow(box=table.content_partition(content_key), item=table.UPLOAD)
    try:
        row.update([UploadRow.arrived.add({number})], WAITING)
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        if not table.get(ContentRow, row.box, table.CONTENT):
            note_stray(store, content_key)
        return
    if row.arrived and {int(n) for n in row.arrived} >= set(range(1, len(row.parts) + 1)):
        _finish(store, row)


def _finish(store: Store, row: UploadRow) -> None:
    key = BoxKey.parse(row.owner)
    object_id = ObjectId(row.object_id)
    content = Content(key_of(row), ContentId(object_id), rows.parts(row.parts))
    given = NewObject(
        rows.attributes(row.attributes), tuple(row.flags), row.correlation_id, row.correlation_tag
    )

    def decide(view: View, draft: Draft) -> None:
        folder = view.folder(FolderId(row.parent))
        draft.row(lambda transaction: transaction.delete(row, WAITING))
        draft.new_content(content)
        parent = folder.folder_id if folder else RCS_MESSAGE_STORE
        draft.create_link(object_id, parent, date_of(given.attributes, draft.now), given, content)

    try:
        commit(store, key, lambda: [wanted(FolderId(row.parent))], decide)
    except TransactWriteError:
        if table.get(UploadRow, row.box, row.item):
            raise


def note_stray(store: Store, content_key: ContentKey) -> None:
    """Bytes that no row knows. Noted as those of a request that died: the sweep looks again, and deletes.

    What is noted already stays as it is: that note may be of other bytes, too.
    """
    try:
        _intake([content_key], store.now()).save(IntakeRow.item.does_not_exist())
    except PutError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise


def sweep_upload(contents: Contents, row: UploadRow) -> None:
    """Parts that came for an object that never became whole; from now on it never will."""
    try:
        row.update([UploadRow.swept.set("yes")], UploadRow.item.exists())
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            return
        raise
    contents.delete([f"{key_of(row)}/{number}" for number in range(1, len(row.parts) + 1)])
    row.delete()


def sweep_intake(contents: Contents, row: IntakeRow) -> None:
    """Bytes noted but never linked."""
    for content_key in row.content_keys:
        if not table.get(ContentRow, table.content_partition(content_key), table.CONTENT):
            contents.delete([f"{content_key}/{number}" for number in range(1, 101)])
    row.delete()


def key_of(row: UploadRow) -> ContentKey:
    return ContentKey(row.box[2:])
