"""The kinds of rows, and what each holds. `table` says where they lie and how they are read.

`work` and `due` put a row into the index of overdue work, which the sweep reads.
"""

import json
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection, LocalSecondaryIndex
from pynamodb.models import Model


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
    filter = Json(null=True)
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
