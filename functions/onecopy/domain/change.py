"""Changes: the rows of a box's log. Each is one nmsEvent (NMS) with its own number."""

from dataclasses import dataclass, replace
from datetime import datetime

from onecopy.domain.box import Chain
from onecopy.domain.content import Content
from onecopy.domain.folder import Attributes, Folder
from onecopy.domain.ids import FolderId, ModSeq, ObjectId
from onecopy.domain.link import Flags, Link

Chains = tuple[Chain, Chain]
"""The folders above a folder, before and after a move."""


@dataclass(frozen=True)
class Metadata:
    """What never changes in an object. Only the event of its creation holds it."""

    attributes: Attributes
    content: Content | None


@dataclass(frozen=True)
class ChangedObject:
    """An object's whole mutable state, so applying it twice does no harm.

    `left`: the folder that a move took it out of. It is never told.
    """

    object_id: ObjectId
    parent: FolderId
    flags: Flags
    correlation_id: str | None
    correlation_tag: str | None
    metadata: Metadata | None
    left: FolderId | None = None


@dataclass(frozen=True)
class DeletedObject:
    """`expired`: it left by the provider's policy, not by a user's deletion. NMS tells the two apart."""

    object_id: ObjectId
    correlation_id: str | None
    correlation_tag: str | None
    expired: bool = False


@dataclass(frozen=True)
class ChangedFolder:
    """`moved`: for a move, the folders above it before and after. They are never told."""

    folder_id: FolderId
    parent: FolderId | None
    name: str
    attributes: Attributes
    moved: Chains | None = None


@dataclass(frozen=True)
class DeletedFolder:
    folder_id: FolderId


@dataclass(frozen=True)
class ResetBox:
    """Everything that the client knows is void; it has to list again."""


Event = ChangedObject | DeletedObject | ChangedFolder | DeletedFolder


@dataclass(frozen=True)
class Change:
    seq: ModSeq
    at: datetime
    event: Event


def bare(change: Change) -> Change:
    """The same change without attributes and payload, which may be large and can be fetched."""
    match change.event:
        case ChangedObject():
            return replace(change, event=replace(change.event, metadata=None))
        case ChangedFolder():
            return replace(change, event=replace(change.event, attributes=()))
    return change


def created_object(link: Link) -> ChangedObject:
    return ChangedObject(
        link.object_id,
        link.parent,
        link.flags,
        link.correlation_id,
        link.correlation_tag,
        Metadata(link.attributes, link.content),
    )


def changed_object(link: Link, left: FolderId | None = None) -> ChangedObject:
    return ChangedObject(
        link.object_id, link.parent, link.flags, link.correlation_id, link.correlation_tag, None, left
    )


def deleted_object(link: Link, expired: bool = False) -> DeletedObject:
    return DeletedObject(link.object_id, link.correlation_id, link.correlation_tag, expired)


def changed_folder(folder: Folder, moved: Chains | None = None) -> ChangedFolder:
    return ChangedFolder(folder.folder_id, folder.parent, folder.name, folder.attributes, moved)
