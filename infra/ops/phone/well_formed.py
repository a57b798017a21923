"""Makes well-formed XML of what backup apps write. It knows nothing of messages.

The usual fault: a character outside the Basic Multilingual Plane, such as any emoji, is written as its two
UTF-16 halves, `&#55357;&#56832;`, which no XML parser accepts.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

MAX_ELEMENT = 256_000_000
"""Characters between two `>`: the largest attachment, base64-encoded, that is read into memory."""

_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")
_FORBIDDEN = re.compile(f"[{_CONTROLS.decode()}\ufffe\uffff]")
_CODE = "(?:x[0-9A-Fa-f]{1,8}|[0-9]{1,10})"
_REFERENCES = re.compile(f"&#{_CODE};(?:&#{_CODE};)*")
_REPLACEMENT = "\ufffd"


class ElementTooLarge(Exception):
    """No `>` for so long that this is no backup, or does not fit into memory."""


def mended(chunks: Iterable[bytes]) -> Iterator[str]:
    """The text of a UTF-8 (or marked UTF-16) byte stream; every piece but the last ends with `>`.

    So no reference is ever cut in two, and the parser never scans the beginning of a tag twice, which would
    take time by the square of the size of an attachment in an attribute.
    """
    waiting: list[str] = []
    size = 0
    for text in _decoded(chunks):
        end = text.rfind(">") + 1
        if end:
            yield mend("".join((*waiting, text[:end])))
            waiting, size = [], 0
        waiting.append(text[end:])
        size += len(text) - end
        if size > MAX_ELEMENT:
            raise ElementTooLarge
    yield mend("".join(waiting))


def mend(text: str) -> str:
    """The text without references and characters that XML forbids; what cannot be saved becomes U+FFFD."""
    if _has_forbidden(text):
        text = _FORBIDDEN.sub(_REPLACEMENT, text)
    return _REFERENCES.sub(_characters, text) if "&#" in text else text


def _has_forbidden(text: str) -> bool:
    """Three times as fast as the regular expression, and nearly always False."""
    raw = text.encode()
    return len(raw.translate(None, _CONTROLS)) < len(raw) or "\ufffe" in text or "\uffff" in text


def _characters(run: re.Match[str]) -> str:
    """A run of references as text, with the halves of surrogate pairs joined."""
    codes = (_code(reference) for reference in run[0][2:-1].split(";&#"))
    halves = "".join(map(chr, codes)).encode("utf-16-le", "surrogatepass")
    return "".join(map(_written, halves.decode("utf-16-le", "replace")))


def _code(reference: str) -> int:
    code = int(reference[1:], 16) if reference[0] == "x" else int(reference)
    return code if code <= 0x10FFFF else ord(_REPLACEMENT)


def _written(character: str) -> str:
    """A character beyond ASCII as itself, any other as a reference, or the parser would read it as markup."""
    if _FORBIDDEN.match(character):
        return _REPLACEMENT
    return character if ord(character) > 126 else f"&#{ord(character)};"


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder: codecs.IncrementalDecoder | None = None
    for chunk in chunks:
        if decoder is None:
            utf16 = chunk[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            decoder = codecs.getincrementaldecoder("utf-16" if utf16 else "utf-8-sig")("replace")
            yield decoder.decode(chunk).lstrip()
        else:
            yield decoder.decode(chunk)
    if decoder is not None:
        yield decoder.decode(b"", final=True)
