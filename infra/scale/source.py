"""Where a figure comes from: the page, and the day it was read."""

from dataclasses import dataclass

READ = "2026-11-25"


@dataclass(frozen=True)
class Source:
    page: str
    read: str = READ

    def __str__(self) -> str:
        return f"{self.page} ({self.read})"
