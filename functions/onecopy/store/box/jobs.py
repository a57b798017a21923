"""Background jobs of a box: folders copied, deleted or moved with all below them.

A job is a row. The transaction of its request creates it, and the transaction of its last step deletes it.
Until then, the box row names it too. Each step is one transaction, which also raises the row's `step` on the
condition that nobody else has. A step may therefore run twice, even at the same time, or die at any point:
the job continues from its last commit. The request runs the first steps itself, and the queue runs the rest.
The sweep rings for jobs that were forgotten.

Jobs whose folders overlap run in the order in which they began; others do not wait for each other. A copy
reads what its source held when the copy was granted: anything later has a later number (`bound`). A writer
that would change or remove what a copy still has to read helps it to finish first (`commits`).
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
from onecopy.store.commit.kinds import BoxRow, FolderRow, JobRow, LinkRow, NameRow
from onecopy.store.commit.read_committed import until_shown
from onecopy.store.commit.transact import Disturbs, Store, View, Wanted, commit

FORGOTTEN = timedelta(seconds=30)
"""A job that has not moved for this long is rung again."""

MOST_ROOTS = 300
"""The most folders that a box's jobs start from at a time: every commit carries their ids in the box row."""

_PAGE = 32
_LOOKS = 32
"""The most folders that one step looks into."""

_ENOUGH = MAX_BYTES // 2
"""Bytes after which a step takes no more rows: the next one may be as large as a row can be."""

Frame = list[str]
"""A folder to walk, the folder that it is copied into, and the place after which to continue."""


@dataclass(frozen=True)
class Progress:
    """`wait`: how long the job waits before its next step. `copied`: the content of each copy made."""

    finished: bool
    wait: timedelta = timedelta(0)
    copied: tuple[Content | None, ...] = ()


def start_copy(view: View, draft: Draft, pairs: Sequence[tuple[Folder, Folder]]) -> str:
    """Starts a job that copies each source into its copy, which this draft makes. Returns the job's id."""
    sources = [source for source, _ in pairs]
    after = _filling(view, sources, lambda job: job.copies)
    frames = [[source.folder_id, copy.folder_id, ""] for source, copy in pairs]
    copies = tuple(copy.folder_id for _, copy in pairs)
    return _start(draft, "copy", sources, copies, after, {"frames": frames, "bound": draft.box.seq})


def start_delete(view: View, draft: Draft, folder: Folder) -> str:
    """Starts a job that deletes what is below a folder. This draft deletes the folder and hides the rest."""
    after = _filling(view, [folder], lambda job: (*job.roots, *job.copies))
    return _start(draft, "delete", [folder], (), after, {"frames": [[folder.folder_id, "", ""]]})


def start_settle(draft: Draft, folders: Sequence[Folder]) -> str:
    """Starts a job that rewrites the chains of ids below folders that this draft moves."""
    frames = [[folder.folder_id, "", ""] for folder in folders]
    moved = [[folder.folder_id, folder.last_mod_seq] for folder in folders]
    return _start(draft, "settle", folders, (), [], {"frames": frames, "moved": moved})


def _filling(view: View, folders: Sequence[Folder], held: Callable[[Job], tuple[FolderId, ...]]) -> list[str]:
    """The unfinished copies that a job on these folders waits for.

    A folder that such a copy holds (`held`) is one of these, or lies above or below one.
    """
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
    """The folder and those above it. If its row is gone, no visible folder is above it."""
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
    job = Job(draft.new_id(), kind, draft.box.seq, roots, copies, draft.room.reserved)
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
    """Starts again a job that the box row names but whose own row was lost.
    A copy ends instead, because it would copy twice.
    """
    if job.kind == "copy":
        draft.end(job.job_id)
        return
    moved = [[folder, draft.box.moved[folder].seq] for folder in job.roots if folder in draft.box.moved]
    _save(draft, job, [], {"frames": [[folder, "", ""] for folder in job.roots], "moved": moved})


def run(store: Store, key: BoxKey, job_id: str, steps: int, time: timedelta) -> Progress:
    """Runs up to `steps` steps of about 30 objects each, none begun after `time`. The jobs that it waits for
    run first."""
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
    """The job, or one that has to finish before it. None if there is no such job."""
    job = table.get(JobRow, str(key), table.job_item(job_id))
    for other in job.after if job and not job.state.get("begun") else ():
        if before := _next(key, other):
            return before
    return job


