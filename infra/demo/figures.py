"""The demo's measurements, and the table of them."""

import statistics
from dataclasses import dataclass, field

from infra.client.device import Json

Row = tuple[str, str, str]


@dataclass
class Figures:
    """Bytes are counted on the wire, compressed and with headers; times are in seconds."""

    messages: int = 0
    content_bytes: int = 0
    import_rate: float = 0.0
    sync_requests: int = 0
    sync_bytes: int = 0
    copies: int = 0
    copy_requests: int = 0
    copy_wire: int = 0
    copy_stored: int = 0
    copied_bytes: int = 0
    delays: list[float] = field(default_factory=list)
    delta_events: int = 0
    delta_requests: int = 0
    delta_bytes: int = 0
    body_requests: int = 0
    body_bytes: int = 0
    gone_after: float = 0.0

    def rows(self) -> list[Row]:
        each = self.sync_bytes / self.messages
        with_content = self.sync_bytes + self.content_bytes
        rows = [
            ("import", f"{self.import_rate:,.0f} messages/s", ""),
            (
                "first sync of a device",
                f"{size(self.sync_bytes)}, {counted(self.sync_requests, 'request')}",
                f"{size(with_content)} with all content",
            ),
            (
                "  each message on the wire",
                size(each),
                f"{size(with_content / self.messages)} with its content",
            ),
            (
                f"content stored for {counted(self.copies, 'copied message')}",
                size(self.copy_stored),
                f"{size(self.copied_bytes)} to store it again",
            ),
            (
                "sent and received for them",
                f"{size(self.copy_wire)}, {counted(self.copy_requests, 'request')}",
                f"{size(self.copied_bytes)} to upload it again",
            ),
            (
                f"push: from answer to event, {counted(len(self.delays), 'time')}",
                f"{milliseconds(statistics.median(self.delays))} (median)",
                f"{milliseconds(max(self.delays))} at most",
            ),
            (
                f"{counted(self.delta_events, 'change')}, for the other device",
                f"{size(self.delta_bytes)}, {counted(self.delta_requests, 'request')}",
                f"{size(self.sync_bytes)} to list the box again",
            ),
        ]
        return rows + (self._content_rows() if self.body_requests else [])

    def _content_rows(self) -> list[Row]:
        return [
            (
                "a body on demand",
                f"{size(self.body_bytes)}, {counted(self.body_requests, 'request')}",
                f"{size(self.body_bytes)} again for each copy",
            ),
            ("content gone after its last link", f"{self.gone_after:.1f} s", ""),
        ]


def content_size(facts: Json) -> int:
    """Bytes of an object's content, according to its metadata."""
    return sum(part["size"] for part in facts.get("payloadPart", ()))


def size(count: float) -> str:
    if count < 1000:
        return f"{count:.0f} B"
    return f"{count / 1000:,.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def counted(count: int, one: str) -> str:
    return f"{count:,} {one}{'s' * (count != 1)}"
