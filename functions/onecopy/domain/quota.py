"""How much a box may hold, and how much it holds."""

from dataclasses import dataclass


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
