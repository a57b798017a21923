"""Something that does not agree with something else."""

from collections.abc import Callable
from dataclasses import dataclass, field

from infra.ops.rows.deployed import Deployed
from onecopy.store.commit.transact import Store

_STRAYS = frozenset({"orphan", "swept"})

Mend = Callable[[Deployed, Store], None]
"""Puts one finding right, on the condition that all is still as it was found; else it does nothing."""


@dataclass(frozen=True)
class Finding:
    """`rule` and `thing` name it, so that a second look knows it again; `text` is for whoever reads it.

    `box` is empty for content whose box is not known. Without `mend` it is for a person to decide.
    """

    rule: str
    box: str
    thing: str
    text: str = field(compare=False)
    mend: Mend | None = field(default=None, compare=False, repr=False)

    @property
    def is_stray(self) -> bool:
        """Left by a request that was killed: nothing points to it, and the sweep takes it."""
        return self.rule in _STRAYS

    def __str__(self) -> str:
        return f"{self.box or 'no box'}: {self.thing}: {'stray: ' if self.is_stray else ''}{self.text}"
