"""Creates objects (from content that is already in the bucket), reads, flags and deletes them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from pynamodb.exceptions import UpdateError

from onecopy.domain.box import BoxKey
from onecopy.domain.content import Content, ContentKey, Part
from onecopy.domain.errors import FlagAbsent, NMSError, Unknown
from onecopy.domain.folder import Folder
from onecopy.domain.ids import ContentId, ObjectId, is_id
from onecopy.domain.link import Flags, Link, NewObject, date_of, has_flag, with_flags, without_flags
from onecopy.domain.match import ANY, Match
from onecopy.store.box.commits import commit
from onecopy.store.box.folders import Names, Paths, Place
from onecopy.store.commit import rows, table
from onecopy.store.commit.batches import in_batches
from onecopy.store.commit.draft import MAX_BYTES, MAX_ROWS, Draft
from onecopy.store.commit.kinds import IntakeRow, LinkRow, sent_size
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.transact import Store, View, Wanted, ask

_ROWS_EACH = 3
"""Link, change, content."""


@dataclass(frozen=True)
class Item:
    """One object to create: where, what, and the parts that lie under `content_key` in the bucket."""

    place: Place
    given: NewObject
    content_key: ContentKey | None = None
    parts: tuple[Part, ...] = ()

    def at(self, content_key: ContentKey) -> "Item":
        return replace(self, content_key=content_key)


Result = Outcome | NMSError


def wanted(object_id: ObjectId) -> Wanted:
    if not is_id(object_id):
        raise Unknown("objectId")
    return LinkRow, table.link_item(object_id)


def create(
    store: Store, key: BoxKey, items: Sequence[Item], network: bool, intake: IntakeRow | None
) -> list[Result]:
    """Creates the items and returns an answer for each, in order. Each is whole in itself; several share a
    transaction.

    `intake` notes the bytes put for this request. The last commit deletes it; if an item failed, it stays and
    is due for the sweep at once.
    """
    creation = _Creation(Paths(store, key), items, network, intake)
    results = in_batches(store, len(items), creation.commit)
    if intake and any(isinstance(result, NMSError) for result in results):
        with suppress(UpdateError):  # the commits stand, and the sweep finds the row later anyway
            intake.update([IntakeRow.due.set(table.time_text(store.now()))])
    return results


class _Creation:
    """The items of one request, batch by batch."""

    def __init__(self, paths: Paths, items: Sequence[Item], network: bool, intake: IntakeRow | None) -> None:
        self.paths = paths
        self._done, self._failed = 0, False
        self.made: dict[Names, Folder] = {}
        self._items = items
        self._network = network
        self._intake = intake

    def commit(self, done: int) -> list[Result]:
        self._done = done
        answers = commit(self.paths.store, self.paths.key, self.wanted, self.decide, many=True)
        self._failed |= any(isinstance(answer, NMSError) for answer in answers)
        self.paths.learn(self.made.values())
        return answers

    @property
    def _batch(self) -> Sequence[Item]:
        return self._items[self._done : self._done + MAX_ROWS // _ROWS_EACH]

    def wanted(self) -> list[Wanted]:
        self.paths.look_up(item.place for item in self._batch if not isinstance(item.place, str))
        return [row for item in self._batch for row in self.paths.wanted(item.place)]

    def decide(self, view: View, draft: Draft) -> list[Result]:
        answers: list[Result] = []
        folders = self.made = {}
        for item in self._batch:
            needed = _ROWS_EACH * (1 + self._new_folders(item, folders))
            if answers and (draft.rows + needed >= MAX_ROWS or draft.bytes + _size(item) > MAX_BYTES):
                break
            try:
                folder = self.paths.folder(view, draft, item.place, self._network, folders)
                link = _create(draft, item, folder)
                answers.append(Outcome(link.object_id, link.last_mod_seq, link.parent, folder=folder))
            except NMSError as error:
                answers.append(error)
        failed = self._failed or any(isinstance(answer, NMSError) for answer in answers)
        if self._intake and self._done + len(answers) == len(self._items) and not failed:
            intake = self._intake
            draft.row(lambda transaction: transaction.delete(intake))
        return answers

    def _new_folders(self, item: Item, made: dict[Names, Folder]) -> int:
        if isinstance(item.place, str) or item.place in made:
            return 0
        return len(self.paths.resolve(item.place).missing)


def _create(draft: Draft, item: Item, folder: Folder) -> Link:
    draft.room.take(1, sum(part.size for part in item.parts))
    object_id = ObjectId(draft.new_id())
    content = None
    if item.content_key:
        content = Content(item.content_key, ContentId(object_id), item.parts)
        draft.new_content(content)
    date = date_of(item.given.attributes, draft.now)
    return draft.create_link(object_id, folder.folder_id, date, item.given, content)


def _size(item: Item) -> int:
    """The most bytes that the link row and the change row have together."""
    attributes, parts = rows.attributes_json(item.given.attributes), rows.parts_json(item.parts)
    return 2 * (sent_size(attributes) + sent_size(parts))


def find(store: Store, key: BoxKey, object_id: ObjectId, match: Match = ANY) -> Link:
    def answer(view: View) -> Link:
        link = view.link(object_id)
        if not link:
            raise Unknown("objectId")
        match.check(link.last_mod_seq)
        return link

    return ask(store, key, [wanted(object_id)], answer)


def delete(store: Store, key: BoxKey, object_id: ObjectId, match: Match = ANY) -> None:
    def decide(view: View, draft: Draft) -> None:
        draft.delete_link(_to_change(view, object_id, match))

    commit(store, key, lambda: [wanted(object_id)], decide)


def set_flags(store: Store, key: BoxKey, object_id: ObjectId, flags: Flags, match: Match = ANY) -> Link:
    """Replaces all flags. The same flags, in upper or lower case, change nothing."""

    def changed(before: Flags) -> Flags:
        same = {flag.casefold() for flag in before} == {flag.casefold() for flag in flags}
        return before if same else flags

    _, after = _change_flags(store, key, object_id, changed, match)
    return after


def add_flag(store: Store, key: BoxKey, object_id: ObjectId, name: str, match: Match = ANY) -> bool:
    """Adds the flag. False if it was there already."""

    def changed(before: Flags) -> Flags:
        return with_flags(before, [name])

    before, after = _change_flags(store, key, object_id, changed, match)
    return before != after.flags


def remove_flag(store: Store, key: BoxKey, object_id: ObjectId, name: str, match: Match = ANY) -> None:
    """Removes the flag. Raises FlagAbsent if it was not there."""

    def changed(before: Flags) -> Flags:
        if not has_flag(before, name):
            raise FlagAbsent("flagName")
        return without_flags(before, [name])

    _change_flags(store, key, object_id, changed, match)


def _change_flags(
    store: Store, key: BoxKey, object_id: ObjectId, changed: Callable[[Flags], Flags], match: Match
) -> tuple[Flags, Link]:
    """Changes the flags. Returns the flags before, and the object after."""

    def decide(view: View, draft: Draft) -> tuple[Flags, Link]:
        link = _to_change(view, object_id, match)
        after = changed(link.flags)
        return link.flags, link if after == link.flags else draft.set_flags(link, after)

    return commit(store, key, lambda: [wanted(object_id)], decide)


def _to_change(view: View, object_id: ObjectId, match: Match) -> Link:
    link = view.link_to_change(object_id)
    if not link:
        raise Unknown("objectId")
    match.check(link.last_mod_seq)
    return link
