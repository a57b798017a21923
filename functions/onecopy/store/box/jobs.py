"""What goes on in the background of a box: folders copied, deleted or moved with all below them.

A job is a row that begins in the transaction of its request and ends in the transaction of its last
step; as long as it is there, the box row names it too. Each step is one transaction that also counts the
row's `step` up on the condition that no one else has: it may be run twice, by two at once, or die at any
point, and goes on from its last commit. The request runs the first steps itself; the queue the rest; the
sweep rings for what was forgotten.

Jobs whose folders overlap run in the order in which they began, others do not wait for each other. A copy
reads what its source held when it was granted: whatever came later has a later number (`bound`), and who
would change or take away what is still to be read helps the copy to its end first (`undisturbed`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pynamodb.expressions.update import Action

from onecopy.domain.box import SETTLED, BoxKey, Job
from onecopy.domain.content import Content
from onecopy.domain.errors import InvalidInput
from onecopy.domain.folder import Folder
from onecopy.domain.ids import FolderId
from onecopy.domain.link import Link
from onecopy.store.commit import rows, table
from onecopy.store.commit.draft import MAX_BYTES, MAX_ROWS, Draft
from onecopy.store.commit.shown import until_shown
from onecopy.store.commit.table import BoxRow, FolderRow, JobRow, LinkRow, NameRow
from onecopy.store.commit.transact import Disturbs, Store, View, Wanted, commit

FORGOTTEN = timedelta(seconds=30)
"""A job that has not moved for so long is rung again."""

MOST_ROOTS = 300
"""Folders that the jobs of one box work on at a time: every commit carries their names in the box row."""

_PAGE = 32
_LOOKS = 32
"""Folders that one step looks into, at most."""

_ENOUGH = MAX_BYTES // 2
"""Bytes after which a step takes no more: the next row may be as large as rows can be."""

Frame = list[str]
"""A folder to be walked, the folder that it is copied into, and the place from which to go on."""


@dataclass(frozen=True)
class Progress:
    """`wait`: the job goes on by itself, but not before so long. `copied`: the content of each copy made."""

    finished: bool
    wait: timedelta = timedelta(0)
    copied: tuple[Content | None, ...] = ()


def start_copy(view: View, draft: Draft, pairs: Sequence[tuple[Folder, Folder]]) -> str:
    """Each source into its copy, which this draft makes. Answers the job's id."""
    sources = [source for source, _ in pairs]
    after = _filling(view, sources, lambda job: job.copies)
    frames = [[source.folder_id, copy.folder_id, ""] for source, copy in pairs]
    copies = tuple(copy.folder_id for _, copy in pairs)
    return _start(draft, "copy", sources, copies, after, {"frames": frames, "bound": draft.box.seq})


def start_delete(view: View, draft: Draft, folder: Folder) -> str:
    """What is below a folder, which this draft deletes: out of sight from now on, then away."""
    after = _filling(view, [folder], lambda job: (*job.roots, *job.copies))
    return _start(draft, "delete", [folder], (), after, {"frames": [[folder.folder_id, "", ""]]})


def start_settle(draft: Draft, folders: Sequence[Folder]) -> str:
    """The chains of ids written below folders which this draft moves."""
    frames = [[folder.folder_id, "", ""] for folder in folders]
    moved = [[folder.folder_id, folder.last_mod_seq] for folder in folders]
    return _start(draft, "settle", folders, (), [], {"frames": frames, "moved": moved})


def _filling(view: View, folders: Sequence[Folder], held: Callable[[Job], tuple[FolderId, ...]]) -> list[str]:
    """The unfinished copies that a job on these folders runs behind: those that hold one of them, or that one
    of them holds."""
    others = {folder_id for job in view.box.copying for folder_id in held(job)}
    view.need([(FolderRow, table.folder_item(folder_id)) for folder_id in sorted(others)])
    lines = {folder_id: _line(view, folder_id) for folder_id in others}
    mine = {folder.folder_id for folder in folders}
    above = {i for folder in folders for i in view.box.chain(folder.ancestors)} | mine
    return [
        job.job_id
        for job in view.box.copying
        if any(folder_id in above or mine & lines[folder_id] for folder_id in held(job))
    ]


