"""The one table: its rows, their keys, and how each is read. No other module builds a key.

| question | how it is read | key |
|---|---|---|
| every write | TransactGetItems, then TransactWriteItems, conditional on `seq` | box row, rows needed |
| is there anything new? | GetItem | `{store}#{box}` / `BOX` |
| what changed? | Query of the log, consistent | `{store}#{box}#L{seq // 1000}` / from `{seq}` on |
| a first sync | Query, consistent: folders, then links, newest first | `{store}#{box}` / `F#…`, `O#…` |
| what is in a folder, in order | Query of `by-folder`, consistent | `place` = `{folder}#{date}#{id}` |
| what is newest, whatever its folder? | Query of `by-date`, consistent | `dated` = `{date}#{id}` |
| which objects meet criteria? | Query of `by-date` or `by-folder`, BatchGetItem; or Query | `O#…` |
| what was created, what has vanished? | Query of the log, BatchGetItem; since long ago: Query | `O#…` |
| where do paths lead? | BatchGetItem for each level of folders | `{store}#{box}` / `N#{parent}#{name}` |
| how much is in a folder? | Query of `by-folder`, BatchGetItem; for many folders: Query | `O#…` |
| what does a device want to know of? | GetItem; for a list Query, consistent | `{store}#{box}` / `P#{name}` |
| who is subscribed? | Query, consistent | `{store}#{box}#S` / `{subscription}` |
| was this request made before? | GetItem, then in each of its transactions | `{store}#{box}` / `K#{hash}` |
| which subscriptions have expired? | Query, consistent | `{store}#{box}#E` / `{subscription}` |
| what do these bytes belong to? | GetItem, BatchGetItem | `C#{contentKey}` / `CONTENT`, `UPLOAD`, `INTAKE` |
| does a box still link shared bytes? | Query, then GetItem | `C#{contentKey}` / `CONTENT#{share}`, `SHARED` |
| was this delivery made before? | GetItem | `#D#{hash}` / `K#{hash}` |
| which upload is under way for an object? | GetItem, then the upload's | `{store}#{box}` / `U#{object}` |
| what is overdue? | Query of `by-due` | `work` = `deliver#…` or `due#…`, `due` up to now |
| which objects have come of age? | Query of `by-date`, consistent | `dated` = `{date}#{id}` |
| which boxes are older than the retention? | Scan, once; then GetItem | `RETENTION` / `RETENTION` |
| is a host slow? | GetItem, BatchGetItem | `H#{hash}` / `SLOW` |

Ranges are read by prefix, so no row needs a discriminator. Times are text, such as
`2026-11-23T10:14:00.000000Z`, and their text order is their time order.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
)
from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection, LocalSecondaryIndex
from pynamodb.models import Model

from onecopy.domain.box import BoxKey
from onecopy.domain.content import ContentKey, share, split_share
from onecopy.domain.ids import FolderId, ModSeq, ObjectId

LOG_PARTITION = 1000
"""Changes in one partition of the log."""

SHARDS = 16
"""Partition keys of `by-due` for each kind of work. One key takes a thousand writes a second."""

DELIVER = "deliver"
"""Work owed to a subscriber: its verification, a list that it refused, a replay. It is counted."""

DUE = "due"
"""All other work with a due time: jobs, uploads, content without a link, subscribers at rest."""

_NAME_IN_KEY = 600
"""The most bytes of a name in a sort key (1,024 bytes with the parent's id). Longer names are hashed."""

_TIME_DIGITS = 20

_RowT = TypeVar("_RowT", bound="Row")


class Json(JSONAttribute):
    """JSON as UTF-8. Escaping would make text in most of the world's scripts three times as long."""

    def serialize(self, value: Any) -> str | None:
        return None if value is None else json_text(value)


def json_text(value: Any) -> str:
    """The JSON as a row stores it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sent_size(value: Any) -> int:
    """The bytes of a JSON value in a DynamoDB request, in which everything but ASCII is escaped."""
    return len(json.dumps(json_text(value)))


class ByFolder(LocalSecondaryIndex["Row"]):  # type: ignore[no-untyped-call]  # PynamoDB has no types there
    class Meta:
        index_name = "by-folder"
        projection = KeysOnlyProjection()

    box = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)


class ByDate(LocalSecondaryIndex["Row"]):  # type: ignore[no-untyped-call]
    """Every object of the box by date, whatever its folder. Searches read it, and so do listings for whoever
    wants no older objects.
    """

    class Meta:
        index_name = "by-date"
        projection = KeysOnlyProjection()

    box = UnicodeAttribute(hash_key=True)
    dated = UnicodeAttribute(range_key=True)


class ByDue(GlobalSecondaryIndex["Row"]):  # type: ignore[no-untyped-call]
    """Sparse: only rows with work due at `due`. Eventually consistent, which is enough for the sweep."""

    class Meta:
        index_name = "by-due"
        projection = KeysOnlyProjection()

    work = UnicodeAttribute(hash_key=True)
    due = UnicodeAttribute(range_key=True)


class Row(Model):
    class Meta:
        table_name: str | None = None
        connect_timeout_seconds = 2
        read_timeout_seconds = 5
        max_retry_attempts = 3

    box = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    by_folder = ByFolder()
    by_date = ByDate()
    by_due = ByDue()


class BoxRow(Row):
    """The last numbers given out, how far the log had come lately, the jobs, and the digest of the whole box.
    `use`: the bytes of its content, and how many uploads are under way.

    `trace`: X-Ray's header of the last commit, if it was traced.
    `due`: when to look next for objects that have expired; `looked`: the last look. Only with a retention.
    """

    seq = NumberAttribute()
    ids = NumberAttribute()
    validity = UnicodeAttribute()
    digest = Json(null=True)
    jobs = Json(null=True)
    moved = Json(null=True)
    at = UnicodeAttribute(null=True)
    marks = Json(null=True)
    closed = UnicodeAttribute(null=True)
    use = Json(null=True)
    trace = UnicodeAttribute(null=True)
    looked = Json(null=True)
    work = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)


class FolderRow(Row):
    name = UnicodeAttribute()
    parent = UnicodeAttribute(null=True)
    ancestors = Json()
    attributes = Json(null=True)
    last_mod_seq = NumberAttribute()
    place = UnicodeAttribute(null=True)
    inner = BooleanAttribute(null=True)
    as_of = NumberAttribute(null=True)


class NameRow(Row):
    folder_id = UnicodeAttribute()


class LinkRow(Row):
    parent = UnicodeAttribute()
    place = UnicodeAttribute()
    dated = UnicodeAttribute()
    flags = Json()
    attributes = Json()
    content_key = UnicodeAttribute(null=True)
    content_id = UnicodeAttribute(null=True)
    parts = Json(null=True)
    correlation_id = UnicodeAttribute(null=True)
    correlation_tag = UnicodeAttribute(null=True)
    last_mod_seq = NumberAttribute()
    as_of = NumberAttribute(null=True)
    created = NumberAttribute(null=True)
    stored = UnicodeAttribute(null=True)


class ChangeRow(Row):
    """A row of the log. `event` holds the complete change."""

    at = UnicodeAttribute()
    event = Json()
    expires = NumberAttribute()


class ContentRow(Row):
    """Content as one box holds it. Once `links` is zero it stays zero. That write also sets `work` and `due`,
    for the sweep. Of content that a delivery has put into several boxes, each box has a row of its own.
    """

    owner = UnicodeAttribute()
    links = NumberAttribute()
    sizes = Json()
    work = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)


class UploadRow(Row):
    """An object whose parts have not all arrived. It becomes a link, or the sweep removes it at `due`."""

    owner = UnicodeAttribute()
    object_id = UnicodeAttribute()
    parent = UnicodeAttribute()
    flags = Json()
    attributes = Json()
    parts = Json()
    correlation_id = UnicodeAttribute(null=True)
    correlation_tag = UnicodeAttribute(null=True)
    arrived = NumberSetAttribute(null=True)
    swept = UnicodeAttribute(null=True)
    work = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)


class UploadKeyRow(Row):
    """Maps an object's id to its upload's content key.

    It may outlive the upload. TTL removes it, so no later write has to pay for that.
    """

    content = UnicodeAttribute()
    expires = NumberAttribute()


class IntakeRow(Row):
    """Written before bytes are put in the bucket, deleted by the commit. After a crash the sweep finds it.

    `parts`: how many parts each content has; None if that is unknown.
    """

    content_keys = Json()
    parts = Json(null=True)
    work = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)


class SharedRow(Row):
    """Bytes that a delivery under way may still link. Written before they are put in the bucket, deleted at
    the delivery's end. After a crash the sweep finds it. `parts`: how many parts there are.
    """

    parts = NumberAttribute()
    swept = UnicodeAttribute(null=True)
    work = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)


class PreferencesRow(Row):
    """`version` is new with each change, and never used again."""

    version = UnicodeAttribute()
    excluded = Json()
    min_date = UnicodeAttribute(null=True)
    days = NumberAttribute(null=True)
    contexts = Json(null=True)


class SubscriptionRow(Row):
    notify_url = UnicodeAttribute()
    callback_data = UnicodeAttribute(null=True)
    notification_format = UnicodeAttribute(null=True)
    client_correlator = UnicodeAttribute(null=True)
    secret = UnicodeAttribute()
    code = UnicodeAttribute()
    state = UnicodeAttribute()
    last_error = UnicodeAttribute(null=True)
    expiry = UnicodeAttribute()
    expires = NumberAttribute()
    server_root = UnicodeAttribute()
    validity = UnicodeAttribute()
    cursor = NumberAttribute()
    cursor_at = UnicodeAttribute()
    index = NumberAttribute()
    tries = NumberAttribute(default=0)
    restart = NumberAttribute(null=True)
    restart_at = UnicodeAttribute(null=True)
    restart_validity = UnicodeAttribute(null=True)
    preferences = UnicodeAttribute(null=True)
    followed = Json(null=True)
    restart_followed = Json(null=True)
    in_flight = Json(null=True)
    flight = NumberAttribute(null=True)
    work = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)


class JobRow(Row):
    """Background work on a box. `state` depends on the kind of job; `step` counts the job's commits.

    `after`: the jobs it waits for, as long as their rows exist.
    """

    kind = UnicodeAttribute()
    state = Json()
    step = NumberAttribute()
    after = Json()
    work = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)


class HostRow(Row):
    """A subscribers' host that answered slowly. TTL removes the row."""

    until = UnicodeAttribute()
    expires = NumberAttribute()


class RetentionRow(Row):
    """The policy by which objects expire, and how far the boxes from before it have been found.

    `since`: when it was first seen. `after`: where the search for such boxes goes on. `done`: it has ended.
    """

    rules = Json()
    since = UnicodeAttribute()
    after = Json(null=True)
    done = BooleanAttribute(null=True)


class KeyRow(Row):
    """An Idempotency-Key: its request, the outcomes of the items so far, and who works on it until when.

    `content`: for a delivery, where its content lies in the bucket.
    `plan`: the items themselves and where the rest of them begins, if the request did not name them.
    """

    fingerprint = UnicodeAttribute()
    runner = UnicodeAttribute()
    lease = UnicodeAttribute()
    told = Json()
    plan = Json(null=True)
    done = BooleanAttribute()
    expires = NumberAttribute()
    content = UnicodeAttribute(null=True)


_SUBSCRIPTIONS = "#S"
_EXPIRED = "#E"
BOX = "BOX"
CONTENT = "CONTENT"
UPLOAD = "UPLOAD"
INTAKE = "INTAKE"
SHARED = "SHARED"
SLOW = "SLOW"
RETENTION = "RETENTION"
"""Both the partition and the item of a store's one RetentionRow."""

_HOST = "H#"
_DELIVERY = "#D#"
_SHARE = f"{CONTENT}#"


def folder_item(folder_id: FolderId) -> str:
    return f"F#{folder_id}"


def link_item(object_id: ObjectId) -> str:
    return f"O#{object_id}"


def link_items_before(object_id: str) -> tuple[str, str]:
    """The first and the last `item` of links with ids up to this one; of all links if it is empty."""
    return "O#", f"O#{object_id}" if object_id else "O#~"


def preferences_item(name: str) -> str:
    return f"P#{name}"


def name_item(parent: FolderId, name: str) -> str:
    encoded = name.encode()
    if len(encoded) > _NAME_IN_KEY:
        return f"N#{parent}##{hashlib.sha256(encoded).hexdigest()}"
    return f"N#{parent}#/{name}"


def subscription_partition(key: BoxKey) -> str:
    """Separate from the box: the fan-out of each commit reads only these rows."""
    return f"{key}{_SUBSCRIPTIONS}"


def expired_partition(key: BoxKey) -> str:
    """Where expired subscriptions lie. The fan-out of a commit does not read them."""
    return f"{key}{_EXPIRED}"


def box_of_subscription(partition: str) -> str:
    return partition.removesuffix(_SUBSCRIPTIONS).removesuffix(_EXPIRED)


def work(kind: str, partition: str) -> str:
    """The key in `by-due` for DELIVER or DUE. All rows of one partition share a key."""
    return f"{kind}#{zlib.crc32(partition.encode()) % SHARDS:02d}"


def every_work(kind: str) -> list[str]:
    """All keys in `by-due` for DELIVER or DUE."""
    return [f"{kind}#{shard:02d}" for shard in range(SHARDS)]


def key_item(name: str) -> str:
    return f"K#{name}"


def upload_item(object_id: ObjectId) -> str:
    return f"U#{object_id}"


def is_subscription_partition(partition: str) -> bool:
    return partition.endswith(_SUBSCRIPTIONS)


def job_item(job_id: str) -> str:
    return f"J#{job_id}"


def content_partition(content_key: ContentKey) -> str:
    """All shares of the same bytes lie together."""
    return f"C#{split_share(content_key)[0]}"


def content_item(content_key: ContentKey) -> str:
    _, number = split_share(content_key)
    return f"{_SHARE}{number}" if number else CONTENT


def content_row(content_key: ContentKey) -> tuple[str, str]:
    return content_partition(content_key), content_item(content_key)


def content_key_of(partition: str, item: str) -> ContentKey:
    """The key of content, from the key of a row in its partition."""
    stored = ContentKey(partition.removeprefix("C#"))
    return share(stored, int(item.removeprefix(_SHARE))) if item.startswith(_SHARE) else stored


def is_content(item: str) -> bool:
    return item == CONTENT or item.startswith(_SHARE)


def any_share() -> Condition:
    """The shares among the rows of a content's partition."""
    return ContentRow.item.startswith(_SHARE)


def delivery_partition(name: str) -> str:
    """Where a delivery's Idempotency-Key lies, since a delivery belongs to no box."""
    return f"{_DELIVERY}{name}"


def host_partition(host: str) -> str:
    return f"{_HOST}{hashlib.sha256(host.encode()).hexdigest()}"


def is_of_no_box(partition: str) -> bool:
    """Whether the partition holds what belongs to the whole store: a slow host, the retention, a delivery."""
    return partition.startswith((_HOST, _DELIVERY)) or partition == RETENTION


def log_partition(key: BoxKey, seq: int) -> str:
    return f"{key}#L{seq // LOG_PARTITION}"


def log_item(seq: int) -> str:
    return f"{seq:020d}"


def folder_place(parent: FolderId, folder_id: FolderId) -> str:
    """It has no date, which puts a folder's subfolders before its objects."""
    return f"{parent}##{folder_id}"


def link_place(parent: FolderId, date: datetime, object_id: ObjectId) -> str:
    return f"{parent}#{time_text(date)}#{object_id}"


def link_dated(date: datetime, object_id: ObjectId) -> str:
    return f"{time_text(date)}#{object_id}"


def dates(after: datetime | None, until: datetime) -> tuple[str, str]:
    """The first and the last `dated` of what has a date after the one (or any) and not after the other."""
    return f"{time_text(after)}~" if after else "0", f"{time_text(until)}~"


def dated_cursor(dated: str) -> str:
    """A place in the order by date, in digits and small letters: a time has 20 digits, and an id follows."""
    time, _, object_id = dated.partition("#")
    return f"{''.join(filter(str.isdigit, time))}{object_id}"


def dated_at(cursor: str) -> str:
    """The place that `dated_cursor` wrote."""
    d = cursor[:_TIME_DIGITS]
    time = f"{d[:4]}-{d[4:6]}-{d[6:8]}T{d[8:10]}:{d[10:12]}:{d[12:14]}.{d[14:]}Z"
    return f"{time}#{cursor[_TIME_DIGITS:]}"


def places(folder_id: FolderId, subfolders: bool = True, objects: bool = True) -> tuple[str, str]:
    """The first and the last `place` that anything in the folder can have."""
    return f"{folder_id}#{'#' if subfolders else '0'}", f"{folder_id}#{'~' if objects else '#~'}"


def dated_between(start: datetime | None, end: datetime | None) -> tuple[str, str]:
    """The first and the last `dated` of a date from `start` on and before `end`."""
    return time_text(start) if start else "0", time_text(end) if end else "~"


def place_of_dated(folder_id: FolderId, dated: str) -> str:
    """The `place` in the folder that goes with a `dated`."""
    return f"{folder_id}#{dated}"


def dated_of_place(place: str) -> str:
    return place.partition("#")[2]


def time_text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def seq_of(row: ChangeRow) -> ModSeq:
    return ModSeq(int(row.item))


def bind(table_name: str) -> Connection:
    """Binds the rows to a table. All kinds share one connection; PynamoDB would open one for each."""
    Row.Meta.table_name = table_name
    Row._connection = None
    return Row._get_connection().connection


def connection() -> Connection:
    return Row._get_connection().connection


def get(kind: type[_RowT], box: str, item: str) -> _RowT | None:
    """One row, strongly consistent."""
    try:
        return kind.get(box, item, consistent_read=True)
    except kind.DoesNotExist:
        return None


def present(kind: type[_RowT], keys: Sequence[tuple[str, str]], only: list[str] | None = None) -> list[_RowT]:
    """The rows that exist, strongly consistent, 100 a call; with `only`, just these attributes."""
    return list(kind.batch_get(keys, consistent_read=True, attributes_to_get=only))


def there(kind: type[_RowT], keys: Sequence[tuple[str, str]]) -> set[str]:
    """The partitions of the rows that exist."""
    return {row.box for row in present(kind, keys)}


def page(
    kind: type[_RowT],
    box: str,
    condition: Condition,
    limit: int,
    index: str | None = None,
    after: Mapping[str, Any] | None = None,
    forward: bool = True,
) -> tuple[list[_RowT], Mapping[str, Any] | None]:
    """One Query call: the rows, and where the next page starts (None at the end)."""
    found = kind.query(
        box,
        condition,
        consistent_read=index != ByDue.Meta.index_name,
        index_name=index,
        limit=limit,
        last_evaluated_key=dict(after) if after else None,
        scan_index_forward=forward,
    ).page_iter
    raw: Any = next(found)
    return [kind.from_raw_data(item) for item in raw["Items"]], found.last_evaluated_key


def boxes(after: Mapping[str, Any] | None) -> tuple[list[BoxRow], Mapping[str, Any] | None]:
    """One Scan call: the boxes in a part of the table, with their `due`, and where the next part starts."""
    found = BoxRow.scan(
        BoxRow.item == BOX,
        attributes_to_get=["box", "item", "due"],
        last_evaluated_key=dict(after) if after else None,
    ).page_iter
    raw: Any = next(found)
    return [BoxRow.from_raw_data(item) for item in raw["Items"]], found.last_evaluated_key


def every(
    kind: type[_RowT],
    box: str,
    condition: Condition | None = None,
    index: str | None = None,
    only: list[str] | None = None,
) -> Iterator[_RowT]:
    """A whole range, page by page, strongly consistent; with `only`, just these attributes."""
    return iter(kind.query(box, condition, consistent_read=True, index_name=index, attributes_to_get=only))


def get_many(
    kind: type[_RowT], box: str, items: Iterable[str], only: list[str] | None = None
) -> Iterator[_RowT]:
    """The rows that exist, 100 a call, strongly consistent, but not all read at one moment."""
    keys = [(box, item) for item in dict.fromkeys(items)]
    return iter(kind.batch_get(keys, consistent_read=True, attributes_to_get=only))
