"""Which form an answer takes, by the request's Accept (RFC 9110, 12.5.1): JSON, unless XML weighs more."""

import re

from onecopy.domain.errors import NotAcceptable
from onecopy.wire.media import JSON, Media, xml

_XML = {"application/xml": "application/xml", "text/xml": "text/xml; charset=utf-8"}
"""What the client may ask for, and how the answer says it: text without a charset is ASCII to some."""

_WEIGHT = re.compile(r"(?:.*;)?\s*q\s*=\s*([0-9.]+)\s*(?:;.*)?")


def chosen(accept: str) -> Media:
    """The form that weighs more. JSON if both weigh the same, also if the client names neither."""
    kind, weight = _best_xml(accept)
    return xml(_XML[kind]) if weight > _weight(accept, JSON.content_type) else JSON


def check_json(accept: str) -> None:
    """For what is not NMS's and has no XML. Raises NotAcceptable if the client takes XML and no JSON."""
    if _best_xml(accept)[1] > 0 and _weight(accept, JSON.content_type) == 0:
        raise NotAcceptable("Accept")


def weights(header: str) -> dict[str, float]:
    """Each choice of a header with its weight. 0 means no, and so does a weight that is no number."""
    found: dict[str, float] = {}
    for choice in header.lower().split(","):
        name, _, parameters = choice.partition(";")
        match = _WEIGHT.fullmatch(parameters)
        try:
            found[name.strip()] = float(match[1]) if match else 1.0
        except ValueError:
            found[name.strip()] = 0.0
    return found


def _best_xml(accept: str) -> tuple[str, float]:
    return max(((kind, _weight(accept, kind)) for kind in _XML), key=lambda one: one[1])


def _weight(accept: str, kind: str) -> float:
    """The weight of the most specific range that the kind is in."""
    given = weights(accept) if accept.strip() else {"*/*": 1.0}
    ranges = (kind, f"{kind.split('/')[0]}/*", "*/*")
    return next((given[one] for one in ranges if one in given), 0.0)
