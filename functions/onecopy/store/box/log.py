"""The log of a box: what changed since a token or, without a token, everything the box holds.

A query is read-committed: it may see part of a transaction that is being applied. Numbers in the log are
contiguous, so a reader takes the rows up to the first missing number and no further.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from onecopy.domain.box import Box, BoxKey
from onecopy.domain.change import Change, ResetBox, changed_folder, created_object
from onecopy.domain.digest import Digest
from onecopy.domain.folder import Folder
from onecopy.domain.ids import FolderId, ModSeq, split_ids
from onecopy.domain.token import LISTING_FOLDERS, LISTING_OBJECTS, BadToken, RestartToken
from onecopy.store.box.folders import find_box
from onecopy.store.commit import rows, table
from onecopy.store.commit.table import LOG_PARTITION, BoxRow, ChangeRow, FolderRow, LinkRow
from onecopy.store.commit.transact import Store

SHORTEST_HISTORY = timedelta(days=30)
"""The standard's. If more is configured, older changes may have expired before it was configured."""


@dataclass(frozen=True)
class Page:
    """`more`: the token leads to more, at once or in a moment. `digest`: the digest of the box as the client
    has it after this page, if the page ends at the last change.
    """

    changes: Sequence[Change | ResetBox]
    token: RestartToken
    more: bool
    digest: Digest | None = None


def read_box(store: Store, key: BoxKey) -> Box:
    """The box, by one GetItem, which is enough to know that nothing is new."""
    row = table.get(BoxRow, str(key), table.BOX)
    return store.check_open(rows.box(row)) if row else find_box(store, key)


def box_there(key: BoxKey) -> Box | None:
    """The same GetItem, for callers that must not create a missing box."""
    row = table.get(BoxRow, str(key), table.BOX)
    return rows.box(row) if row else None


def changes(store: Store, key: BoxKey, token: RestartToken | None, limit: int) -> Page:
    """What changed after the token; without one, the first page of everything. Raises BadToken."""
    box = read_box(store, key)
    if token is None:
        return _folders(store, box, start_of_listing(store, box), limit)
    if token.validity != box.validity or is_too_old(store, box, token):
        return Page([ResetBox()], start_of_listing(store, box), more=True)
    if token.position > box.seq:
        raise BadToken
    if token.listing == LISTING_FOLDERS:
        return _folders(store, box, token, limit)
    if token.listing == LISTING_OBJECTS:
        return _links(box, token, limit)
    return _delta(store, box, token, limit)


def is_too_old(store: Store, box: Box, token: RestartToken) -> bool:
    """Whether the log no longer reaches back to the token although something has changed since."""
    return token.position < box.seq and token.given < store.now() - store.history


def tail(key: BoxKey, position: int, limit: int) -> list[Change]:
    """The changes after a position, up to the first missing number. One query, two at a partition border."""
    found: list[Change] = []
    while len(found) < limit:
        first = position + 1
        last = first - first % LOG_PARTITION + LOG_PARTITION - 1
        condition = ChangeRow.item >= table.log_item(first)
        page, _ = table.page(ChangeRow, table.log_partition(key, first), condition, limit - len(found))
        for row in page:
            if table.seq_of(row) != position + 1:
                return found
            found.append(rows.change(row))
            position += 1
        if position != last:
            break
    return found


def is_gone(box: Box, position: int, asked: datetime) -> bool:
    """Whether the change after a position, not found by a query made at `asked`, will never appear.

    If its commit shows whole by now, the change has expired or was lost. A later one may still appear.
    """
    return position < box.shown_whole(asked)


def _delta(store: Store, box: Box, token: RestartToken, limit: int) -> Page:
    now, hid = store.now(), token.hid and bool(box.doomed)
    digest = None if hid else box.digest
    if token.position == box.seq:
        return Page([], RestartToken(box.validity, box.seq, now, hid=hid), False, digest)
    found = [change for change in tail(box.key, token.position, limit) if change.seq <= box.seq]
    if not found and (is_gone(box, token.position, now) or token.given < now - SHORTEST_HISTORY):
        return Page([ResetBox()], start_of_listing(store, box), more=True)
    position = found[-1].seq if found else token.position
    if position == box.seq:
        return Page(found, RestartToken(box.validity, position, now, hid=hid), False, digest)
    given = found[-1].at if found else token.given
    return Page(found, RestartToken(box.validity, position, given, hid=token.hid), more=True)


