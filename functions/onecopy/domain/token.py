"""Restart tokens: positions between the changes of one box, signed.

    change 1   change 2   change 3   …
             ^          ^
        a token of     of 2          "everything up to here is known"
        position 1

A token holds the box's validity (to detect a reset), the position, and when the position was known to be
current (to detect a token older than the log). During a first listing it also holds how far the listing has
come. A listing leaves out what is below a folder that is being deleted; its token remembers that until the
deletion has been reported. If its holder follows preferences or a policy, the token names their versions. The
signature covers the box that the token was given for.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from onecopy.domain.box import BoxKey
from onecopy.domain.ids import ModSeq
from onecopy.domain.interest import NOTHING_SPECIAL, Followed

_TOKEN = re.compile(
    r"([0-9a-f]{12})-(\d{1,18})-(\d{1,12})-([fo]?)(H?)([0-9a-z]*)"
    r"(?:~([a-z0-9-]*)\.([0-9a-f]*)\.([0-9a-f]*)\.(\d{1,18}))?-([A-Za-z0-9_-]{22})"
)
LISTING_FOLDERS, LISTING_OBJECTS = "f", "o"
_HID = "H"


class BadToken(ValueError):
    """Not a token that this store gave out for this box."""


@dataclass(frozen=True)
class RestartToken:
    """`given` is exact to the second. `listing` is the phase of a first listing, `after` how far that came.

    `hid`: the listing left out what is being deleted, so its digest would differ from the box's.
    `seen`: moves of folders up to this change are in the listing, although the token's position lies before.
    """

    validity: str
    position: ModSeq
    given: datetime
    listing: str = ""
    after: str = ""
    hid: bool = False
    followed: Followed = NOTHING_SPECIAL
    seen: int = 0

    def sign(self, box: BoxKey, keys: Sequence[bytes]) -> str:
        given, hid = int(self.given.timestamp()), _HID if self.hid else ""
        text = f"{self.validity}-{self.position}-{given}-{self.listing}{hid}{self.after}"
        if self.followed != NOTHING_SPECIAL:
            text += f"~{self.followed.name}.{self.followed.version}.{self.followed.policy}.{self.seen}"
        return f"{text}-{signature(text, box, keys[0])}"


def parse(token: str, box: BoxKey, keys: Sequence[bytes]) -> RestartToken:
    """The token, if one of the keys has signed it; `sign` uses the first. Raises BadToken."""
    match = _TOKEN.fullmatch(token)
    if not match:
        raise BadToken
    text, signed = token[: match.start(11) - 1], match[11]
    if not any(hmac.compare_digest(signed, signature(text, box, key)) for key in keys):
        raise BadToken
    given = datetime.fromtimestamp(int(match[3]), UTC)
    followed = Followed(*match.group(7, 8, 9)) if match[7] is not None else NOTHING_SPECIAL
    position, seen = ModSeq(int(match[2])), int(match[10] or 0)
    return RestartToken(match[1], position, given, match[4], match[6], bool(match[5]), followed, seen)


def signature(text: str, box: BoxKey, key: bytes) -> str:
    """Signs a text for one box. A restart token's text and a search cursor's are never the same."""
    mac = hmac.digest(key, f"{box}\n{text}".encode(), hashlib.sha256)[:16]
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")
