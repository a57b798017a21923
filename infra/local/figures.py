"""What the demo measured, and the table that is made of it."""

import statistics
from dataclasses import dataclass, field

from infra.local.device import Json

Row = tuple[str, str, str]


@dataclass
class Figures:
    """Bytes are counted on the wire, with headers and as compressed; times in seconds."""

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
        delays = f"{1000 * statistics.median(self.delays):.0f} ms, at most {1000 * max(self.delays):.0f} ms"
        return [
            ("import", f"{self.import_rate:,.0f} messages/s", ""),
            (
                "first sync of a device",
                f"{size(self.sync_bytes)}, {requests(self.sync_requests)}",
                f"{size(with_content)} with all content",
            ),
            (
                "  each message on the wire",
                size(each),
                f"{size(with_content / self.messages)} with its content",
            ),
            (
                f"content stored for {self.copies:,} copies",
                size(self.copy_stored),
                f"{size(self.copied_bytes)} more",
            ),
            (
                "sent and received for them",
                f"{size(self.copy_wire)}, {requests(self.copy_requests)}",
                f"{size(self.copied_bytes)} to upload it again",
            ),
            ("push: from answer to event", delays, f"median of {len(self.delays)}"),
            (
                f"{self.delta_events:,} changes, for another device",
                f"{size(self.delta_bytes)}, {requests(self.delta_requests)}",
                f"{size(self.sync_bytes)} to list the box again",
            ),
            (
                "a body on demand",
                f"{size(self.body_bytes)}, {requests(self.body_requests)}",
                "nothing more for its copies",
            ),
            ("content gone after its last link", f"{self.gone_after:.1f} s", ""),
        ]


def content_size(facts: Json) -> int:
    """Bytes of an object's content, as its metadata tells."""
    return sum(part["size"] for part in facts.get("payloadPart", ()))


def size(count: float) -> str:
    if count < 1000:
        return f"{count:.0f} B"
    return f"{count / 1000:,.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"


def requests(count: int) -> str:
    return f"{count} request{'s' * (count != 1)}"
