"""What must agree with what. Each rule reads facts and reports what disagrees; none calls the store."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from infra.ops.check import repair
from infra.ops.check.facts import Facts
from infra.ops.check.finding import Finding
from onecopy.domain.box import Box, Chain, Use
from onecopy.domain.content import ContentKey
from onecopy.domain.digest import Digest
from onecopy.domain.folder import Folder
from onecopy.domain.ids import SYSTEM_FOLDERS, FolderId, ModSeq
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import (
    BoxRow,
    ChangeRow,
    ContentRow,
    FolderRow,
    IntakeRow,
    JobRow,
    LinkRow,
    NameRow,
    SharedRow,
    SubscriptionRow,
    UploadRow,
)

LATE = timedelta(minutes=15)
"""Within this time anything due should have been swept: a sweep runs every minute."""

RARELY = timedelta(days=2)
"""Twice the longest rest of a subscriber: nothing will ever ring for one that is due later."""

LOG_SURELY_KEPT = timedelta(days=1)
"""The shortest history that can be set."""


def box(facts: Facts, name: str, now: datetime) -> Iterator[Finding]:
    """Apply all rules to one box, including its content, its log and its subscriptions."""
    row = facts.get(BoxRow, name, table.BOX)
    if row:
        looked_at = rows.box(row)
        yield from _log(facts, row, looked_at, now)
        yield from _tree(facts, looked_at)
        yield from _work(facts, looked_at, now)
        if late := _late(row.due, now):
            text = f"objects that have expired do not leave: the look for them is {late}"
            yield Finding("expiry", name, table.BOX, text, repair.looked_at(row))
        yield from _contents(facts, looked_at, now)
        yield from _use(facts, looked_at)
        yield from _subscriptions(facts, looked_at, now)


def elsewhere(facts: Facts, now: datetime) -> Iterator[Finding]:
    """Find what belongs to no existing box."""
    intakes = list(facts.of_owner(IntakeRow, "", table.INTAKE))
    for intake in intakes:
        if late := _late(intake.due, now):
            yield Finding("swept", "", intake.box, f"bytes that arrived and were never linked, {late}")
    noted = {content for intake in intakes for content in intake.content_keys}
    for shared in facts.of_owner(SharedRow, "", table.SHARED):
        if late := _late(shared.due, now):
            yield Finding("swept", "", shared.box, f"a delivery that was never completed, {late}")
    for content in facts.unnoted():
        if content in noted:
            continue
        parts = facts.parts(content)
        age = now - max(part.modified for part in parts.values())
        size = sum(part.size for part in parts.values())
        yield Finding(
            "orphan",
            "",
            table.content_partition(ContentKey(content)),
            f"{size:,} bytes in the bucket that no row knows, {_told(age)} old",
            repair.swept(content),
        )
    for partition in facts.homeless():
        yield Finding("homeless", "", partition, "rows of a box that does not exist")


def _log(facts: Facts, row: BoxRow, box: Box, now: datetime) -> Iterator[Finding]:
    """The log has no gap from the first change that has not expired to the box row's number."""
    expected = None
    for change in _changes(facts, row.box):
        if change.expires <= now.timestamp():
            continue
        number = table.seq_of(change)
        if expected is not None and number != expected:
            text = f"{number - expected:,} changes before it are missing"
            yield Finding("log", row.box, f"change {number}", text, repair.renewed(row))
        expected = number + 1
    last = (expected or 1) - 1
    kept = box.at is not None and box.at > now - LOG_SURELY_KEPT
    if last > box.seq:
        yield Finding("log", row.box, f"change {last}", f"in the log, but the box is at {box.seq}")
    elif last < box.seq and (expected or kept):
        text = f"the log ends at {last}"
        yield Finding("log", row.box, f"change {box.seq}", text, repair.renewed(row))


def _changes(facts: Facts, name: str) -> Iterator[ChangeRow]:
    for partition in facts.logs(name):
        yield from facts.of(ChangeRow, partition, "0")


def _tree(facts: Facts, box: Box) -> Iterator[Finding]:
    name = str(box.key)
    folder_rows = {row.item: row for row in facts.of(FolderRow, name, "F#")}
    folders = {folder.folder_id: folder for folder in map(rows.folder, folder_rows.values())}
    for needed in SYSTEM_FOLDERS.keys() - folders.keys():
        text = "a folder that every box has is missing"
        yield Finding("folder", name, table.folder_item(needed), text)
    for item, row in folder_rows.items():
        yield from _folder(box, folders, row, folders[FolderId(item[2:])])
    yield from _names(facts, box, folders)
    digest = Digest()
    for folder in folders.values():
        digest = digest.plus("folder", folder.folder_id, folder.last_mod_seq)
    for link in facts.of(LinkRow, name, "O#"):
        digest = digest.plus("object", link.item.removeprefix("O#"), ModSeq(int(link.last_mod_seq)))
        yield from _link(box, folders, link)
    if digest != box.digest:
        text = f"the digest is stored as {_shown(box.digest)}, but is {_shown(digest)}"
        yield Finding("digest", name, table.BOX, text, repair.digest(box, digest))


