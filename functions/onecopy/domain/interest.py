"""Which objects someone is told of: by a device's preferences, the provider's policy, or a filter.

Every folder is told. An object is in view if each of those it has to meet allows its date and its
Message-Context, and excludes no folder above it. Dates and attributes never change, so an object comes into
view or leaves it only by a move, its own or that of a folder above it; or it becomes too old for `days`; or
a filter asks for flags.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from onecopy.domain.change import ChangedFolder, Event
from onecopy.domain.criteria import Criteria, Subject
from onecopy.domain.folder import Attributes
from onecopy.domain.ids import FolderId
from onecopy.domain.link import Flags

MOST = 20
"""Preferences of one box."""

MOST_EXCLUDED = 200
MOST_CONTEXTS = 20
MOST_DAYS = 36_500

_CONTEXT = "message-context"


@dataclass(frozen=True)
class Followed:
    """What a restart token follows: preferences by name and version, and a version of the policy.

    Without preferences there is no name. Preferences that have been deleted have no version.
    """

    name: str = ""
    version: str = ""
    policy: str = ""


NOTHING_SPECIAL = Followed()


@dataclass(frozen=True)
class Preferences:
    """`excluded`: folders that are left out with everything below. At most one of `min_date` and `days`.

    `contexts`: the values of Message-Context to be told of; None for any, and for none at all.
    """

    excluded: tuple[FolderId, ...] = ()
    min_date: datetime | None = None
    days: int | None = None
    contexts: tuple[str, ...] | None = None

    def since(self, now: datetime) -> datetime | None:
        """The earliest date that is in view."""
        return now - timedelta(days=self.days) if self.days else self.min_date

    def has_context(self, attributes: Attributes) -> bool:
        if self.contexts is None:
            return True
        allowed = {context.casefold() for context in self.contexts}
        given = (values for name, values in attributes if name.casefold() == _CONTEXT)
        return any(value.casefold() in allowed for values in given for value in values)


@dataclass(frozen=True)
class Policy:
    """The provider's policy for every box. It names folders by their paths: `paths` holds each one's names.

    `text`: the policy as it was configured; empty if there is none.
    """

    text: str = ""
    paths: tuple[tuple[str, ...], ...] = ()
    rest: Preferences = Preferences()


@dataclass(frozen=True)
class Interest:
    """`met`: all that an object has to meet. `filter`: a subscription's, which judges each change alone."""

    followed: Followed = NOTHING_SPECIAL
    met: tuple[Preferences, ...] = ()
    filter: Criteria | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nobody has asked for less than everything, so that a digest can prove it."""
        return self.followed == NOTHING_SPECIAL and self.filter is None

    @cached_property
    def excluded(self) -> frozenset[FolderId]:
        return frozenset(folder for one in self.met for folder in one.excluded)

    @property
    def has_dates(self) -> bool:
        return any(one.min_date or one.days for one in self.met) or bool(
            self.filter and self.filter.has_dates
        )

    @property
    def has_facts(self) -> bool:
        """Whether it depends on what never changes in an object."""
        if self.has_dates or self.filter:
            return True
        return any(one.contexts is not None for one in self.met)

    def since(self, now: datetime) -> datetime | None:
        """The earliest date in view now."""
        return max((date for one in self.met if (date := one.since(now))), default=None)

    def excludes(self, chain: Iterable[FolderId]) -> bool:
        """Whether a folder is left out. `chain`: the folder's id and those of all above it."""
        return not self.excluded.isdisjoint(chain)

    def allows(self, attributes: Attributes, flags: Flags, date: datetime | None, now: datetime) -> bool:
        """Whether an object is in view, apart from its folder. `date` is None only if there are no dates."""
        since = self.since(now)
        if since and date and date < since:
            return False
        if self.filter and not self.filter.matches(Subject(attributes, flags, date)):
            return False
        return all(one.has_context(attributes) for one in self.met)

    def is_crossed_by(self, event: Event) -> bool:
        """Whether the change moved a folder into an excluded one or out of it, with all it holds."""
        if not isinstance(event, ChangedFolder) or not event.moved or event.folder_id in self.excluded:
            return False
        before, after = event.moved
        return self.excludes(before) != self.excludes(after)


EVERYTHING = Interest()
