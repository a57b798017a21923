"""Turns rows into domain values and back. Only this module knows how a value is stored."""

from collections.abc import Iterable, Mapping
from typing import Any

from onecopy.domain.box import Box, BoxKey, Job, Looked, Mark, Moved, Use
from onecopy.domain.change import (
    Chains,
    Change,
    ChangedFolder,
    ChangedObject,
    DeletedFolder,
    DeletedObject,
    Event,
    Metadata,
)
from onecopy.domain.content import Content, ContentKey, Part
from onecopy.domain.digest import Digest
from onecopy.domain.folder import Attributes, Folder
from onecopy.domain.ids import ContentId, FolderId, ModSeq, ObjectId
from onecopy.domain.interest import NOTHING_SPECIAL, Followed
from onecopy.domain.link import Link
from onecopy.store.commit import table
from onecopy.store.commit.kinds import BoxRow, ChangeRow, FolderRow, LinkRow


def box(row: BoxRow) -> Box:
    moved = {
        FolderId(folder): Moved(seq, tuple(FolderId(above) for above in chain))
        for folder, (seq, chain) in (row.moved or {}).items()
    }
    return Box(
        key=BoxKey.parse(row.box),
        seq=ModSeq(int(row.seq)),
        ids=int(row.ids),
        validity=row.validity,
        jobs=tuple(_job(raw) for raw in row.jobs or ()),
        moved=moved,
        at=table.parse_time(row.at) if row.at else None,
        marks=tuple(Mark(seq, table.parse_time(at)) for seq, at in row.marks or ()),
        digest=_digest(row.digest),
        closed=table.parse_time(row.closed) if row.closed else None,
        use=Use(*(row.use or ())),
        due=table.parse_time(row.due) if row.due else None,
        looked=_looked(row.looked) if row.looked else None,
    )


def _job(raw: Any) -> Job:
    job_id, kind, seq, roots, copies, *links = raw
    return Job(job_id, kind, seq, tuple(map(FolderId, roots)), tuple(map(FolderId, copies)), *links)


def jobs_json(jobs: Iterable[Job]) -> list[Any]:
    return [[job.job_id, job.kind, job.seq, list(job.roots), list(job.copies), job.links] for job in jobs]


def use_json(use: Use) -> list[int]:
    return [use.bytes, use.uploads]


def _digest(raw: Any) -> Digest:
    folders, objects, weights = raw or (0, 0, "0")
    return Digest(folders, objects, int(weights, 16))


def digest_json(digest: Digest) -> list[Any]:
    return [digest.folders, digest.objects, f"{digest.sum:016x}"]


def marks_json(marks: tuple[Mark, ...]) -> list[Any]:
    return [[mark.seq, table.time_text(mark.at)] for mark in marks]


def moved_json(moved: Mapping[FolderId, Moved]) -> dict[str, Any]:
    return {folder: [seq, list(chain)] for folder, (seq, chain) in moved.items()}


def _looked(raw: Any) -> Looked:
    at, whole, policy, left = raw
    ranges = tuple((first, last) for first, last in left)
    return Looked(table.parse_time(at), table.parse_time(whole), policy, ranges)


def looked_json(looked: Looked) -> list[Any]:
    left = [list(part) for part in looked.left]
    return [table.time_text(looked.at), table.time_text(looked.whole), looked.policy, left]


def attributes_json(attributes: Attributes) -> list[Any]:
    return [[name, list(values)] for name, values in attributes]


def attributes(raw: Any) -> Attributes:
    return tuple((name, tuple(values)) for name, values in raw or ())


def parts_json(parts: tuple[Part, ...], checksums: bool = True) -> list[Any]:
    """A change row holds parts without checksums, which are 32 bytes each and do not compress."""
    return [
        [p.content_type, p.size, p.checksum if checksums else "", p.content_id, p.content_disposition]
        for p in parts
    ]


def parts(raw: Any) -> tuple[Part, ...]:
    return tuple(Part(*part) for part in raw)


def folder(row: FolderRow) -> Folder:
    return Folder(
        folder_id=FolderId(row.item[2:]),
        parent=FolderId(row.parent) if row.parent else None,
        name=row.name,
        ancestors=tuple(FolderId(a) for a in row.ancestors),
        last_mod_seq=ModSeq(int(row.last_mod_seq)),
        attributes=attributes(row.attributes),
        inner=bool(row.inner),
        as_of=None if row.as_of is None else int(row.as_of),
    )


def folder_row(key: BoxKey, folder: Folder) -> FolderRow:
    return FolderRow(
        box=str(key),
        item=table.folder_item(folder.folder_id),
        name=folder.name,
        parent=folder.parent,
        ancestors=list(folder.ancestors),
        attributes=attributes_json(folder.attributes) or None,
        last_mod_seq=folder.last_mod_seq,
        place=table.folder_place(folder.parent, folder.folder_id) if folder.parent else None,
        inner=folder.inner or None,
        as_of=folder.as_of,
    )