def _begin(store: Store, key: BoxKey, job: JobRow) -> timedelta | None:
    """How long to wait until queries show all commits from before the job's walk. None if they do now."""
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
    """Drafts the job's own row in the step's transaction. Its `due` time is moved only when it is near."""
    as_read = JobRow.step == job.step
    actions: list[Action] = [JobRow.state.set(state), JobRow.step.set(int(job.step) + 1)]
    if table.parse_time(job.due) < draft.now + FORGOTTEN / 2:
        actions.append(JobRow.due.set(table.time_text(draft.now + FORGOTTEN)))
    row = JobRow(box=job.box, item=job.item)
    draft.row(lambda transaction: transaction.update(row, actions, as_read))


@dataclass(frozen=True)
class _Look:
    """One page of what is in a frame's folder. `more`: the folder holds more after it."""

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
    """Does the next page or pages of the walk, unless another runner has already taken this step."""
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
        frames = [*rest, *_walk(step, looks, kind)]
        draft.copied(job.item.removeprefix("J#"), len(step.copied))
        if frames:
            _advance(draft, job, job.state | {"frames": frames})
        else:
            kind.end(step)
            draft.end(job.item.removeprefix("J#"))
            draft.row(lambda transaction: transaction.delete(job, JobRow.step == job.step))
        return step.copied

    return commit(store, key, lambda: wanted, decide)


def _look(key: BoxKey, frames: Sequence[Frame], objects: bool) -> tuple[list[_Look], list[Frame]]:
    """As many pages as fit a transaction, of one folder or several small ones; and the frames left."""
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
    """Visits what was found, as far as it fits. Returns the frames left to walk, the next one last."""
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
    """Reads, all at once, whether the names of the subfolders are taken in the copies."""
    wanted: list[Wanted] = []
    for look in looks:
        for row in look.found:
            folder = step.view.get(FolderRow, row.item) if row.item.startswith("F#") else None
            if folder:
                wanted.append((NameRow, table.name_item(FolderId(look.frame[1]), folder.name)))
    step.view.need(wanted)


def _copy(step: _Step, frame: Frame, item: str) -> Frame | None:
    """Copies what was in the source when the copy was granted. Reads the row itself, which may be hidden."""
    source, copy, _ = frame
    bound = step.state["bound"]
    if item.startswith("O#"):
        row = step.view.get(LinkRow, item)
        link = rows.link(row) if row else None
        if link and link.parent == source and _was_there(link, bound):
            try:
                step.copied.append(step.draft.copy_link(link, FolderId(copy), bound).content)
            except InvalidInput:  # no readable link points to content that is gone
                return None
        return None
    folder_row = step.view.get(FolderRow, item)
    folder = rows.folder(folder_row) if folder_row else None
    if not folder or folder.parent != source or not _was_there(folder, bound):
        return None
    return [folder.folder_id, _copy_subfolder(step, folder, FolderId(copy)), ""]


def _was_there(thing: Link | Folder, bound: int) -> bool:
    """Whether it belongs to the copy, as does what an earlier copy, unfinished then, has put there since."""
    return (thing.last_mod_seq if thing.as_of is None else thing.as_of) <= bound


def _copy_subfolder(step: _Step, folder: Folder, copy: FolderId) -> FolderId:
    """Makes the subfolder's copy. If someone has made a folder of its name meanwhile, that one is filled."""
    if taken := step.view.get(NameRow, table.name_item(copy, folder.name)):
        return FolderId(taken.folder_id)
    row = step.view.get(FolderRow, table.folder_item(copy))
    # A copy deleted meanwhile is filled all the same, hidden, for copies of it that are under way.
    target = rows.folder(row) if row else Folder(copy, None, "", (), folder.last_mod_seq, inner=True)
    bound = step.state["bound"]
    return step.draft.create_folder(target, folder.name, folder.attributes, as_of=bound).folder_id


def _delete(step: _Step, frame: Frame, item: str) -> Frame | None:
    """Deletes what the row holds, though it is hidden already."""
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
    """`visit` returns the frame of a folder to walk in its turn. `objects`: whether objects are walked, not
    only subfolders. `prepare` reads what a page's visits need. `end` runs in the last transaction.
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
