"""How one write changes the counts of links to contents, and which contents lose their last link by it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from onecopy.domain.content import Content, ContentKey
from onecopy.domain.link import Link
from onecopy.store.commit import table
from onecopy.store.commit.kinds import ContentRow

RECLAIM_GRACE = timedelta(seconds=15)
"""How long the stream has to report content with a count of zero before the sweep reclaims it."""


class Counting:
    """`counted`: how many links a content has, as far as an earlier try has shown it."""

    def __init__(self, counted: Mapping[ContentKey, int]) -> None:
        self._counted = counted
        self._changes: Counter[ContentKey] = Counter()
        self._first_links: set[ContentKey] = set()
        self._sizes: dict[ContentKey, int] = {}

    def __len__(self) -> int:
        return len(self._changes)

    @property
    def contents(self) -> Sequence[ContentKey]:
        """The contents whose counts `write` changes, in its order."""
        return [key for key, links in self._changes.items() if links and self._is_counted(key, links)]

    @property
    def lacks_content(self) -> bool:
        """Whether content that is to be linked has just gone."""
        return any(links > 0 and self.is_gone(key) for key, links in self._changes.items())

    @property
    def freed(self) -> int:
        """The bytes of content that loses its last link. If a guess is wrong, the write fails with it."""
        return sum(self._sizes[key] for key in self.contents if self._is_last(key))

    def is_gone(self, content_key: ContentKey) -> bool:
        return self._counted.get(content_key, 1) <= 0

    def add(self, content: Content) -> None:
        self._changes[content.content_key] += 1

    def take_away(self, link: Link, content: Content) -> None:
        self._changes[content.content_key] -= 1
        self._sizes[content.content_key] = content.size
        if str(content.content_id) == link.object_id:
            self._first_links.add(content.content_key)

    def write(self, transaction: TransactWrite, now: datetime) -> None:
        for content_key in self.contents:
            self._write(transaction, content_key, self._changes[content_key], now)

    def _is_counted(self, content_key: ContentKey, links: int) -> bool:
        """Whether to change the count. One known to be lower than the links deleted is left for a check.

        Lowering it further could delete content that is still linked.
        """
        return links > 0 or self._counted.get(content_key, -links) >= -links

    def _is_last(self, content_key: ContentKey) -> bool:
        """Whether this deletes the last link. The first try guesses: the first link of a content mostly has
        no copies, and a copy mostly has the first link beside it.
        """
        deleted = -self._changes[content_key]
        guess = deleted if content_key in self._first_links else 0
        return deleted > 0 and self._counted.get(content_key, guess) == deleted

    def _write(self, transaction: TransactWrite, content_key: ContentKey, links: int, now: datetime) -> None:
        """Changes a count. The write that deletes the last link also asks the sweep to reclaim the content.
        If the guess whether it is the last is wrong, the write fails, and the answer shows the count.
        """
        row = ContentRow(*table.content_row(content_key))
        actions: list[Action] = [ContentRow.links.add(links)]
        if links > 0:
            condition = ContentRow.links > 0
        elif self._is_last(content_key):
            condition = ContentRow.links == -links
            due = table.time_text(now + RECLAIM_GRACE)
            actions += [ContentRow.work.set(table.work(table.DUE, row.box)), ContentRow.due.set(due)]
        else:
            condition = ContentRow.links > -links
        transaction.update(row, actions, condition, "ALL_OLD")
