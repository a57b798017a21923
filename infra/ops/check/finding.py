"""A disagreement that the check has found."""

from collections.abc import Callable
from dataclasses import dataclass, field

from infra.ops.rows.deployed import Deployed
from onecopy.store.commit.transact import Store

_STRAYS = frozenset({"orphan", "swept"})

Mend = Callable[[Deployed, Store], None]
"""Mends one finding if everything is still as it was found; otherwise does nothing."""


@dataclass(frozen=True)
class Finding:
    """`rule` and `thing` identify it at a second look; `text` is for the reader.

    `box` is empty for content whose box is not known. Without `mend`, a person must decide.
    """

    rule: str
    box: str
    thing: str
    text: str = field(compare=False)
    mend: Mend | None = field(default=None, compare=False, repr=False)

    @property
    def is_stray(self) -> bool:
        """Left by a request that was killed: nothing points to it, and the sweep deletes it."""
        return self.rule in _STRAYS

    def __str__(self) -> str:
        return f"{self.box or 'no box'}: {self.thing}: {'stray: ' if self.is_stray else ''}{self.text}"
