"""The room that one write takes in its box: checked against the quota, and written with the box row."""

from onecopy.domain.box import Box, Quota, Use
from onecopy.domain.errors import NotAllowed


class Room:
    """`use`: what the box row will count. `reserved`: links promised to the copy that this write begins."""

    def __init__(self, box: Box, quota: Quota) -> None:
        self._box, self._quota = box, quota
        self._links = self._size = 0
        self.use: Use = box.use
        self.reserved = 0

    def take(self, links: int, size: int = 0) -> None:
        """Takes room for links and bytes that are to be added. Raises NotAllowed if there is too little."""
        all_links, all_bytes = self._links + links, self._size + size
        if links and not self._quota.allows_links(self._box.links + all_links):
            raise NotAllowed("quota")
        if size and not self._quota.allows_bytes(self._box.use.bytes + all_bytes):
            raise NotAllowed("quota")
        self._links, self._size = all_links, all_bytes

    def reserve(self, links: int) -> None:
        """Takes room for links that a background copy will make."""
        self.take(links)
        self.reserved += links

    def begin_upload(self, size: int) -> None:
        """Takes room for an object whose parts are still to come."""
        self.take(1, size)
        self.use = self.use.plus(size, uploads=1)

    def end_upload(self, size: int) -> None:
        """Gives back what `begin_upload` took."""
        self.use = self.use.plus(-size, uploads=-1)

    def stored(self, size: int) -> None:
        self.use = self.use.plus(size)