def _line(view: View, folder_id: FolderId) -> set[FolderId]:
    """The folder and those above it; of one whose row is away nothing that can be seen is above."""
    row = view.get(FolderRow, table.folder_item(folder_id))
    return {folder_id, *(view.box.chain(rows.folder(row).ancestors) if row else ())}


def _start(
    draft: Draft,
    kind: Any,
    folders: Sequence[Folder],
    copies: tuple[FolderId, ...],
    after: list[str],
    state: dict[str, Any],
) -> str:
    if sum(len(job.roots) for job in draft.box.jobs) + len(folders) > MOST_ROOTS:
        raise Disturbs(draft.box.jobs[0].job_id)
    roots = tuple(folder.folder_id for folder in folders)
    job = Job(draft.new_id(), kind, draft.box.seq, roots, copies)
    draft.begin(job)
    _save(draft, job, after, state if after else state | {"seen": table.time_text(draft.now)})
    return job.job_id


def _save(draft: Draft, job: Job, after: list[str], state: dict[str, Any]) -> None:
    row = JobRow(
        box=str(draft.box.key),
        item=table.job_item(job.job_id),
        kind=job.kind,
        state=state,
        step=0,
        after=after,
        work=table.work(table.DUE, str(draft.box.key)),
        due=table.time_text(draft.now + FORGOTTEN),
    )
    draft.row(lambda transaction: transaction.save(row, JobRow.item.does_not_exist()))


def begin_anew(draft: Draft, job: Job) -> None:
    """A job that the box row names and whose own row was lost. A copy ends where it is, or it would copy
    twice.
    """
    if job.kind == "copy":
        draft.end(job.job_id)
        return
    moved = [[folder, draft.box.moved[folder].seq] for folder in job.roots if folder in draft.box.moved]
    _save(draft, job, [], {"frames": [[folder, "", ""] for folder in job.roots], "moved": moved})


def run(store: Store, key: BoxKey, job_id: str, steps: int, time: timedelta) -> Progress:
    """At most so many steps of about 30 objects each, none begun after that time. What the job waits for is
    done first."""
    copied: list[Content | None] = []
    until = store.now() + time
    for _ in range(steps):
        if store.now() > until or store.is_late:
            break
        job = _next(key, job_id)
        if not job:
            return Progress(True, copied=tuple(copied))
        if wait := _begin(store, key, job):
            return Progress(False, wait, tuple(copied))
        copied += _step(store, key, job)
    return Progress(not table.get(JobRow, str(key), table.job_item(job_id)), copied=tuple(copied))


def _next(key: BoxKey, job_id: str) -> JobRow | None:
    """The job, or one that has to come to its end before."""
    job = table.get(JobRow, str(key), table.job_item(job_id))
    for other in job.after if job and not job.state.get("begun") else ():
        if before := _next(key, other):
            return before
    return job


def _begin(store: Store, key: BoxKey, job: JobRow) -> timedelta | None:
    """The time to wait until queries show all that was committed before the job's walk; None at once."""
    if job.state.get("begun"):
        return None
    seen = job.state.get("seen")
    wait = table.parse_time(seen) + SETTLED - store.now() if seen else SETTLED
    box_row = table.get(BoxRow, str(key), table.BOX)
    if wait > timedelta(0) and box_row and not until_shown(store, rows.box(box_row)):
        if not seen:
            _note_seen(store, key, job)
        return wait
    job.state["begun"] = True
    return None


def _note_seen(store: Store, key: BoxKey, job: JobRow) -> None:
    def decide(view: View, draft: Draft) -> None:
        if _is_at(view, job):
            _advance(draft, job, job.state | {"seen": table.time_text(draft.now)})

    commit(store, key, lambda: [(JobRow, job.item)], decide)


