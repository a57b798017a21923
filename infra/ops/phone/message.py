"""A phone's message in the import: what it holds, its folder, and how a repetition is recognized.

This module uses no file and no network: `backup` reads messages, `importer` stores them.
"""

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

PHONE = ""
"""Stands for the address of the phone that made the backup, whose box this is."""

MAX_NAME = 255
_NUMBER = re.compile(r"\+?[0-9*#]+")
_BETWEEN_DIGITS = re.compile(r"[\s().\-‐-―/]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Part:
    content_type: str
    data: bytes
    file_name: str | None = None
    content_id: str | None = None


@dataclass(frozen=True)
class Message:
    """`number` counts the file's messages from 1; `others` are the conversation's people except the phone."""

    number: int
    context: str
    incoming: bool
    draft: bool
    seen: bool
    date: datetime | None
    subject: str | None
    others: tuple[str, ...]
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        return sum(len(part.data) for part in self.parts)

    @property
    def is_single_text(self) -> bool:
        return len(self.parts) == 1 and self.parts[0].content_type == "text/plain"

    def fingerprint(self) -> bytes:
        """Equal for equal messages, even if the read flag changes between two backups."""
        date = self.date.isoformat() if self.date else ""
        digests = [(part.content_type, hashlib.sha256(part.data).hexdigest()) for part in self.parts]
        facts = (self.others, date, self.context, self.incoming, self.draft, self.subject, digests)
        return hashlib.sha256(json.dumps(facts).encode()).digest()


def correlation_tag(fingerprint: bytes, occurrence: int) -> str:
    """Eight characters that identify the message: the `occurrence`-th of equal ones, counted from 0."""
    digest = hashlib.sha256(b"%s %d" % (fingerprint, occurrence)).digest()
    return base64.urlsafe_b64encode(digest[:6]).decode()


def sent_at(milliseconds: str) -> datetime | None:
    """The app's time, or None if it is not a time: a message is worth more than its date."""
    try:
        return _EPOCH + timedelta(milliseconds=int(milliseconds))
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=4096)
def address(text: str) -> str:
    """A number as a tel: URI, without spaces or marks between digits; a name or mail address as it is."""
    visible = "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Cc")).strip()
    digits = _BETWEEN_DIGITS.sub("", visible.removeprefix("tel:"))
    return f"tel:{digits}" if _NUMBER.fullmatch(digits) else visible


@lru_cache(maxsize=4096)
def folder_name(numbers: tuple[str, ...]) -> str:
    """The name of the conversation's folder below /Default. A group too large for a name gets a hash."""
    name = ",".join(sorted(set(numbers))).replace("/", "_")
    if len(name) > MAX_NAME:
        return "group-" + hashlib.sha256(name.encode()).hexdigest()[:32]
    return {"": "unknown", ".": "_", "..": "__"}.get(name, name)


def nms_object(message: Message, tag: str, box_id: str) -> dict[str, Any]:
    """The NMS object to create for the message, without its content."""
    attributes: list[dict[str, Any]] = []

    def give(name: str, values: Sequence[str]) -> None:
        if values:
            attributes.append({"name": name, "value": [value or box_id for value in values]})

    if message.date:
        give("Date", [_date_time(message.date)])
    give("Message-Context", [message.context])
    give("Direction", ["In" if message.incoming else "Out"])
    give("From", [message.sender])
    give("To", message.to)
    give("Cc", message.cc)
    give("Bcc", message.bcc)
    if message.subject:
        give("Subject", [message.subject])
    flags = ["\\Seen"] * message.seen + ["\\Draft"] * message.draft
    return {
        "parentFolderPath": "/Default/" + folder_name(message.others),
        "attributes": {"attribute": attributes},
        "flags": {"flag": flags},
        "correlationTag": tag,
    }


def _date_time(time: datetime) -> str:
    precision = "milliseconds" if time.microsecond else "seconds"
    return time.isoformat(timespec=precision).replace("+00:00", "Z")
