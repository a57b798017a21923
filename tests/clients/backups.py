"""Makes backups for tests, as the app *SMS Backup & Restore* writes them."""

import base64
import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from infra.ops.phone.backup import Backup, Broken
from infra.ops.phone.elements import Unreadable
from infra.ops.phone.message import Message

FRIEND, OTHER, OWNER = "+99922223333", "+99933334444", "+99911112222"
NOON = 1_777_636_800_000
"""2026-05-01T12:00:00Z, in the app's milliseconds."""

HEAD = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n"
_MARKUP = {ord(char): f"&#{ord(char)};" for char in "\t\n\r"} | {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
}


def escaped(text: str) -> str:
    """Escapes like the app's serializer: a character beyond the first plane becomes two UTF-16 references."""
    return "".join(_halves(char) if ord(char) > 0xFFFF else char for char in text.translate(_MARKUP))


def _halves(char: str) -> str:
    code = ord(char) - 0x10000
    return f"&#{0xD800 + (code >> 10)};&#{0xDC00 + (code & 0x3FF)};"


def element(tag: str, inside: str = "", **attributes: str | None) -> str:
    """An attribute that is None is left out."""
    given = "".join(f' {name}="{escaped(text)}"' for name, text in attributes.items() if text is not None)
    return f"<{tag}{given}>{inside}</{tag}>\n" if inside else f"<{tag}{given} />\n"


def sms(body: str | None = "hello", **attributes: str | None) -> str:
    usual = {"protocol": "0", "address": FRIEND, "date": str(NOON), "type": "1", "subject": "null"}
    return element("sms", **{**usual, "body": body, "read": "1", "sub_id": "-1", **attributes})


def mms(*parts: str, addresses: Sequence[tuple[str, str]] = (), **attributes: str | None) -> str:
    """`addresses`: pairs of a number and the app's code for its role."""
    usual = {"date": str(NOON), "msg_box": "1", "address": FRIEND, "read": "1", "sub": "null"}
    people = "".join(element("addr", address=number, type=role, charset="106") for number, role in addresses)
    inside = element("parts", "".join(parts)) + (element("addrs", people) if people else "")
    return element("mms", inside, **{**usual, **attributes})


def part(content_type: str, data: bytes | None = None, **attributes: str | None) -> str:
    """Bytes make it an attachment. A text is given as the attribute `text`."""
    encoded = None if data is None else base64.b64encode(data).decode()
    usual = {"seq": "0", "ct": content_type, "name": "null", "fn": "null", "cid": "null", "cl": "null"}
    return element("part", **{**usual, "text": "null", **attributes, "data": encoded})


SMIL = part("application/smil", text="<smil><body><par></par></body></smil>", cid="<smil>", cl="smil.xml")


def text_part(text: str) -> str:
    return part("text/plain", text=text, cid="<text_0>", cl="text_0.txt")


def document(*messages: str) -> str:
    return HEAD + f'<smses count="{len(messages)}">\n' + "".join(messages) + "</smses>\n"


def written(folder: Path, *messages: str, name: str = "backup.xml") -> Path:
    return written_bytes(folder / name, document(*messages).encode())


def zipped(folder: Path, messages: Iterable[str]) -> Path:
    """Written piece by piece, for backups too large to hold in memory."""
    path = folder / "backup.xml.gz"
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        file.write(HEAD + "<smses>\n")
        file.writelines(messages)
        file.write("</smses>\n")
    return path


def written_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


class Reader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *elements: str) -> list[Message]:
        """The messages of a backup with these elements, all of which must be readable."""
        found = list(Backup(written(self.folder, *elements)).messages())
        assert all(isinstance(message, Message) for message in found)
        return [message for message in found if isinstance(message, Message)]

    def bytes(self, content: bytes) -> list[Message | Unreadable]:
        return list(Backup(written_bytes(self.folder / "any", content)).messages())

    def until_it_breaks(self, content: bytes) -> tuple[list[str], str]:
        """The texts read before the file breaks off, and the error's message."""
        messages = Backup(written_bytes(self.folder / "any", content)).messages()
        texts: list[str] = []
        with pytest.raises(Broken) as broken:
            texts.extend(text(message) for message in messages)
        return texts, str(broken.value)


def text(message: Message | Unreadable) -> str:
    assert isinstance(message, Message)
    (only,) = message.parts
    return only.data.decode()
