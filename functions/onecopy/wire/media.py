"""The forms that an answer or a notification is sent in: JSON, or XML for NMS's own structures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from onecopy.wire import outward


@dataclass(frozen=True)
class Media:
    """`size`: bytes of a body, or of a part of one, at most. `holds`: whether this form exists for a body."""

    content_type: str
    dumps: Callable[[Any], str]
    size: outward.Size
    holds: Callable[[outward.Json], bool]


JSON = Media("application/json", outward.dumps, outward.size, lambda _: True)


def xml(content_type: str = "application/xml") -> Media:
    """Loads XML's modules, which most processes never need."""
    from onecopy.wire import outward_xml

    return Media(content_type, outward_xml.dumps, outward_xml.size, outward_xml.holds)
