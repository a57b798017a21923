"""Flags or deletes many objects of one request, several in each transaction, each whole in itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from onecopy.domain.box import BoxKey
from onecopy.domain.errors import NMSError, PreconditionFailed, Unknown
from onecopy.domain.ids import ModSeq, ObjectId
from onecopy.domain.link import Flags, Link
from onecopy.store.box.commits import commit
from onecopy.store.commit import rows, table
from onecopy.store.commit.batches import in_batches
from onecopy.store.commit.draft import MAX_BYTES, MAX_ROWS, Draft
from onecopy.store.commit.kinds import LinkRow, sent_size
from onecopy.store.commit.transact import Store, View

_FLAGGED, _DELETED = 2, 3
"""Rows for each object: its link and its change; if it is deleted, also the count of its content."""

Result = ObjectId | NMSError
"""The object's id if it is now as the request asks, or the error that it was left with."""


Found = Mapping[ObjectId, ModSeq]
"""The objects that a search has found, with their lastModSeqs. One that has changed since then is left as it
is (PreconditionFailed): it may no longer be what was searched for.
"""


def change_flags(
    store: Store,
    key: BoxKey,
    changed: Callable[[Flags], Flags],
    object_ids: Sequence[ObjectId],
    found: Found | None = None,
) -> list[Result]:
    """Gives each object the flags that `changed` makes of its own. The same flags are no change."""

    def take(draft: Draft, link: Link) -> None:
        if (after := changed(link.flags)) != link.flags:
            draft.set_flags(link, after)

    each = tuple(dict.fromkeys(object_ids))
    return _Objects(store, key, each, found or {}, take, _FLAGGED).answers(object_ids)


def delete(
    store: Store, key: BoxKey, object_ids: Sequence[ObjectId], found: Found | None = None
) -> list[Result]:
    """Deletes each object. One that is named twice is deleted once, and both answers say so."""
    each = tuple(dict.fromkeys(object_ids))
    return _Objects(store, key, each, found or {}, Draft.delete_link, _DELETED).answers(object_ids)


@dataclass(frozen=True)
class _Objects:
    """The objects of one request, each of them once. `rows`: the most that `take` drafts for one."""

    store: Store
    key: BoxKey
    object_ids: Sequence[ObjectId]
    found: Found
    take: Callable[[Draft, Link], None]
    rows: int

    def answers(self, asked: Sequence[ObjectId]) -> list[Result]:
        done = in_batches(self.store, len(self.object_ids), self._commit)
        known = dict(zip(self.object_ids, done, strict=True))
        return [known[object_id] for object_id in asked]

    def _commit(self, done: int) -> list[Result]:
        batch = self.object_ids[done : done + MAX_ROWS // self.rows]
        wanted = [(LinkRow, table.link_item(object_id)) for object_id in batch]
        return commit(self.store, self.key, lambda: wanted, partial(self._decide, batch), many=True)

    def _decide(self, batch: Sequence[ObjectId], view: View, draft: Draft) -> list[Result]:
        links = view.links(batch)
        answers: list[Result] = []
        for object_id in batch:
            link = links.get(object_id)
            full = draft.rows + self.rows > MAX_ROWS or (link and draft.bytes + _size(link) > MAX_BYTES)
            if answers and full:
                break
            answers.append(self._one(view, draft, object_id))
        return answers

    def _one(self, view: View, draft: Draft, object_id: ObjectId) -> Result:
        link = view.link_to_change(object_id)
        if not link:
            return Unknown("objectReference")
        if self.found.get(object_id, link.last_mod_seq) != link.last_mod_seq:
            return PreconditionFailed("selectionCriteria")
        try:
            self.take(draft, link)
        except NMSError as error:
            return error
        return object_id


def _size(link: Link) -> int:
    """The bytes that a change of the link weighs, but for its flags, which are small."""
    parts = rows.parts_json(link.content.parts) if link.content else None
    return sent_size(rows.attributes_json(link.attributes)) + sent_size(parts)
