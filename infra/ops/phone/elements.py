"""Turns the backup's elements, `<sms>` and `<mms>`, into messages: it knows what the app's attributes mean.

The app writes the word null for an empty field. So null means empty in every field but a text: there
somebody may have written it, and a text is never dropped.
"""

import binascii
import re
from collections.abc import Mapping

from infra.ops.phone.message import PHONE, Message, Part, address, sent_at

MAX_BYTES = 256_000_000
MAX_PARTS = 100
"""More than a message may have in the store. Nothing beyond is read, or one message could fill the memory."""

_PHONE_ITSELF = "insert-address-token"
_FROM, _TO, _CC, _BCC = "137", "151", "130", "129"
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
_CONTENT_ID = re.compile(r"[!-~]{1,200}")

Attributes = Mapping[str, str]


class Unreadable(Exception):
    """One message that cannot be read; the text says why, without quoting it."""


def sms(number: int, attributes: Attributes) -> Message:
    others = _others(attributes)
    incoming = attributes.get("type") == "1"
    text = attributes.get("body", "").encode()
    return Message(
        number=number,
        context="pager-message",
        incoming=incoming,
        draft=attributes.get("type") == "3",
        seen=attributes.get("read") == "1",
        date=sent_at(attributes.get("date", "")),
        subject=_given(attributes, "subject"),
        others=others,
        sender=others[0] if incoming and others else PHONE,
        to=(PHONE,) if incoming else others,
        cc=(),
        bcc=(),
        parts=(Part("text/plain", text),) if text else (),
    )


class OpenMms:
    """An mms whose elements are being read."""

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self._parts: list[Part] = []
        self._size = 0
        self._addresses: list[tuple[str, str]] = []
        self._fault = ""

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "addr" and len(self._addresses) < 1000:
            if text := _given(attributes, "address"):
                self._addresses.append((attributes.get("type", ""), text))
        elif tag == "part" and not self._fault:
            try:
                self._take(_part(attributes))
            except ValueError:
                self._fault = "an attachment is not base64"

    def _take(self, part: Part | None) -> None:
        if part is None:
            return
        self._parts.append(part)
        self._size += len(part.data)
        if self._size > MAX_BYTES or len(self._parts) > MAX_PARTS:
            self._fault = "too large"
            self._parts.clear()

    def message(self, number: int) -> Message:
        if self._fault:
            raise Unreadable(self._fault)
        attributes = self._attributes
        incoming = attributes.get("msg_box") == "1"
        others = _others(attributes) or self._numbers_seen(incoming)
        return Message(
            number=number,
            context="multimedia-message",
            incoming=incoming,
            draft=attributes.get("msg_box") == "3",
            seen=attributes.get("read") == "1",
            date=sent_at(attributes.get("date", "")),
            subject=_given(attributes, "sub"),
            others=others,
            sender=self._sender(incoming, others),
            to=self._recipients(_TO, incoming, others) or ((PHONE,) if incoming else others),
            cc=self._recipients(_CC, incoming, others),
            bcc=self._recipients(_BCC, incoming, others),
            parts=tuple(self._parts),
        )

    def _of(self, kind: str) -> tuple[str, ...]:
        return tuple(_person(text) for its_kind, text in self._addresses if its_kind == kind)

    def _numbers_seen(self, incoming: bool) -> tuple[str, ...]:
        """The conversation of a message that has no address attribute."""
        people = self._of(_FROM) if incoming else self._of(_TO) + self._of(_CC) + self._of(_BCC)
        return tuple(sorted({person for person in people if person != PHONE}))

    def _sender(self, incoming: bool, others: tuple[str, ...]) -> str:
        if not incoming:
            return PHONE
        return next(iter(self._of(_FROM)), others[0] if others else PHONE)

    def _recipients(self, kind: str, incoming: bool, others: tuple[str, ...]) -> tuple[str, ...]:
        """The recipients of one kind. A received message may name the phone by its number: the one recipient
        outside the conversation."""
        people = self._of(kind)
        strangers = {*self._of(_TO), *self._of(_CC), *self._of(_BCC)} - {*others, PHONE}
        if incoming and len(strangers) == 1:
            people = tuple(PHONE if person in strangers else person for person in people)
        return people


def _part(attributes: Attributes) -> Part | None:
    """A part; None for the SMIL, which only lays out the others, and for an empty part."""
    content_type = attributes.get("ct", "").split(";")[0].strip().lower()
    if content_type == "application/smil":
        return None
    data = attributes.get("data", "null")
    if data != "null":
        content = binascii.a2b_base64("".join(data.split()), strict_mode=True)
    elif content_type.startswith("text/") or _given(attributes, "text"):
        content = attributes.get("text", "").encode()
    else:
        content = b""
    if not content:
        return None
    if not _TYPE.fullmatch(content_type):
        content_type = "application/octet-stream"
    names = ("fn", "name") if content_type.startswith("text/") else ("fn", "name", "cl")
    file_name = next((name for name in (_given(attributes, key) for key in names) if name), None)
    content_id = _given(attributes, "cid")
    return Part(
        content_type,
        content,
        file_name[:200] if file_name else None,
        content_id if content_id and _CONTENT_ID.fullmatch(content_id) else None,
    )


def _given(attributes: Attributes, name: str) -> str | None:
    value = attributes.get(name, "null")
    return None if value in ("", "null") else value


def _person(text: str) -> str:
    return PHONE if text == _PHONE_ITSELF else address(text)


def _others(attributes: Attributes) -> tuple[str, ...]:
    """The numbers of the conversation, sorted; the app joins a group's with a tilde."""
    whole = _given(attributes, "address") or ""
    people = {_person(text) for text in whole.split("~")}
    return tuple(sorted(people - {PHONE}))
