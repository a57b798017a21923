"""What a search looks for (NMS searchCriteria): criteria, and whether an object or a folder meets them.

Names and values compare without case, and composed letters equal decomposed ones.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from onecopy.domain.folder import Attributes, Folder
from onecopy.domain.link import Flags, Link, given_date, has_flag

MOST_CRITERIA = 20
"""Criteria of one search."""


def folded(text: str) -> str:
    """The text as it is compared."""
    return unicodedata.normalize("NFC", text.casefold())


@dataclass(frozen=True)
class Subject:
    """What criteria look at. Folders have no flags, and one without a valid Date attribute has no date."""

    attributes: Attributes
    flags: Flags = ()
    date: datetime | None = None

    @cached_property
    def texts(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The attributes as they are compared."""
        return tuple((folded(name), tuple(map(folded, values))) for name, values in self.attributes)

    def values(self, name: str) -> Iterator[str]:
        """The values of the attribute, or of all attributes if the name is empty."""
        return (value for own, values in self.texts if name in ("", own) for value in values)


def of_link(link: Link) -> Subject:
    return Subject(link.attributes, link.flags, link.date)


def of_folder(folder: Folder) -> Subject:
    """Its name is an attribute, too."""
    return Subject((*folder.attributes, ("Name", (folder.name,))), date=given_date(folder.attributes))


@dataclass(frozen=True)
class DateRange:
    """From `start` on, and before `end`; None leaves that side open."""

    start: datetime | None = None
    end: datetime | None = None

    def matches(self, subject: Subject) -> bool:
        if subject.date is None:
            return False
        return (self.start is None or self.start <= subject.date) and (
            self.end is None or subject.date < self.end
        )

    def within(self, other: "DateRange") -> "DateRange":
        """What lies in both."""
        starts = [start for start in (self.start, other.start) if start]
        ends = [end for end in (self.end, other.end) if end]
        return DateRange(max(starts, default=None), min(ends, default=None))

    @property
    def is_empty(self) -> bool:
        return self.start is not None and self.end is not None and self.start >= self.end


@dataclass(frozen=True)
class HasAttribute:
    """An attribute has this value, whole."""

    name: str
    value: str

    def matches(self, subject: Subject) -> bool:
        return folded(self.value) in subject.values(folded(self.name))


@dataclass(frozen=True)
class HasText:
    """A value holds this text: of the named attribute, or of any if the name is empty."""

    text: str
    name: str = ""

    def matches(self, subject: Subject) -> bool:
        text = folded(self.text)
        return any(text in value for value in subject.values(folded(self.name)))


@dataclass(frozen=True)
class HasWord:
    """A value holds this text, and no letter, digit or mark touches it."""

    word: str
    name: str = ""

    def matches(self, subject: Subject) -> bool:
        word = folded(self.word)
        return any(_has_word(value, word) for value in subject.values(folded(self.name)))


def _has_word(text: str, word: str) -> bool:
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not any(map(_is_of_word, text[max(0, start - 1) : start] + text[end : end + 1])):
            return True
        start = text.find(word, start + 1)
    return False


def _is_of_word(character: str) -> bool:
    return character == "_" or unicodedata.category(character)[0] in "LMN"


@dataclass(frozen=True)
class HasFlag:
    """The flag is set, or is not."""

    name: str
    is_set: bool

    def matches(self, subject: Subject) -> bool:
        return has_flag(subject.flags, self.name) == self.is_set


Criterion = DateRange | HasAttribute | HasText | HasWord | HasFlag
Operator = Literal["And", "Or", "Not"]


@dataclass(frozen=True)
class Criteria:
    """Several criteria. `And`: all are met; `Or`: at least one; `Not`: not all. Without any, all is found."""

    all: tuple[Criterion, ...] = ()
    operator: Operator = "And"

    def matches(self, subject: Subject) -> bool:
        if not self.all:
            return True
        met = (one.matches(subject) for one in self.all)
        return any(met) if self.operator == "Or" else all(met) == (self.operator == "And")

    @property
    def dates(self) -> DateRange:
        """The range in which everything lies that meets the criteria."""
        found = DateRange()
        for one in self._needed:
            if isinstance(one, DateRange):
                found = found.within(one)
        return found

    @property
    def has_dates(self) -> bool:
        return any(isinstance(one, DateRange) for one in self.all)

    @property
    def is_by_date(self) -> bool:
        """Whether everything in that range meets the criteria."""
        return all(isinstance(one, DateRange) for one in self._needed) and len(self._needed) == len(self.all)

    @property
    def are_of_the_root(self) -> bool:
        """Whether no folder but the root can meet them."""
        return any(
            isinstance(one, HasAttribute) and (folded(one.name), folded(one.value)) == ("root", "yes")
            for one in self._needed
        )

    @property
    def _needed(self) -> tuple[Criterion, ...]:
        """Criteria that must all be met."""
        return self.all if self.operator == "And" or (self.operator == "Or" and len(self.all) == 1) else ()
