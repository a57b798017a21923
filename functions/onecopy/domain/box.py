"""A box: whose it is, how far its log has come, what it may hold, and which jobs work on its tree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from onecopy.domain.digest import Digest
from onecopy.domain.ids import DEFAULT, FolderId, ModSeq

MAX_DEPTH = 32
"""How many folders deep a tree may be, not counting the root."""

Chain = tuple[FolderId, ...]
"""The folders above a folder, from the root down to its parent."""


SETTLED = timedelta(seconds=5)
"""Every read, even a query, shows the whole of a commit that is this old."""

LONGEST_REQUEST = timedelta(seconds=30)
"""No function goes on trying to commit for longer than this."""


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
    """A folder's chain after a move. `seq` is the move's change: it tells the move from a later one."""

    seq: int
    chain: Chain


class Job(NamedTuple):
    """Unfinished background work. Anyone who writes to the box meanwhile has to know of it.

    `seq`: the box's `seq` when the job began. `roots`: the folders that it copies, deletes or settles, with
    everything below them. `copies`: for a copy, the folder that each root is copied into. `links`: how many
    links a copy has still to make, if a quota made it count them.
    """

    job_id: str
    kind: Literal["copy", "delete", "settle"]
    seq: int
    roots: tuple[FolderId, ...]
    copies: tuple[FolderId, ...] = ()
    links: int = 0


class Mark(NamedTuple):
    """The last number in the log (`seq`) at the time `at`."""

    seq: int
    at: datetime


class Looked(NamedTuple):
    """The last look for objects that have expired: when it began, and by which policy.

    `whole`: from when on a look is at everything again, not only at what has come of age since the last one.
    `left`: the ranges of dates that this look has not come to yet.
    """

    at: datetime
    whole: datetime
    policy: str
    left: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Quota:
    """The most links and the most bytes of content; 0 for no limit."""

    links: int = 0
    bytes: int = 0

    def allows_links(self, links: int) -> bool:
        return not self.links or links <= self.links

    def allows_bytes(self, size: int) -> bool:
        return not self.bytes or size <= self.bytes


NO_QUOTA = Quota()


@dataclass(frozen=True)
class Use:
    """What a box's row counts besides its links.

    `bytes`: of content, each content once, however many links the box has to it. Uploads under way count from
    their beginning, so an object that was promised always has its room. `uploads`: how many there are; each
    of them becomes a link.
    """

    bytes: int = 0
    uploads: int = 0

    def plus(self, size: int, uploads: int = 0) -> "Use":
        """Both numbers changed; never below zero, whatever a damaged row says."""
        return Use(max(0, self.bytes + size), max(0, self.uploads + uploads))


@dataclass(frozen=True)
class Box:
    """`seq` and `ids` are the last numbers given out. `at` is when the last commit began.

    `jobs`: the background jobs, in the order in which they began.
    `moved`: folders with a new parent whose subfolders still hold the old chain of ids.
    `marks`: one or two, at least SETTLED apart; they tell how far back a listing made now begins.
    `closed`: when the owner lost access to the box; None while it is open.
    `use`: what counts against a quota, besides the links.
    `due`: when to look next for objects that have expired; None if nothing ever does.
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
    use: Use = field(default_factory=Use)
    due: datetime | None = None
    looked: Looked | None = None

    @property
    def links(self) -> int:
        """The links that count against a quota: those in the box, and those that are promised."""
        return self.digest.objects + self.use.uploads + sum(job.links for job in self.jobs)

    @property
    def doomed(self) -> frozenset[FolderId]:
        """Folders whose contents are still being deleted. Clients no longer see anything below them."""
        return frozenset(root for job in self.jobs if job.kind == "delete" for root in job.roots)

    @property
    def copying(self) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if job.kind == "copy")

    def copy_of(self, folders: Iterable[FolderId]) -> Job | None:
        """The first unfinished copy that still has to read one of these folders as it is."""
        held = set(folders)
        return next((job for job in self.copying if not held.isdisjoint(job.roots)), None)

    def marked(self, now: datetime) -> tuple[Mark, ...]:
        """The marks after a commit at `now`. Its writer has read the commit before, so that one is done."""
        if self.at is not None and self._is_quiet(now):
            return (Mark(self.seq, self.at),)
        if self.marks and self.marks[-1].at > now - SETTLED:
            return self.marks
        return (*self.marks[-1:], Mark(self.seq, now))

    def shown_whole(self, now: datetime) -> int:
        """The number up to which every read now shows commits whole: the last, or one some seconds old."""
        if self._is_quiet(now):
            return self.seq
        settled = [mark.seq for mark in self.marks if mark.at <= now - SETTLED]
        return settled[-1] if settled else self.marks[0].seq

    def _is_quiet(self, now: datetime) -> bool:
        return self.at is None or self.at <= now - LONGEST_REQUEST

    def chain(self, written: Chain) -> Chain:
        """The current chain: from the deepest moved folder down as written, above it as that move noted.

        The deepest one decides, because a move notes the folder's whole chain as it is at that time.
        """
        for place in range(len(written) - 1, -1, -1):
            if written[place] in self.moved:
                above = self.chain(self.moved[written[place]].chain)
                return above + written[place:]
        return written

    def settled(self, folder_id: FolderId) -> dict[FolderId, Moved]:
        """`moved` without this folder, once all chains below it have been rewritten.

        The other entries get their current chains, since some relied on the entry that goes.
        """
        return {
            other: Moved(moved.seq, self.chain(moved.chain))
            for other, moved in self.moved.items()
            if other != folder_id
        }

    def hides(self, folder_id: FolderId, written: Chain) -> bool:
        """Whether the folder lies below one that is being deleted, or is one."""
        return bool(self.doomed) and not self.doomed.isdisjoint((*self.chain(written), folder_id))

    def is_network(self, folder_id: FolderId, written: Chain) -> bool:
        """Whether the folder is /Default or below it, where only the network stores."""
        return DEFAULT in (*self.chain(written), folder_id)
