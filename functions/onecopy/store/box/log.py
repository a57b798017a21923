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
from onecopy.domain.interest import EVERYTHING, NOTHING_SPECIAL, Followed, Interest
from onecopy.domain.token import LISTING_FOLDERS, LISTING_OBJECTS, BadToken, RestartToken
from onecopy.store.box.folders import find_box, visible
from onecopy.store.commit import rows, table
from onecopy.store.commit.kinds import BoxRow, ChangeRow
from onecopy.store.commit.table import LOG_PARTITION
from onecopy.store.commit.transact import Store
from onecopy.store.view import listed
from onecopy.store.view.selected import Selected

SHORTEST_HISTORY = timedelta(days=30)
"""The standard's. If more is configured, older changes may have expired before it was configured."""


MOST_READ = 1_000
"""Changes that are read at once for a page that few of them belong to."""


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


def changes(
    store: Store,
    key: BoxKey,
    token: RestartToken | None,
    limit: int,
    interest: Interest = EVERYTHING,
) -> Page:
    """What changed after the token; without one, the first page of everything. Raises BadToken.

    A token that follows another version of the preferences or of the policy leads to a new listing.
    """
    box = read_box(store, key)
    selected = Selected(store, key, interest)
    if token is None:
        return _folders(box, start_of_listing(store, box, interest.followed), limit, selected)
    if token.validity != box.validity or is_too_old(store, box, token):
        return _reset(store, box, interest)
    if token.position > box.seq:
        raise BadToken
    if token.followed != interest.followed:
        return _reset(store, box, interest)
    if token.listing == LISTING_FOLDERS:
        return _folders(box, token, limit, selected)
    if token.listing == LISTING_OBJECTS:
        return _links(box, token, limit, selected)
    return _delta(box, token, limit, selected)


def _reset(store: Store, box: Box, interest: Interest) -> Page:
    return Page([ResetBox()], start_of_listing(store, box, interest.followed), more=True)


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


def _delta(box: Box, token: RestartToken, limit: int, selected: Selected) -> Page:
    store, everything = selected.store, selected.interest.is_everything
    now, hid = store.now(), token.hid and bool(box.doomed)
    digest = None if hid or not everything else box.digest
    if token.position == box.seq:
        return Page([], _at(token, box.seq, now, hid), False, digest)
    found = [change for change in tail(box.key, token.position, limit) if change.seq <= box.seq]
    if not found and (is_gone(box, token.position, now) or token.given < now - SHORTEST_HISTORY):
        return _reset(store, box, selected.interest)
    told = found
    if not everything and found:
        read = _more(box, found, limit, selected, token.seen)
        if read is None:
            return _reset(store, box, selected.interest)
        told, found = read
    position = found[-1].seq if found else token.position
    if position == box.seq:
        return Page(told, _at(token, position, now, hid), False, digest)
    return Page(told, _at(token, position, found[-1].at if found else token.given, token.hid), more=True)


def _more(
    box: Box, found: list[Change], limit: int, selected: Selected, seen: int
) -> tuple[list[Change], list[Change]] | None:
    """What is told of the changes found, and those that were considered. Reads on while there is little.

    None if a folder was moved across the border of what is told.
    """
    told: list[Change] = []
    considered: list[Change] = []
    while found:
        part = selected.told(found, limit - len(told), seen)
        if part.crossed:
            return None
        told += part.changes
        considered += [change for change in found if change.seq <= part.position]
        last = considered[-1].seq if considered else 0
        enough = len(told) == limit or len(considered) >= MOST_READ or part.position < found[-1].seq
        if enough or last == box.seq or selected.store.is_late:
            break
        found = [change for change in tail(box.key, last, MOST_READ) if change.seq <= box.seq]
    return told, considered


def _at(token: RestartToken, position: ModSeq, given: datetime, hid: bool) -> RestartToken:
    """The token of a later position in the log. Crossings seen beyond the position still count as seen."""
    seen = token.seen if token.seen > position else 0
    return RestartToken(token.validity, position, given, hid=hid, followed=token.followed, seen=seen)


def start_of_listing(store: Store, box: Box, followed: Followed = NOTHING_SPECIAL) -> RestartToken:
    """A token for the log as it was some seconds ago. What was being committed then shows whole by now.

    Where folders are is read by transactions, so a listing knows of every move up to the box's last change.
    """
    now = store.now()
    position = ModSeq(box.shown_whole(now))
    seen = 0 if followed == NOTHING_SPECIAL else box.seq
    return RestartToken(box.validity, position, now, LISTING_FOLDERS, followed=followed, seen=seen)


def _folders(box: Box, token: RestartToken, limit: int, selected: Selected) -> Page:
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
    objects = _links(box, token, limit - len(order), selected, folders)
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
    box: Box,
    token: RestartToken,
    limit: int,
    selected: Selected,
    visible: Mapping[FolderId, Folder] | None = None,
) -> Page:
    """A page of objects, as `listed` reads them. Objects created meanwhile are in the log."""
    token = replace(token, hid=token.hid or bool(box.doomed))
    if box.doomed and visible is None:
        visible = _visible(box)
    page = listed.objects(box.key, selected, token.after, limit)
    found: list[Change | ResetBox] = [
        Change(link.last_mod_seq, token.given, created_object(link))
        for link in page.links
        if not box.doomed or (visible and link.parent in visible)
    ]
    if page.after:
        return Page(found, replace(token, after=page.after), more=True)
    return Page(found, replace(token, listing="", after=""), more=False)


def _visible(box: Box) -> dict[FolderId, Folder]:
    return {folder.folder_id: folder for folder in visible(box)}
