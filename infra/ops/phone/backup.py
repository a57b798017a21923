"""Reads a backup of the app *SMS Backup & Restore*, one message at a time.

Memory holds one message, however large the file. The XML is untrusted: document types, and with them
entities, are refused. `elements` knows what the elements mean.
"""

import gzip
import os
import zlib
from collections.abc import Callable, Generator, Iterator
from io import BufferedReader
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from infra.ops.phone.elements import Attributes, OpenMms, Unreadable, sms
from infra.ops.phone.message import Message
from infra.ops.phone.well_formed import ElementTooLarge, mended

CHUNK = 65_536
_GZIP = b"\x1f\x8b"


class Refused(Exception):
    """The file cannot be read as a backup; the text says why, in words for its owner."""


class Broken(Exception):
    """The file breaks off or is damaged after some messages, which were read."""


class Backup:
    """A backup on disk, of `size` bytes; `position` is how far it has been read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.position = 0
        with self._open() as raw:
            self.size = os.fstat(raw.fileno()).st_size

    def _open(self) -> BufferedReader:
        try:
            return self._path.open("rb")
        except (OSError, ValueError) as error:
            raise Refused(f"{self._path} cannot be read: {getattr(error, 'strerror', error)}") from None

    def messages(self) -> Generator[Message | Unreadable, None, None]:
        """Every message in the file's order; raises Broken or Refused after the last that can be read."""
        target = _Messages()
        parser = DefusedXMLParser(target=target, forbid_dtd=True)
        try:
            for text in mended(self._chunks()):
                parser.feed(text)
                yield from target.taken()
                if target.ended:
                    break
            else:
                parser.close()
        except DefusedXmlException:
            raise Refused("the file declares a document type or entities, which no backup does") from None
        except (ParseError, ElementTooLarge, EOFError, OSError, zlib.error) as error:
            yield from target.taken()
            if target.count and not target.ended:
                raise Broken(f"the file breaks off after message {target.count}: {_reason(error)}") from None
        if not target.count:
            raise Refused("nothing readable in the file: no message of an SMS Backup & Restore backup")

    def _chunks(self) -> Iterator[bytes]:
        with self._open() as raw:
            source = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw
            while chunk := source.read1(CHUNK):
                self.position = raw.tell()
                yield chunk


class _Messages:
    """The parser's target. It holds only the mms being read and the messages not yet taken."""

    def __init__(self) -> None:
        self.count = 0
        self.ended = False
        self._depth = 0
        self._ready: list[Message | Unreadable] = []
        self._mms: OpenMms | None = None

    def taken(self) -> list[Message | Unreadable]:
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: Attributes) -> None:
        self._depth += 1
        if tag == "sms":
            self._read(lambda number: sms(number, attributes))
        elif tag == "mms":
            self._mms = OpenMms(attributes)
        elif self._mms is not None:
            self._mms.start(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self.ended = self._depth == 0
        if tag == "mms" and self._mms is not None:
            self._read(self._mms.message)
            self._mms = None

    def close(self) -> None:
        """Do nothing; the parser needs this method."""

    def _read(self, reader: Callable[[int], Message]) -> None:
        self.count += 1
        try:
            self._ready.append(reader(self.count))
        except Unreadable as unreadable:
            self._ready.append(unreadable)


def _reason(error: Exception) -> str:
    if isinstance(error, ParseError):
        return str(error)
    return "an element is too large" if isinstance(error, ElementTooLarge) else "it is cut short or damaged"
