"""Preferences of a box: what its devices want to know of. Each has its own row, which no commit reads."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from onecopy.domain.box import BoxKey
from onecopy.domain.errors import InvalidInput, NotAllowed, Unknown
from onecopy.domain.ids import FolderId
from onecopy.domain.interest import EVERYTHING, MOST, Followed, Interest, Policy, Preferences
from onecopy.store.box.commits import commit
from onecopy.store.box.folders import Paths
from onecopy.store.box.log import read_box
from onecopy.store.commit import table
from onecopy.store.commit.draft import Draft
from onecopy.store.commit.kinds import FolderRow, PreferencesRow
from onecopy.store.commit.transact import Store, View, Wanted

_VERSION_BYTES = 4


def put(store: Store, key: BoxKey, name: str, given: Preferences) -> tuple[bool, bool]:
    """Whether they are new, and whether they have changed. Raises InvalidInput or, at the limit, NotAllowed.

    The commit goes through the box row, so two at once cannot pass the limit.
    """
    item, version = table.preferences_item(name), store.random(_VERSION_BYTES).hex()

    def wanted() -> list[Wanted]:
        folders = [(FolderRow, table.folder_item(folder)) for folder in given.excluded]
        return [(PreferencesRow, item), *folders]

    def decide(view: View, draft: Draft) -> tuple[bool, bool]:
        if not all(map(view.folder, given.excluded)):
            raise InvalidInput("exclude")
        known = view.get(PreferencesRow, item)
        if known and _of(known) == given:
            return False, False
        if not known and len(list(_rows(key))) >= MOST:
            raise NotAllowed("preferences")
        draft.take_turn()
        row = _row(key, item, version, given)
        draft.row(lambda transaction: transaction.save(row))
        return not known, True

    return commit(store, key, wanted, decide)


def find(store: Store, key: BoxKey, name: str) -> Preferences:
    read_box(store, key)
    return _of(_existing(key, name))


def every(store: Store, key: BoxKey) -> dict[str, Preferences]:
    """All preferences of the box, by name."""
    read_box(store, key)
    return {row.item.removeprefix(table.preferences_item("")): _of(row) for row in _rows(key)}


def delete(store: Store, key: BoxKey, name: str) -> None:
    item = table.preferences_item(name)

    def decide(view: View, draft: Draft) -> None:
        known = view.get(PreferencesRow, item)
        if not known:
            raise Unknown("preferences")
        draft.take_turn()
        draft.row(lambda transaction: transaction.delete(known))

    commit(store, key, lambda: [(PreferencesRow, item)], decide)


def check_exist(store: Store, key: BoxKey, name: str) -> None:
    """Raises InvalidInput: whoever begins to follow preferences has to name some that exist."""
    if not table.get(PreferencesRow, str(key), table.preferences_item(name)):
        read_box(store, key)  # refuses an owner whose box is closed
        raise InvalidInput("preferences")


def interest(store: Store, key: BoxKey, name: str, policy: Policy) -> Interest:
    """What someone who follows these preferences is told of; with an empty name, what anyone is.

    Preferences that have been deleted restrict nothing.
    """
    if not name and not policy.text:
        return EVERYTHING
    row = table.get(PreferencesRow, str(key), table.preferences_item(name)) if name else None
    met = [_of(row)] if row else []
    version = row.version if row else ""
    if not policy.text:
        return Interest(Followed(name, version), tuple(met))
    excluded = _folders_at(store, key, policy.paths)
    met.append(replace(policy.rest, excluded=excluded))
    return Interest(Followed(name, version, _version(policy, excluded)), tuple(met))


def _folders_at(store: Store, key: BoxKey, every: Sequence[tuple[str, ...]]) -> tuple[FolderId, ...]:
    """The folders to which these paths lead at present. No call for system folders."""
    paths = Paths(store, key)
    paths.look_up(every)
    found = [paths.resolve(names) for names in every]
    return tuple(one.folder_id for one in found if not one.missing)


def _version(policy: Policy, excluded: Sequence[FolderId]) -> str:
    """It changes with the policy, and also if a folder of the box comes to have a path that the policy names,
    or no longer has it.
    """
    text = f"{policy.text}\n{','.join(excluded)}"
    return sha256(text.encode()).hexdigest()[: 2 * _VERSION_BYTES]


def _existing(key: BoxKey, name: str) -> PreferencesRow:
    row = table.get(PreferencesRow, str(key), table.preferences_item(name))
    if not row:
        raise Unknown("preferences")
    return row


def _rows(key: BoxKey) -> list[PreferencesRow]:
    first = table.preferences_item("")
    return list(table.every(PreferencesRow, str(key), PreferencesRow.item.startswith(first)))


def _row(key: BoxKey, item: str, version: str, given: Preferences) -> PreferencesRow:
    return PreferencesRow(
        box=str(key),
        item=item,
        version=version,
        excluded=list(given.excluded),
        min_date=table.time_text(given.min_date) if given.min_date else None,
        days=given.days,
        contexts=list(given.contexts) if given.contexts is not None else None,
    )


def _of(row: PreferencesRow) -> Preferences:
    return Preferences(
        excluded=tuple(map(FolderId, row.excluded)),
        min_date=table.parse_time(row.min_date) if row.min_date else None,
        days=int(row.days) if row.days else None,
        contexts=tuple(row.contexts) if row.contexts is not None else None,
    )