def _is_at(view: View, job: JobRow) -> bool:
    """Whether no other runner has taken this step."""
    current = view.get(JobRow, job.item)
    return bool(current and current.step == job.step)


def _advance(draft: Draft, job: JobRow, state: dict[str, Any]) -> None:
    """The job's own row in the step's transaction; its note for the sweep is moved only when it is near."""
    as_read = JobRow.step == job.step
    actions: list[Action] = [JobRow.state.set(state), JobRow.step.set(int(job.step) + 1)]
    if table.parse_time(job.due) < draft.now + FORGOTTEN / 2:
        actions.append(JobRow.due.set(table.time_text(draft.now + FORGOTTEN)))
    row = JobRow(box=job.box, item=job.item)
    draft.row(lambda transaction: transaction.update(row, actions, as_read))


@dataclass(frozen=True)
class _Look:
    """A page of what is in a frame's folder; `more`: there is more behind it."""

    frame: Frame
    found: Sequence[LinkRow]
    more: bool


@dataclass
class _Step:
    """One transaction of a job, as its kind sees it."""

    view: View
    draft: Draft
    state: dict[str, Any]
    copied: list[Content | None] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return self.draft.rows + 5 > MAX_ROWS or self.draft.bytes > _ENOUGH


def _step(store: Store, key: BoxKey, job: JobRow) -> list[Content | None]:
    """The next page or pages of the walk, unless another runner has taken this step already."""
    kind = _KINDS[job.kind]
    looks, rest = _look(key, job.state["frames"], kind.objects)
    found = [row.item for look in looks for row in look.found]
    targets = {look.frame[1] for look in looks if look.frame[1]}
    wanted: list[Wanted] = [(JobRow, job.item)]
    wanted += [(FolderRow, table.folder_item(FolderId(target))) for target in sorted(targets)]
    wanted += [(LinkRow if item.startswith("O#") else FolderRow, item) for item in found]

    def decide(view: View, draft: Draft) -> list[Content | None]:
        if not _is_at(view, job):
            return []
        step = _Step(view, draft, job.state)
        if frames := [*rest, *_walk(step, looks, kind)]:
            _advance(draft, job, job.state | {"frames": frames})
        else:
            kind.end(step)
            draft.end(job.item.removeprefix("J#"))
            draft.row(lambda transaction: transaction.delete(job, JobRow.step == job.step))
        return step.copied

    return commit(store, key, lambda: wanted, decide)


def _look(key: BoxKey, frames: Sequence[Frame], objects: bool) -> tuple[list[_Look], list[Frame]]:
    """As many pages as a transaction holds, of one folder or of several small ones; and the frames left."""
    rest, looks, room = list(frames), list[_Look](), _PAGE
    while rest and room and len(looks) < _LOOKS:
        frame = rest.pop()
        first, last = table.places(FolderId(frame[0]), objects=objects)
        condition = LinkRow.place.between(f"{frame[2]}\x00" if frame[2] else first, last)
        found, more = table.page(LinkRow, str(key), condition, room, "by-folder")
        looks.append(_Look(frame, found, bool(more)))
        room -= len(found)
        if more or any(row.item.startswith("F#") for row in found):
            break
    return looks, rest


def _walk(step: _Step, looks: Sequence[_Look], kind: "_Kind") -> list[Frame]:
    """Visits what was found, as far as it fits; answers what is left to be walked, the next one last."""
    kind.prepare(step, looks)
    left: list[Frame] = []
    for number, look in enumerate(looks):
        frame, below, reached = look.frame, list[Frame](), look.frame[2]
        for row in look.found:
            if step.is_full:
                unvisited = [other.frame for other in reversed(looks[number + 1 :])]
                return [*left, *unvisited, [*frame[:2], reached], *below]
            if inside := kind.visit(step, frame, row.item):
                below.append(inside)
            reached = str(row.place)
        left += [[*frame[:2], reached]] if look.more else []
        left += below
    return left


