"""A box: whose it is, how far its log has come, and what goes on in the background of its tree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from onecopy.domain.digest import Digest
from onecopy.domain.ids import DEFAULT, FolderId, ModSeq

MAX_DEPTH = 32
"""Folders below one another, the root counted as none."""

Chain = tuple[FolderId, ...]
"""The folders above a folder, from the root down to its parent."""


SETTLED = timedelta(seconds=5)
"""A commit from so long ago shows whole, in a query too."""

LONGEST_REQUEST = timedelta(seconds=30)
"""No function tries to commit for longer."""


class BoxKey(NamedTuple):
    store: str
    box_id: str

    def __str__(self) -> str:
        return f"{self.store}#{self.box_id}"

    @classmethod
    def parse(cls, text: str) -> "BoxKey":
        store, box_id = text.split("#", 1)
        return cls(store, box_id)


class Moved(NamedTuple):
    """Where a folder was moved, and by which change: a second move of it is another matter."""

    seq: int
    chain: Chain


class Job(NamedTuple):
    """Work in the background that has not come to its end: who writes beside it has to know.

    `seq`: the box's number when it began. `roots`: the folders that it copies, deletes or settles, with all
    below them; `copies`: for a copy, the folder that each of them goes into.
    """

    job_id: str
    kind: Literal["copy", "delete", "settle"]
    seq: int
    roots: tuple[FolderId, ...]
    copies: tuple[FolderId, ...] = ()


class Mark(NamedTuple):
    """How far the log had come by then."""

    seq: int
    at: datetime


@dataclass(frozen=True)
class Box:
    """`seq` and `ids` are the last numbers given out; the last commit was begun at `at`.

    `jobs`: what goes on in the background, in the order in which it began.
    `moved`: folders with a new parent whose subfolders still hold the chain of ids from before.
    `marks`: one or two, at least SETTLED apart; how far back a listing begins that is made just now.
    `closed`: since when its owner has had no right to it.
    """

    key: BoxKey
    seq: ModSeq
    ids: int
    validity: str
    jobs: tuple[Job, ...] = ()
    moved: Mapping[FolderId, Moved] = field(default_factory=dict)
    at: datetime | None = None
    marks: tuple[Mark, ...] = ()
    digest: Digest = field(default_factory=Digest)
    closed: datetime | None = None

    @property
    def doomed(self) -> frozenset[FolderId]:
        """Folders whose deletion is still working its way down; all below them is gone already."""
        return frozenset(root for job in self.jobs if job.kind == "delete" for root in job.roots)

    @property
    def copying(self) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if job.kind == "copy")

    def copy_of(self, folders: Iterable[FolderId]) -> Job | None:
        """The first unfinished copy that still has to read one of these folders as it is."""
        held = set(folders)
        return next((job for job in self.copying if not held.isdisjoint(job.roots)), None)

    def marked(self, now: datetime) -> tuple[Mark, ...]:
        """The marks with a commit of now; the one before it was read by this writer, so it is done."""
        if self.at is not None and self._is_quiet(now):
            return (Mark(self.seq, self.at),)
        if self.marks and self.marks[-1].at > now - SETTLED:
            return self.marks
        return (*self.marks[-1:], Mark(self.seq, now))

    def shown_whole(self, now: datetime) -> int:
        """A number up to which every commit shows whole by now: the last one, or some seconds back."""
        if self._is_quiet(now):
            return self.seq
        settled = [mark.seq for mark in self.marks if mark.at <= now - SETTLED]
        return settled[-1] if settled else self.marks[0].seq

    def _is_quiet(self, now: datetime) -> bool:
        return self.at is None or self.at <= now - LONGEST_REQUEST

    def chain(self, written: Chain) -> Chain:
        """The chain as it is now: below the deepest moved folder as written, above it as moved.

        The deepest counts, because a folder that was moved later was written whole at that time.
        """
        for place in range(len(written) - 1, -1, -1):
            if written[place] in self.moved:
                above = self.chain(self.moved[written[place]].chain)
                return above + written[place:]
        return written

    def settled(self, folder_id: FolderId) -> dict[FolderId, Moved]:
        """`moved` without a folder below which all has been rewritten.

        What was moved below it since then is noted anew: its chain leant on the note that goes.
        """
        return {
            other: Moved(moved.seq, self.chain(moved.chain))
            for other, moved in self.moved.items()
            if other != folder_id
        }

    def hides(self, folder_id: FolderId, written: Chain) -> bool:
        """Whether the folder lies in one that is being deleted."""
        return bool(self.doomed) and not self.doomed.isdisjoint((*self.chain(written), folder_id))

    def is_network(self, folder_id: FolderId, written: Chain) -> bool:
        """Whether the folder is /Default or below it, where only the network stores."""
        return DEFAULT in (*self.chain(written), folder_id)