def _shown(digest: Digest) -> str:
    return f"{digest.folders:,} folders, {digest.objects:,} objects, {digest.sum:016x}"


def _folder(box: Box, folders: dict[FolderId, Folder], row: FolderRow, folder: Folder) -> Iterator[Finding]:
    name = str(box.key)
    if folder.last_mod_seq > box.seq:
        yield Finding("number", name, row.item, f"changed by {folder.last_mod_seq}, the box is at {box.seq}")
    if folder.parent is None:
        return
    right = table.folder_place(folder.parent, folder.folder_id)
    if row.place != right:
        yield Finding("place", name, row.item, "not where its parent lists it", repair.place(row, right))
    if box.hides(folder.folder_id, folder.ancestors):
        return
    above = _above(folders, folder)
    if above is None:
        yield Finding("folder", name, row.item, "a folder above it is missing, or they form a circle")
    elif box.chain(folder.ancestors) != above:
        text = "the folders above it are not those that are stored"
        yield Finding("chain", name, row.item, text, repair.chain(box, folder, above))


def _above(folders: dict[FolderId, Folder], folder: Folder) -> Chain | None:
    """The folders above, found by going up from parent to parent."""
    found: list[FolderId] = []
    climb: Folder | None = folder
    while climb and climb.parent is not None:
        if climb.parent in found:
            return None
        found.append(climb.parent)
        climb = folders.get(climb.parent)
    return tuple(reversed(found)) if climb else None


def _names(facts: Facts, box: Box, folders: dict[FolderId, Folder]) -> Iterator[Finding]:
    name = str(box.key)
    taken = {row.item: row for row in facts.of(NameRow, name, "N#")}
    for folder in folders.values():
        if folder.parent is None:
            continue
        row = taken.pop(table.name_item(folder.parent, folder.name), None)
        item = table.folder_item(folder.folder_id)
        if row is None:
            yield Finding("name", name, item, "not found by its name", repair.taken_name(box, folder))
        elif row.folder_id != folder.folder_id:
            yield Finding("name", name, item, f"its name leads to {row.folder_id}")
    for row in taken.values():
        thing = f"a name of {row.folder_id}"
        text = "the folder has another name, or is gone"
        yield Finding("name", name, thing, text, repair.freed_name(box, row))


def _link(box: Box, folders: dict[FolderId, Folder], row: LinkRow) -> Iterator[Finding]:
    name, link = str(box.key), rows.link(row)
    if link.last_mod_seq > box.seq:
        yield Finding("number", name, row.item, f"changed by {link.last_mod_seq}, the box is at {box.seq}")
    right = table.link_place(link.parent, link.date, link.object_id)
    if row.place != right:
        yield Finding("place", name, row.item, "not where its folder lists it", repair.place(row, right))
    if link.parent not in folders and not box.doomed:
        yield Finding("link", name, row.item, f"its folder {link.parent} does not exist")


def _work(facts: Facts, box: Box, now: datetime) -> Iterator[Finding]:
    """All background work has a job, and goes on."""
    name = str(box.key)
    jobs = list(facts.of(JobRow, name, "J#"))
    for job in jobs:
        if late := _late(job.due, now):
            yield Finding("job", name, job.item, f"a {job.kind} that does not go on, {late}")
    there = {job.item for job in jobs}
    for noted in box.jobs:
        if table.job_item(noted.job_id) not in there:
            text = f"a {noted.kind} that was started, but has no job"
            yield Finding("job", name, table.job_item(noted.job_id), text, repair.begun(box, noted))
    settled = {folder_id for job in box.jobs if job.kind == "settle" for folder_id in job.roots}
    for folder_id, moved in box.moved.items():
        if folder_id not in settled:
            folder = Folder(folder_id, None, "", (), ModSeq(moved.seq))
            text = "moved, but no job settles what is below it"
            mend = repair.settled(box, folder)
            yield Finding("job", name, table.folder_item(folder_id), text, mend)


