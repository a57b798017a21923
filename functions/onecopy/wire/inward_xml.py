"""Reads NMS's XML into the values that the same request has in JSON. Loaded only when a client sends XML.

A request with a document type is refused before the parser sees it, so there are no entities, and nothing
outside the request is ever looked up. Namespaces are resolved here: expat would copy a namespace's whole name
for each element in it, which makes a long one a bomb.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Never
from xml.parsers import expat

from onecopy.domain.errors import InvalidInput, UnsupportedMedia
from onecopy.wire.schema import BOOLEAN, NAMESPACE, NUMBER, STRUCTURES, TEXT, Member

DEPTH = 64
MOST_ELEMENTS = 100_000
_MOST_ATTRIBUTES = 50
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "iso-8859-1": "latin-1",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
_STARTS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
    b"<\x00": "utf-16-le",
    b"\x00<": "utf-16-be",
}
"""A byte order mark, or the first character, tells what the text is whatever else is said (RFC 7303)."""
_DECLARED = re.compile(rb"""<\?xml[^>]{1,200}?\sencoding\s*=\s*["']([^"'>]*)["']""")
_PROLOG = re.compile(r"\s*+(?:<\?.*?\?>\s*+|<!--.*?-->\s*+)*+<[^!?]", re.DOTALL)
"""What may come before the root element, without a document type."""
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_BLANK = " \t\r\n"
_NOTHING: Mapping[str, Member] = {}
_NO_SPACES: Mapping[str, str] = {}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def loads(body: bytes, content_type: str, what: str) -> dict[str, Any]:
    """The root element's name with its value. Raises UnsupportedMedia or InvalidInput(what)."""
    try:
        text = _decoded(body, content_type)
        if not _PROLOG.match(text):
            raise InvalidInput(what)
        return _Reader(what).read(text)
    except (ValueError, expat.ExpatError) as error:
        raise InvalidInput(what) from error


def _decoded(body: bytes, content_type: str) -> str:
    """The text. Raises UnsupportedMedia if the type names an unknown charset, ValueError if the XML does."""
    header = Message()
    header["content-type"] = content_type
    named = header.get_content_charset()
    if named is not None and named not in _CHARSETS:
        raise UnsupportedMedia("charset")
    encoding = next((_STARTS[start] for start in _STARTS if body.startswith(start)), None)
    if not encoding:
        declared = _DECLARED.match(body.lstrip())
        charset = named or (declared[1].decode("ascii").lower() if declared else "utf-8")
        if charset not in _CHARSETS:
            raise ValueError("charset")
        encoding = _CHARSETS[charset]
    return body.decode(encoding).removeprefix("\ufeff")


@dataclass(slots=True)
class _Element:
    """An element that is still open, in its parent's terms: `member`. `structure`: what may be in it.

    One of another namespace is `foreign`: it has to be well-formed, and is ignored.
    """

    name: str
    member: Member | None
    structure: Mapping[str, Member]
    foreign: bool = False
    nil: bool = False
    members: dict[str, Any] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)


class _Reader:
    """Takes expat's events and builds the value from the inside out."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._open: list[_Element] = []
        self._spaces: list[Mapping[str, str]] = []
        self._count = 0
        self._root: dict[str, Any] = {}

    def read(self, text: str) -> dict[str, Any]:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.Parse(text, True)
        return self._root

    def _refuse(self, *_: Any) -> Never:
        raise InvalidInput(self._what)

    def _start(self, tag: str, attributes: list[str]) -> None:
        self._count += 1
        if len(self._open) == DEPTH or self._count > MOST_ELEMENTS:
            self._refuse()
        nil = self._declares(attributes)
        prefix, _, name = tag.rpartition(":")
        space = self._space(prefix)
        if self._open:
            parent = self._open[-1]
            member = parent.structure.get(name)
            foreign = parent.foreign or space not in ("", NAMESPACE)
        else:
            member, foreign = Member(name, name if name in STRUCTURES else TEXT), False
            if space != NAMESPACE:
                self._refuse()
        structure = STRUCTURES.get(member.kind, _NOTHING) if member else _NOTHING
        self._open.append(_Element(name, member, structure, foreign, nil))

    def _declares(self, attributes: list[str]) -> bool:
        """Takes note of the prefixes that an element declares. Whether it is nil."""
        if not attributes:
            self._spaces.append(_NO_SPACES)
            return False
        if len(attributes) > 2 * _MOST_ATTRIBUTES:
            self._refuse()
        pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
        self._spaces.append(
            {name[6:]: uri for name, uri in pairs if name == "xmlns" or name.startswith("xmlns:")}
        )
        return any(value.strip() in ("true", "1") for name, value in pairs if self._is_nil(name))

    def _is_nil(self, attribute: str) -> bool:
        prefix, _, name = attribute.rpartition(":")
        return name == "nil" and bool(prefix) and self._space(prefix) == _INSTANCE

    def _space(self, prefix: str) -> str:
        """The namespace that a prefix stands for. None has to be declared for names without a prefix."""
        for declared in reversed(self._spaces):
            if prefix in declared:
                return declared[prefix]
        return self._refuse() if prefix else ""

    def _text(self, text: str) -> None:
        self._open[-1].text.append(text)

    def _end(self, _: str) -> None:
        element = self._open.pop()
        self._spaces.pop()
        if element.foreign:
            return
        value = None if element.nil else self._value(element)
        if self._open:
            self._put(self._open[-1].members, element, value)
        else:
            self._root[element.name] = value

    def _value(self, element: _Element) -> Any:
        kind = element.member.kind if element.member else ""
        text = "".join(element.text)
        if kind not in STRUCTURES and not element.members:
            return _plain(text, kind)
        if element.member and text.strip(_BLANK):
            self._refuse()
        lists = [one.name for one in element.structure.values() if one.many and not one.optional]
        return {name: [] for name in lists} | element.members

    def _put(self, members: dict[str, Any], element: _Element, value: Any) -> None:
        """Adds to a structure. If NMS has one such element, another is refused; if it has none, all stay."""
        name, member = element.name, element.member
        if member and member.many:
            members.setdefault(name, []).append(value)
        elif name not in members:
            members[name] = value
        elif member:
            self._refuse()
        elif isinstance(members[name], list):
            members[name].append(value)
        else:
            members[name] = [members[name], value]


def _plain(text: str, kind: str) -> Any:
    """A value without elements in it. What is no number or boolean stays a text, and is judged as in JSON."""
    bare = text.strip(_BLANK)
    if kind == NUMBER and _INTEGER.fullmatch(bare):
        return int(bare)
    if kind == BOOLEAN:
        return _BOOLEANS.get(bare, text)
    return text