def _names(step: _Step, looks: Sequence[_Look]) -> None:
    """Reads at once whether the names of subfolders are taken in the copies."""
    wanted: list[Wanted] = []
    for look in looks:
        for row in look.found:
            folder = step.view.get(FolderRow, row.item) if row.item.startswith("F#") else None
            if folder:
                wanted.append((NameRow, table.name_item(FolderId(look.frame[1]), folder.name)))
    step.view.need(wanted)


def _copy(step: _Step, frame: Frame, item: str) -> Frame | None:
    """What was in the source when the copy was granted: the row itself, though it may be out of sight."""
    source, copy, _ = frame
    bound = step.state["bound"]
    if item.startswith("O#"):
        row = step.view.get(LinkRow, item)
        link = rows.link(row) if row else None
        if link and link.parent == source and _was_there(link, bound):
            try:
                step.copied.append(step.draft.copy_link(link, FolderId(copy), bound).content)
            except InvalidInput:  # content that is gone has no link that could be read
                return None
        return None
    folder_row = step.view.get(FolderRow, item)
    folder = rows.folder(folder_row) if folder_row else None
    if not folder or folder.parent != source or not _was_there(folder, bound):
        return None
    return [folder.folder_id, _copy_subfolder(step, folder, FolderId(copy)), ""]


def _was_there(thing: Link | Folder, bound: int) -> bool:
    """Also what an earlier copy, not at its end then, has put there since."""
    return (thing.last_mod_seq if thing.as_of is None else thing.as_of) <= bound


def _copy_subfolder(step: _Step, folder: Folder, copy: FolderId) -> FolderId:
    """The subfolder's copy; what someone has made under its name in the meantime is filled instead."""
    if taken := step.view.get(NameRow, table.name_item(copy, folder.name)):
        return FolderId(taken.folder_id)
    row = step.view.get(FolderRow, table.folder_item(copy))
    # A copy that was deleted meanwhile is filled out of sight, for copies of it that are under way.
    target = rows.folder(row) if row else Folder(copy, None, "", (), folder.last_mod_seq, inner=True)
    bound = step.state["bound"]
    return step.draft.create_folder(target, folder.name, folder.attributes, as_of=bound).folder_id


def _delete(step: _Step, frame: Frame, item: str) -> Frame | None:
    """The row itself, though it is out of sight already."""
    if item.startswith("O#"):
        if row := step.view.get(LinkRow, item):
            step.draft.delete_link(rows.link(row))
        return None
    if not (folder := step.view.get(FolderRow, item)):
        return None
    step.draft.delete_folder(rows.folder(folder))
    return [item[2:], "", ""]


def _settle(step: _Step, frame: Frame, item: str) -> Frame | None:
    row = step.view.get(FolderRow, item)
    if not row:
        return None
    folder = rows.folder(row)
    if (chain := step.view.box.chain(folder.ancestors)) != folder.ancestors:
        step.draft.rewrite_chain(folder, chain)
    return [folder.folder_id, "", ""] if folder.inner else None


def _settled(step: _Step) -> None:
    for folder_id, seq in step.state["moved"]:
        step.draft.settle(FolderId(folder_id), seq)


@dataclass(frozen=True)
class _Kind:
    """`objects`: whether they are walked, beside subfolders. `visit` answers the frame of a folder to be
    walked in its turn; `prepare` reads what a page's visits need; `end` comes with the last transaction.
    """

    visit: Callable[[_Step, Frame, str], Frame | None]
    objects: bool = True
    prepare: Callable[[_Step, Sequence[_Look]], None] = lambda step, looks: None
    end: Callable[[_Step], None] = lambda step: None


_KINDS = {
    "copy": _Kind(_copy, prepare=_names),
    "delete": _Kind(_delete),
    "settle": _Kind(_settle, objects=False, end=_settled),
}
