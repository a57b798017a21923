"""The one table: its keys, and how each row is read. No other module builds a key. `kinds` has the rows.

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
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition

from onecopy.domain.box import BoxKey
from onecopy.domain.content import ContentKey, share, split_share
from onecopy.domain.ids import FolderId, ModSeq, ObjectId
from onecopy.store.commit.kinds import BoxRow, ByDue, ChangeRow, ContentRow, Row

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
