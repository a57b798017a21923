"""The outcome of one item of a request, small enough to be kept for a repeat of the request."""

from dataclasses import dataclass, field
from typing import Any

from onecopy.domain.content import Content
from onecopy.domain.folder import Folder
from onecopy.domain.ids import FolderId


@dataclass(frozen=True)
class Outcome:
    """The id of what was made, copied or moved, its lastModSeq, the folder it is in, and the background job.

    `folder` (the folder itself, or an object's parent) and `content` are known only to the try that did it.
    """

    thing_id: str
    last_mod_seq: int
    parent: FolderId | None = None
    job_id: str | None = None
    folder: Folder | None = field(default=None, compare=False)
    content: Content | None = field(default=None, compare=False)


def encode(outcome: Outcome) -> list[Any]:
    raw = [outcome.thing_id, outcome.last_mod_seq, outcome.parent, outcome.job_id]
    while raw[-1] is None:
        raw.pop()
    return raw


def decode(raw: list[Any]) -> Outcome:
    return Outcome(*raw)