def start_of_listing(store: Store, box: Box) -> RestartToken:
    """A token for the log as it was some seconds ago. What was being committed then shows whole by now."""
    now = store.now()
    return RestartToken(box.validity, ModSeq(box.shown_whole(now)), now, LISTING_FOLDERS)


def _folders(store: Store, box: Box, token: RestartToken, limit: int) -> Page:
    """A page of folders. If it has room left, objects follow."""
    token = replace(token, hid=token.hid or bool(box.doomed))
    folders = _visible(box)
    order = _parents_first(folders, _told(folders, token))
    page = order[:limit]
    found: list[Change | ResetBox] = [
        Change(folder.last_mod_seq, token.given, changed_folder(folder)) for folder in page
    ]
    if len(order) > limit:
        before, _ = split_ids(token.after)
        after = _reached(order, limit, before)
        return Page(found, replace(token, listing=LISTING_FOLDERS, after=after), more=True)
    token = replace(token, listing=LISTING_OBJECTS, after="")
    if len(order) == limit:
        return Page(found, token, more=True)
    objects = _links(box, token, limit - len(order), folders)
    return replace(objects, changes=[*found, *objects.changes])


def _parents_first(folders: dict[FolderId, Folder], told: set[FolderId]) -> list[Folder]:
    """The folders not listed yet, ordered by id (a move does not change it), but none before its parent."""
    order: list[Folder] = []
    told = set(told)
    for folder_id in sorted(folders):
        line: list[Folder] = []
        climb: Folder | None = folders[folder_id]
        while climb and climb.folder_id not in told:
            told.add(climb.folder_id)
            line.append(climb)
            climb = folders.get(climb.parent) if climb.parent else None
        order += reversed(line)
    return order


def _reached(order: list[Folder], told: int, before: str) -> str:
    """How far a page came: the id up to which all is listed, then the last id listed out of turn."""
    pending = min(folder.folder_id for folder in order[told:])
    in_turn = [folder.folder_id for folder in order[:told] if folder.folder_id < pending]
    last = order[told - 1].folder_id
    reached = max(in_turn, default=before)
    return reached if last < pending else reached + last


def _told(folders: dict[FolderId, Folder], token: RestartToken) -> set[FolderId]:
    """What the pages before this one listed: ids up to the one reached, and the folders above those, which
    came out of turn. Nothing above a folder moved since the listing began: others may have been there then.
    """
    reached, last = split_ids(token.after)
    told: set[FolderId] = set()
    for folder in folders.values():
        climb: Folder | None = folder if folder.folder_id <= reached or folder.folder_id == last else None
        while climb and climb.folder_id not in told:
            told.add(climb.folder_id)
            moved = climb.last_mod_seq > token.position
            climb = folders.get(climb.parent) if climb.parent and not moved else None
    return told


def _links(
    box: Box, token: RestartToken, limit: int, visible: Mapping[FolderId, Folder] | None = None
) -> Page:
    """Objects by descending id: the first page is what a user looks at. Objects created meanwhile have higher
    ids, and the log tells the client of them.
    """
    token = replace(token, hid=token.hid or bool(box.doomed))
    items = LinkRow.item.between(*table.link_items_before(token.after))
    page, more = table.page(LinkRow, str(box.key), items, limit + bool(token.after), forward=False)
    links = [link for link in map(rows.link, page) if link.object_id != token.after]
    if box.doomed and visible is None:
        visible = _visible(box)
    found: list[Change | ResetBox] = [
        Change(link.last_mod_seq, token.given, created_object(link))
        for link in links
        if not box.doomed or (visible and link.parent in visible)
    ]
    if more:
        return Page(found, replace(token, after=links[-1].object_id), more=True)
    return Page(found, RestartToken(token.validity, token.position, token.given, hid=token.hid), more=False)


def _visible(box: Box) -> dict[FolderId, Folder]:
    """Every folder that is not hidden, by id."""
    found = (
        rows.folder(row) for row in table.every(FolderRow, str(box.key), FolderRow.item.startswith("F#"))
    )
    return {f.folder_id: f for f in found if not box.hides(f.folder_id, f.ancestors)}