def link(row: LinkRow) -> Link:
    content = None
    if row.content_key is not None and row.content_id is not None:
        content = Content(ContentKey(row.content_key), ContentId(row.content_id), parts(row.parts))
    return Link(
        object_id=ObjectId(row.item[2:]),
        parent=FolderId(row.parent),
        date=table.parse_time(row.dated.split("#", 1)[0]),
        flags=tuple(row.flags),
        attributes=attributes(row.attributes),
        content=content,
        correlation_id=row.correlation_id,
        correlation_tag=row.correlation_tag,
        last_mod_seq=ModSeq(int(row.last_mod_seq)),
        as_of=None if row.as_of is None else int(row.as_of),
        created=int(row.created or 1),
        stored=table.parse_time(row.stored) if row.stored else None,
    )


def link_row(key: BoxKey, link: Link) -> LinkRow:
    return LinkRow(
        box=str(key),
        item=table.link_item(link.object_id),
        parent=link.parent,
        place=table.link_place(link.parent, link.date, link.object_id),
        dated=table.link_dated(link.date, link.object_id),
        flags=list(link.flags),
        attributes=attributes_json(link.attributes),
        content_key=link.content.content_key if link.content else None,
        content_id=link.content.content_id if link.content else None,
        parts=parts_json(link.content.parts) if link.content else None,
        correlation_id=link.correlation_id,
        correlation_tag=link.correlation_tag,
        last_mod_seq=link.last_mod_seq,
        as_of=link.as_of,
        created=link.created,
        stored=table.time_text(link.stored) if link.stored else None,
    )


def change(row: ChangeRow) -> Change:
    return Change(table.seq_of(row), table.parse_time(row.at), _event(row.event))


def change_row(key: BoxKey, change: Change, expires: int) -> ChangeRow:
    return ChangeRow(
        box=table.log_partition(key, change.seq),
        item=table.log_item(change.seq),
        at=table.time_text(change.at),
        event=event_json(change.event),
        expires=expires,
    )


def event_json(event: Event) -> dict[str, Any]:
    """The event as its log row stores it. Absent values are left out."""
    match event:
        case ChangedObject():
            raw: dict[str, Any] = {
                "object": event.object_id,
                "parent": event.parent,
                "flags": list(event.flags),
            }
            if event.metadata:
                raw |= metadata_json(event.metadata)
            return raw | _correlation(event) | ({"left": event.left} if event.left else {})
        case DeletedObject():
            expired = {"expired": True} if event.expired else {}
            return {"deleted_object": event.object_id} | expired | _correlation(event)
        case ChangedFolder():
            raw = {"folder": event.folder_id, "name": event.name, "parent": event.parent}
            if event.moved:
                raw["moved"] = [list(chain) for chain in event.moved]
            return raw | ({"attributes": attributes_json(event.attributes)} if event.attributes else {})
        case DeletedFolder():
            return {"deleted_folder": event.folder_id}


def metadata_json(metadata: Metadata) -> dict[str, Any]:
    raw: dict[str, Any] = {"attributes": attributes_json(metadata.attributes)}
    if content := metadata.content:
        raw |= {"content": content.content_id, "parts": parts_json(content.parts, checksums=False)}
    return raw


def metadata(raw: dict[str, Any]) -> Metadata:
    content = None
    if "content" in raw:
        content = Content(ContentKey(""), ContentId(raw["content"]), parts(raw["parts"]))
    return Metadata(attributes(raw["attributes"]), content)


def _correlation(event: ChangedObject | DeletedObject) -> dict[str, str]:
    values = {"correlation_id": event.correlation_id, "correlation_tag": event.correlation_tag}
    return {name: value for name, value in values.items() if value is not None}


def _event(raw: dict[str, Any]) -> Event:
    correlation = (raw.get("correlation_id"), raw.get("correlation_tag"))
    if "object" in raw:
        known = metadata(raw) if "attributes" in raw else None
        left = FolderId(raw["left"]) if "left" in raw else None
        return ChangedObject(
            ObjectId(raw["object"]), FolderId(raw["parent"]), tuple(raw["flags"]), *correlation, known, left
        )
    if "deleted_object" in raw:
        return DeletedObject(ObjectId(raw["deleted_object"]), *correlation, "expired" in raw)
    if "folder" in raw:
        parent = FolderId(raw["parent"]) if raw["parent"] else None
        attributes_ = attributes(raw.get("attributes"))
        return ChangedFolder(
            FolderId(raw["folder"]), parent, raw["name"], attributes_, _moved(raw.get("moved"))
        )
    return DeletedFolder(FolderId(raw["deleted_folder"]))


def _moved(raw: Any) -> Chains | None:
    if not raw:
        return None
    before, after = (tuple(map(FolderId, chain)) for chain in raw)
    return before, after


def followed_json(known: Followed, seen: int) -> list[Any] | None:
    return None if known == NOTHING_SPECIAL else [known.name, known.version, known.policy, seen]


def followed(raw: Any) -> tuple[Followed, int]:
    """What is followed, and up to which change the crossings are known."""
    if not raw:
        return NOTHING_SPECIAL, 0
    return Followed(*raw[:3]), int(raw[3])
