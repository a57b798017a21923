"""Writes an answer's JSON as NMS's XML.

The root element is the JSON's key in NMS's namespace. Its children are unqualified and come in the schema's
order, and a list is its element repeated. What Onecopy adds to a structure follows behind NMS's own. Loaded
only when a client asks for XML.
"""

import re
from typing import Any

from onecopy.wire.outward import Json
from onecopy.wire.schema import ANSWERS, NAMESPACE, STRUCTURES

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_LONGEST_NAME = max((name for members in STRUCTURES.values() for name in members), key=len)
_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
"""A carriage return that stands for itself would be read as a line feed."""


def holds(body: Json) -> bool:
    """Whether the body is one of NMS's structures, with nothing beside it."""
    return len(body) == 1 and not ANSWERS.isdisjoint(body)


def dumps(body: Json) -> str:
    [(name, value)] = body.items()
    out = [_DECLARATION, f'<nms:{name} xmlns:nms="{NAMESPACE}">']
    _inside(out, name, value)
    out.append(f"</nms:{name}>")
    return "".join(out)


def size(body: Any) -> int:
    """Bytes of the body, or of a part of one, at most: as an element with the longest of all names."""
    out: list[str] = []
    _element(out, _LONGEST_NAME, "", body)
    return len("".join(out).encode())


def _element(out: list[str], name: str, kind: str, value: Any) -> None:
    for one in value if isinstance(value, list) else [value]:
        out.append(f"<{name}>")
        _inside(out, kind, one)
        out.append(f"</{name}>")


def _inside(out: list[str], kind: str, value: Any) -> None:
    if isinstance(value, dict):
        members = STRUCTURES.get(kind, {})
        for name, member in members.items():
            if name in value:
                _element(out, name, member.kind, value[name])
        for name in value:
            if name not in members:
                _element(out, name, name, value[name])
    elif isinstance(value, bool):
        out.append("true" if value else "false")
    elif value is not None:
        out.append(_SPECIAL.sub(_escaped, str(value)))


def _escaped(match: re.Match[str]) -> str:
    """What XML cannot hold becomes U+FFFD, which stands for a character that is unknown."""
    return _ESCAPES.get(match[0], "\ufffd")
