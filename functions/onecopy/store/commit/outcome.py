"""What became of an item of a request, in few enough bytes to be kept for a repeat of it."""

from dataclasses import dataclass, field
from typing import Any

from onecopy.domain.content import Content
from onecopy.domain.folder import Folder
from onecopy.domain.ids import FolderId


@dataclass(frozen=True)
class Outcome:
    """The id of what was made, copied or moved, its lastModSeq, the folder it is in, and the job that goes on
    in the background.

    `folder` (a folder itself, an object's parent) and `content` are known to the try that did it alone.
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
