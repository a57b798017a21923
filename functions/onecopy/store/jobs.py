"""What goes on in the background of a box: a folder copied, deleted or moved with all below it.

A job is a row that begins in the transaction of its request and ends in the transaction of its last
step. Each step is one transaction that also counts the row's `step` up on the condition that no one
else has: it may be run twice, by two at once, or die at any point, and goes on from its last commit.
The request runs the first steps itself; the queue the rest; the sweep rings for what was forgotten.

A query may miss a row that is just being committed, so deletions and moves look a second time, some
seconds later, before they call a folder empty or a tree settled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from onecopy.domain.box import BoxKey
from onecopy.domain.content import Content
from onecopy.domain.folder import Folder
from onecopy.domain.ids import FolderId, ObjectId, compact
from onecopy.store import rows, table
from onecopy.store.draft import MAX_BYTES, MAX_ROWS, Draft
from onecopy.store.table import FolderRow, JobRow, LinkRow, NameRow
from onecopy.store.transact import Store, View, Wanted, commit

SECOND_LOOK = timedelta(seconds=6)
FORGOTTEN = timedelta(seconds=30)
"""A job that has not moved for so long is rung again."""

_PAGE = 33
_LOOKS = 33
"""Folders that one step looks into, at most."""

_ENOUGH = MAX_BYTES // 2
"""Bytes after which a step takes no more: the next row may be as large as rows can be."""

Stack = list[list[Any]]
Copied = list[Content | None]
"""What a step has copied: the content of each object, none for one without."""


@dataclass(frozen=True)
class Progress:
    """`wait`: the job goes on by itself, but not before so long. `copied`: the content of each copy made."""

    finished: bool
    wait: timedelta = timedelta(0)
    copied: tuple[Content | None, ...] = ()


def start_copy(draft: Draft, job_id: str, source: Folder, copy: Folder) -> None:
    """What comes into the source from now on is not copied (`bound`): so a copy of itself never is."""
    state = {"bound": compact(draft.ids - 1), "stack": [[source.folder_id, copy.folder_id, ""]]}
    _start(draft, job_id, "copy", state)


def start_delete(draft: Draft, job_id: str, folder: Folder) -> None:
    state = {"root": folder.folder_id, "stack": [folder.folder_id], "done": [], "again": ""}
    _start(draft, job_id, "delete", state)


def start_settle(draft: Draft, job_id: str, folder: Folder) -> None:
    _start(
        draft,
        job_id,
        "settle",
        {"root": folder.folder_id, "seq": folder.last_mod_seq, "after": "", "again": ""},
    )


def _start(draft: Draft, job_id: str, kind: str, state: dict[str, Any]) -> None:
    row = JobRow(
        box=str(draft.box.key),
        item=table.job_item(job_id),
        kind=kind,
        state=state,
        step=0,
        work=table.work("job", str(draft.box.key)),
        due=table.time_text(draft.now + FORGOTTEN),
    )
    draft.row(lambda transaction: transaction.save(row))


def run(store: Store, key: BoxKey, job_id: str, steps: int, time: timedelta) -> Progress:
    """At most so many steps of about 30 objects each, none begun after that time."""
    copied: list[Content | None] = []
    until = store.now() + time
    for _ in range(steps):
        if store.now() > until:
            break
        job = table.get(JobRow, str(key), table.job_item(job_id))
        if not job:
            return Progress(True, copied=tuple(copied))
        again = job.state.get("again")
        if again and (wait := table.parse_time(again) - store.now()) > timedelta(0):
            return Progress(False, wait, tuple(copied))
        copied += _KINDS[job.kind](store, key, job)
    return Progress(not table.get(JobRow, str(key), table.job_item(job_id)), copied=tuple(copied))


def _advance(draft: Draft, job: JobRow, state: dict[str, Any] | None, due: timedelta = FORGOTTEN) -> None:
    """The job's own row in the step's transaction: its new state, or its end."""
    as_read = JobRow.step == job.step

    def write(transaction: TransactWrite) -> None:
        if state is None:
            transaction.delete(job, as_read)
            return
        actions: list[Action] = [
            JobRow.state.set(state),
            JobRow.step.set(int(job.step) + 1),
            JobRow.due.set(table.time_text(draft.now + due)),
        ]
        transaction.update(JobRow(box=job.box, item=job.item), actions, as_read)

    draft.row(write)


def _step(
    store: Store, key: BoxKey, job: JobRow, wanted: list[Wanted], decide: Callable[[View, Draft], Copied]
) -> Copied:
    """One transaction of a job, unless another runner has taken this step already."""

    def checked(view: View, draft: Draft) -> Copied:
        current = view.get(JobRow, job.item)
        return decide(view, draft) if current and current.step == job.step else []

    return commit(store, key, lambda: [(JobRow, job.item), *wanted], checked)


def _children(key: BoxKey, folder_id: str, after: str, limit: int) -> list[LinkRow]:
    """What is in a folder after a place: subfolders first, then objects by date."""
    first, last = table.places(FolderId(folder_id))
    condition = LinkRow.place.between(f"{after}\x00" if after else first, last)
    found, _ = table.page(LinkRow, str(key), condition, limit, "by-folder")
    return found


def _copy(store: Store, key: BoxKey, job: JobRow) -> Copied:
    stack: Stack = [list(frame) for frame in job.state["stack"]]
    source, copy, after = stack[-1]
    found = _children(key, source, after, _PAGE)
    items = [(LinkRow if row.item.startswith("O#") else FolderRow, row.item) for row in found]
    places = {row.item: str(row.place) for row in found}
    wanted: list[Wanted] = [
        (FolderRow, table.folder_item(source)),
        (FolderRow, table.folder_item(copy)),
        *items,
    ]

    def decide(view: View, draft: Draft) -> Copied:
        target = view.folder(copy)
        if not target or not view.folder(source) or not items:
            rest = stack[:-1]
            _advance(draft, job, job.state | {"stack": rest} if rest else None)
            return []
        below = [*stack[:-1], list(stack[-1])]
        return _copy_children(view, draft, job, [item for _, item in items], places, below)

    return _step(store, key, job, wanted, decide)


def _copy_children(
    view: View, draft: Draft, job: JobRow, items: list[str], places: dict[str, str], stack: Stack
) -> Copied:
    copied: Copied = []
    frame = stack[-1]
    source, copy = FolderId(frame[0]), FolderId(frame[1])
    for item in items:
        if draft.rows + 4 > MAX_ROWS or draft.bytes > _ENOUGH:
            break
        frame[2] = places[item]
        if item[2:] > job.state["bound"]:
            continue
        if item.startswith("O#"):
            link = view.link(ObjectId(item[2:]))
            if link and link.parent == source:
                copied.append(draft.copy_link(link, copy).content)
            continue
        folder = view.folder(FolderId(item[2:]))
        if folder and folder.parent == source:
            stack.append([folder.folder_id, _copy_subfolder(view, draft, folder, copy), ""])
            break
    _advance(draft, job, job.state | {"stack": stack})
    return copied


def _copy_subfolder(view: View, draft: Draft, folder: Folder, copy: FolderId) -> FolderId:
    """The subfolder's copy; what someone has made under its name in the meantime is filled instead."""
    target = view.folder(copy)
    if taken := view.get(NameRow, table.name_item(copy, folder.name)):
        return FolderId(taken.folder_id)
    if not target:
        raise LookupError("the copy was there when the step began")
    return draft.create_folder(target, folder.name, folder.attributes).folder_id