def _contents(facts: Facts, box: Box, now: datetime) -> Iterator[Finding]:
    """Counts agree with links, and rows with the bucket."""
    name, linked = str(box.key), Counter[str]()
    one = dict[str, str]()
    for link in facts.of(LinkRow, name, "O#"):
        if link.content_key:
            linked[link.content_key] += 1
            one[link.content_key] = link.item
    for content in facts.of_owner(ContentRow, name):
        key = table.content_key_of(content.box, content.item)
        count = linked.pop(key, 0)
        if content.links != count:
            text = f"counted {content.links:,} links, but there are {count:,}"
            safe = None if content.links <= 0 else repair.links_of_content(box, content, count)
            yield Finding("count", name, content.box, text, safe)
        if count:
            yield from _bytes(facts, name, key, content)
        elif late := _late(content.due, now):
            yield Finding("reclaim", name, content.box, f"nothing links to it, but it is still there, {late}")
    for lost, count in linked.items():
        thing = table.content_partition(ContentKey(lost))
        row_of_one = facts.get(LinkRow, name, one[lost])
        whole = row_of_one and len(facts.parts(lost)) == len(row_of_one.parts)
        mend = repair.row_of_content(box, rows.link(row_of_one), count) if row_of_one and whole else None
        yield Finding("content", name, thing, f"{count:,} links point to it, but it has no row", mend)
    for upload in facts.of_owner(UploadRow, name, table.UPLOAD):
        if late := _late(upload.due, now):
            yield Finding("swept", name, upload.box, f"an upload that was never completed, {late}")


def _use(facts: Facts, box: Box) -> Iterator[Finding]:
    """What counts against a quota agrees with the contents that the box links and the uploads under way."""
    name, sizes, linked = str(box.key), dict[str, int](), set[str]()
    for link in facts.of(LinkRow, name, "O#"):
        if link.content_key:
            linked.add(link.content_key)
            sizes[link.content_key] = sum(part.size for part in rows.parts(link.parts))
    for content in facts.of_owner(ContentRow, name):
        key = table.content_key_of(content.box, content.item)
        if content.links > 0 or key in linked:
            sizes[key] = sum(content.sizes)
    waiting = [row for row in facts.of_owner(UploadRow, name, table.UPLOAD) if not row.swept]
    begun = sum(part.size for row in waiting for part in rows.parts(row.parts))
    use = Use(sum(sizes.values()) + begun, len(waiting))
    if use != box.use:
        text = f"counted {_used(box.use)} for its quota, but there are {_used(use)}"
        yield Finding("use", name, table.BOX, text, repair.use(box, use))


def _used(use: Use) -> str:
    return f"{use.bytes:,} bytes and {use.uploads:,} uploads under way"


def _bytes(facts: Facts, name: str, key: ContentKey, content: ContentRow) -> Iterator[Finding]:
    there = facts.parts(key)
    missing = [part for part in range(1, len(content.sizes) + 1) if part not in there]
    if missing:
        text = f"{len(missing)} of its {len(content.sizes)} parts are not in the bucket"
        yield Finding("bytes", name, content.box, text, repair.undeleted(key, missing))
    for part, size in enumerate(content.sizes, 1):
        if part in there and there[part].size != size:
            text = f"part {part} has {there[part].size:,} bytes instead of {size:,}"
            yield Finding("bytes", name, f"{content.box}/{part}", text)


def _subscriptions(facts: Facts, box: Box, now: datetime) -> Iterator[Finding]:
    name = table.subscription_partition(box.key)
    for row in facts.of(SubscriptionRow, name, ""):
        ahead = row.validity == box.validity and row.cursor > box.seq
        if ahead:
            yield Finding(
                "cursor", str(box.key), row.item, f"notified up to {row.cursor}, but the box is at {box.seq}"
            )
        if row.state != "failed" and not _is_rung_for(row, now):
            text = "a subscriber that nothing will ever ring for"
            yield Finding("bell", str(box.key), row.item, text, repair.rung(row))
        if row.state == "active" and not row.tries and (late := _late(row.due, now)):
            yield Finding("push", str(box.key), row.item, f"a subscriber that is not notified, {late}")


def _is_rung_for(row: SubscriptionRow, now: datetime) -> bool:
    """Whether the sweep will soon find it."""
    known = {table.work(kind, row.box) for kind in (table.DELIVER, table.DUE)}
    return row.work in known and row.due is not None and row.due <= table.time_text(now + RARELY)


def _late(since: str | None, now: datetime) -> str:
    """How long it has been due; empty unless that is too long."""
    late = now - table.parse_time(since) if since else timedelta()
    return f"due for {_told(late)}" if late > LATE else ""


def _told(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
