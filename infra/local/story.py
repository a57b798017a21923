"""The story that the demo tells, act by act. What it does is in `actions`, how it is printed in `telling`."""

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable, Sequence

import httpx

from infra.local import actions
from infra.local.actions import DidNotHappen
from infra.local.device import Device, Json
from infra.local.figures import Figures, content_size, requests, size
from infra.local.receiver import Receiver
from infra.local.stack import LocalStack
from infra.local.telling import Telling
from infra.ops.backup import Backup
from infra.ops.claim import Claim
from infra.ops.connection import Connection
from infra.ops.importer import Importer
from infra.ops.progress import Shown

BOX = "tel:+99911112222"
OWN_FOLDERS = "/RCSMessageStore"
FLAGGED = 10
GONE = (403, 404)

Act = Callable[[], Sequence[str]]
"""Does something, and says which resources will tell of it."""


class Story:
    """Each act rests on those before it."""

    def __init__(
        self, stack: LocalStack, phone: Device, tablet: Device, receiver: Receiver, telling: Telling
    ) -> None:
        self._stack = stack
        self._phone = phone
        self._tablet = tablet
        self._receiver = receiver
        self._tell = telling
        self._figures = Figures()

    def tell(self, backup: Backup) -> None:
        self.messages_go_in(backup)
        self.metadata_comes_first()
        self.a_subscriber_is_told()
        picture = self._largest()
        keepsakes = self.a_folder_is_made()
        album = self.a_conversation_is_copied(picture, keepsakes)
        copied = self.a_picture_is_copied(picture, keepsakes)
        self.flags_moves_deletes(album, keepsakes)
        self.the_other_device_follows(picture, copied)
        self.the_last_link_goes(picture)
        self._tell.table("Measured in this run", self._figures.rows())

    def messages_go_in(self, backup: Backup) -> None:
        self._tell.act("A phone's messages go in")
        started = time.monotonic()
        with (
            Connection(self._stack.url, "main", BOX) as connection,
            Claim(connection.base, self._tell.line) as claim,
            Shown(backup) as shown,
        ):
            importer = Importer(connection, BOX, claim, shown.update)
            importer.run(backup)
        outcome, seconds = importer.outcome, time.monotonic() - started
        if outcome.broken:
            raise DidNotHappen(outcome.broken)
        for number, code in outcome.first_failures:
            raise DidNotHappen(f"{outcome.failures:,} messages were not stored; message {number}: {code}")
        self._figures.import_rate = outcome.stored / seconds
        self._tell.line(
            f"{outcome.stored:,} messages with {size(outcome.content_bytes)} of content,"
            f" through the public API in {seconds:.1f} s"
        )

    def metadata_comes_first(self) -> None:
        self._tell.act("Two devices sync: metadata, no content")
        self._tablet.sync()
        self._phone.sync()
        objects, _ = self._phone.state()
        wire, figures = self._phone.api_wire, self._figures
        figures.messages, figures.content_bytes = len(objects), sum(map(content_size, objects.values()))
        figures.sync_bytes, figures.sync_requests = wire.received, wire.requests
        self._tell.line(
            f"each knows all {len(objects):,} messages after {size(wire.received)}"
            f" in {requests(wire.requests)}; {size(figures.content_bytes)} of content stay where they are"
        )
        self._tablet.sync()  # what a listing repeats, so that it counts as no change later
        folders = self._phone.folders().items()
        told = [f"{path}: {len(self._phone.messages(folder)):,} messages" for path, folder in folders]
        self._tell.some([line for line in told if line.startswith("/Default/")], "conversations")

    def a_subscriber_is_told(self) -> None:
        self._tell.act("A subscriber gives the address of its webhook")
        actions.subscribe(self._phone, self._receiver)
        self._tell.line("it answered the verification; from now on each change is pushed, signed, in order")

    def a_folder_is_made(self) -> str:
        self._tell.act("The phone makes a folder of its own")
        (made,) = self._pushed([lambda: [actions.create_folder(self._phone, OWN_FOLDERS, "Keepsakes")]])
        return made

    def a_conversation_is_copied(self, picture: Json, keepsakes: str) -> str:
        self._tell.act("It copies a conversation there: one request, no content")
        source = picture["parentFolder"]
        messages = self._phone.messages(_id(source))
        (album,) = self._copied(lambda: actions.copy(self._phone, keepsakes, folders=[source]), messages)

        def all_there() -> bool:
            self._phone.sync()
            return len(self._phone.messages(_id(album))) == len(messages)

        actions.wait_until(all_there, "the copies have not all appeared")
        links = [facts["resourceURL"] for facts in self._phone.messages(_id(album))]
        actions.pushed(self._receiver, 0, links)
        self._tell.line(f"all {len(messages):,} messages are in both folders, and each copy was pushed")
        return album

    def a_picture_is_copied(self, picture: Json, keepsakes: str) -> str:
        self._tell.act(f"It copies the largest picture, {size(content_size(picture))}, on its own")
        objects = [picture["resourceURL"]]
        (copied,) = self._copied(lambda: actions.copy(self._phone, keepsakes, objects=objects), [picture])
        self._tell.line(
            f"content in the bucket: {size(self._figures.copy_stored)} more than before the copies"
        )
        return copied

    def flags_moves_deletes(self, album: str, keepsakes: str) -> None:
        links = [facts["resourceURL"] for facts in self._phone.messages(_id(album))]
        self._tell.act(f"It flags {min(FLAGGED, len(links))} copies, moves one and deletes one")
        acts = [_doing(actions.flag, self._phone, link, "%5CFlagged") for link in links[-FLAGGED:]]
        self._pushed(acts)
        self._pushed([lambda: actions.move(self._phone, keepsakes, objects=links[:1])])
        self._pushed([_doing(actions.delete, self._phone, links[-1])])

    def the_other_device_follows(self, picture: Json, copied: str) -> None:
        self._tell.act("The other device follows")
        wire, figures = self._tablet.api_wire, self._figures
        before = (wire.requests, wire.received)
        figures.delta_events = self._tablet.sync()
        figures.delta_requests, figures.delta_bytes = wire.requests - before[0], wire.received - before[1]
        self._phone.sync()
        if self._tablet.state() != self._phone.state():
            raise DidNotHappen("the two devices do not know the same")
        self._tell.line(
            f"{figures.delta_events:,} changes in {requests(figures.delta_requests)} and"
            f" {size(figures.delta_bytes)}; both devices know the same"
        )
        self._look_at(picture, copied)

    def _look_at(self, picture: Json, copied: str) -> None:
        """The copy is opened first: what it brings is there for the original, too."""
        part = 1 + max(range(len(picture["payloadPart"])), key=lambda n: picture["payloadPart"][n]["size"])
        figures, before = self._figures, self._tablet_spent()
        body = self._tablet.body(_id(copied), part)
        after = self._tablet_spent()
        figures.body_requests, figures.body_bytes = after[0] - before[0], after[1] - before[1]
        shown = self._tablet.ask("GET", copied).json()["object"]["payloadPart"][part - 1]["checksum"]
        if shown != "sha256:" + b64encode(hashlib.sha256(body).digest()).decode():
            raise DidNotHappen("a body came with another checksum")
        before = self._tablet_spent()
        if self._tablet.body(_id(picture["resourceURL"]), part) != body or self._tablet_spent() != before:
            raise DidNotHappen("the original's body was fetched again")
        self._tell.line(f"its user opens the copied picture: {size(len(body))} straight from the bucket")
        self._tell.line("and then the original: no request, because its contentId is the same")

    def _tablet_spent(self) -> tuple[int, int]:
        wires = (self._tablet.api_wire, self._tablet.body_wire)
        return sum(wire.requests for wire in wires), sum(wire.received for wire in wires)

    def the_last_link_goes(self, picture: Json) -> None:
        self._tell.act("The picture is deleted, link by link")
        objects, _ = self._phone.state()
        links = [facts["resourceURL"] for facts in objects.values() if _same_content(facts, picture)]
        address = self._presigned(picture)
        for left, link in reversed(list(enumerate(links))):
            if httpx.get(address).status_code in GONE:
                raise DidNotHappen("content that a link points to was gone")
            self._tell.line(f"a presigned address serves it, {left + 1} link{'s' * (left > 0)} left")
            self._pushed([_doing(actions.delete, self._phone, link)])
        started = time.monotonic()
        actions.wait_until(lambda: httpx.get(address).status_code in GONE, "the content was not deleted")
        self._figures.gone_after = time.monotonic() - started
        self._tell.line(
            f"after the last one: gone in {self._figures.gone_after:.1f} s, the same address says so"
        )

    def _presigned(self, facts: Json) -> str:
        granted = self._phone.ask("GET", facts["payloadPart"][0]["href"])
        return str(granted.headers["Location"])

    def _largest(self) -> Json:
        objects, _ = self._phone.state()
        largest = max(objects.values(), key=content_size)
        if not content_size(largest):
            raise DidNotHappen("no message of this backup has content to copy")
        return largest

    def _copied(self, act: Act, sources: Sequence[Json]) -> Sequence[str]:
        """A copy with its price beside what duplicating would have cost."""
        wire, figures = self._phone.api_wire, self._figures
        stored, requests_, bytes_ = self._stored(), wire.requests, wire.sent + wire.received
        new = self._pushed([act])
        figures.copy_requests += wire.requests - requests_
        figures.copy_wire += wire.sent + wire.received - bytes_
        figures.copy_stored += self._stored() - stored
        figures.copied_bytes += sum(map(content_size, sources))
        figures.copies += len(sources)
        return new

    def _pushed(self, acts: Sequence[Act]) -> list[str]:
        """Does one thing after the other and shows the event of each; the resources that they are about."""
        urls: list[str] = []
        came = []
        for act in acts:
            since = len(self._receiver.deliveries)
            resources = act()
            answered = time.monotonic()
            for at, event in actions.pushed(self._receiver, since, resources):
                came.append((event, max(0.0, at - answered)))
            urls += resources
        self._figures.delays += [delay for _, delay in came]
        self._tell.events(came)
        return urls

    def _stored(self) -> int:
        """Bytes of content in the bucket, counted there."""
        pages = self._stack.aws("s3").get_paginator("list_objects_v2")
        listed = pages.paginate(Bucket=self._stack.name("ContentBucket"))
        return sum(item["Size"] for page in listed for item in page.get("Contents", ()))


def _doing(action: Callable[..., None], device: Device, link: str, *more: str) -> Act:
    def act() -> Sequence[str]:
        action(device, link, *more)
        return [link]

    return act


def _same_content(facts: Json, picture: Json) -> bool:
    return bool(facts.get("contentId") == picture["contentId"])


def _id(resource_url: str) -> str:
    return resource_url.rsplit("/", 1)[1]