def _delete(store: Store, key: BoxKey, job: JobRow) -> Copied:
    stack, done = list(job.state["stack"]), list(job.state["done"])
    found: list[LinkRow] = []
    for _ in range(_LOOKS):
        if not stack or (found := _children(key, stack[-1], "", _PAGE)):
            break
        done.append(stack.pop())
    items: list[Wanted] = [(LinkRow if row.item.startswith("O#") else FolderRow, row.item) for row in found]

    def decide(view: View, draft: Draft) -> Copied:
        if not stack:
            _second_look(
                store, draft, job, {"stack": done, "done": []}, lambda: draft.undoom(job.state["root"])
            )
            return []
        below = list(stack)
        for _, item in items:
            if draft.rows + 4 > MAX_ROWS or draft.bytes > _ENOUGH:
                break
            _delete_child(view, draft, item, below)
        _advance(draft, job, job.state | {"stack": below, "done": done})
        return []

    return _step(store, key, job, items, decide)


def _delete_child(view: View, draft: Draft, item: str, stack: list[str]) -> None:
    """The row itself, though it is out of sight already; only if it has not moved out meanwhile."""
    if item.startswith("O#"):
        link_row = view.get(LinkRow, item)
        if link_row and link_row.parent in stack:
            draft.delete_link(rows.link(link_row))
        return
    folder_row = view.get(FolderRow, item)
    if folder_row and folder_row.parent in stack:
        draft.delete_folder(rows.folder(folder_row))
        stack.append(item[2:])


def _settle(store: Store, key: BoxKey, job: JobRow) -> Copied:
    root = FolderId(job.state["root"])
    after = job.state["after"] or "F#"
    found, more = table.page(FolderRow, str(key), FolderRow.item.between(after + "\x00", "F#~"), 500)
    stale = [row.item for row in found if root in row.ancestors][:_PAGE]
    last = stale[-1] if len(stale) == _PAGE else (found[-1].item if found and more else "")

    def decide(view: View, draft: Draft) -> Copied:
        reached = last
        for item in stale:
            row = view.get(FolderRow, item)
            if row and (chain := view.box.chain((folder := rows.folder(row)).ancestors)) != folder.ancestors:
                draft.rewrite_chain(folder, chain)
            if draft.bytes > _ENOUGH:
                reached = item
                break
        if reached:
            _advance(draft, job, job.state | {"after": reached})
        else:
            _second_look(store, draft, job, {"after": ""}, lambda: draft.settle(root, job.state["seq"]))
        return []

    return _step(store, key, job, [(FolderRow, item) for item in stale], decide)


def _second_look(
    store: Store, draft: Draft, job: JobRow, state: dict[str, Any], finish: Callable[[], None]
) -> None:
    """The first time through: once more in some seconds. The second time: done."""
    if job.state["again"]:
        finish()
        _advance(draft, job, None)
        return
    again = table.time_text(draft.now + SECOND_LOOK)
    _advance(draft, job, job.state | state | {"again": again}, SECOND_LOOK)


_KINDS: dict[str, Callable[[Store, BoxKey, JobRow], Copied]] = {
    "copy": _copy,
    "delete": _delete,
    "settle": _settle,
}
