"""The demo's story, act by act. `actions` holds what it does, `telling` how it is printed."""

import time
from collections.abc import Callable, Sequence

import httpx

from infra.client.device import Device, Json
from infra.demo import actions
from infra.demo.actions import DidNotHappen
from infra.demo.figures import Figures, content_size, counted, size
from infra.demo.telling import Telling
from infra.local.stack import LocalStack
from infra.ops.check.checking import check
from infra.ops.importing.connection import Connection
from infra.ops.importing.importer import Importer
from infra.ops.importing.lock import ImportLock
from infra.ops.importing.writer import Outcome
from infra.ops.phone.backup import Backup
from infra.ops.progress import Shown
from infra.ops.rows.deployed import on_this_machine
from infra.receiver.receiver import Receiver

OWN_FOLDERS = "/RCSMessageStore"
FLAGGED = 10
LARGE = 400
"""A copy of a folder with more messages takes so long that the story says what it waits for."""

GONE = (403, 404)

Act = Callable[[], Sequence[str]]
"""Does something, and returns the resources whose events will follow."""


class Story:
    """Each act builds on those before it. Both devices belong to the box."""

    def __init__(
        self,
        stack: LocalStack,
        box: str,
        phone: Device,
        tablet: Device,
        receiver: Receiver,
        telling: Telling,
    ) -> None:
        self._stack = stack
        self._box = box
        self._phone = phone
        self._tablet = tablet
        self._receiver = receiver
        self._tell = telling
        self._figures = Figures()

    def tell(self, backup: Backup) -> None:
        self.messages_go_in(backup)
        self.metadata_comes_first()
        self.a_subscriber_is_told()
        largest = self._largest()
        keepsakes = self.a_folder_is_made()
        album = self.a_conversation_is_copied(largest, keepsakes)
        copied = self.a_message_is_copied(largest, keepsakes)
        self.flags_moves_deletes(album, keepsakes)
        self.the_other_device_follows()
        if content_size(largest):
            self.a_body_is_fetched(largest, copied)
            self.the_last_link_goes(largest)
        else:
            self._tell.line("no message of this backup has content: there is none to fetch or to delete")
        self.all_agrees()
        self._tell.table("Measured in this run", self._figures.rows())

    def messages_go_in(self, backup: Backup) -> None:
        self._tell.act("A phone's messages go in")
        started = time.monotonic()
        with (
            Connection(self._stack.url, "main", self._box) as connection,
            ImportLock(connection.base, self._tell.line) as lock,
            Shown(backup) as shown,
        ):
            importer = Importer(connection, self._box, lock, shown.update)
            importer.run(backup)
        outcome, seconds = importer.outcome, time.monotonic() - started
        self._not_stored(outcome)
        self._figures.import_rate = outcome.stored / seconds
        self._tell.line(
            f"{counted(outcome.stored, 'message')} with {size(outcome.content_bytes)} of content,"
            f" through the public API in {seconds:.1f} s"
        )

    def _not_stored(self, outcome: Outcome) -> None:
        """A faulty file still gets its story, if anything of it was stored."""
        faults = [f"message {number}: {code}" for number, code in outcome.first_failures]
        if not outcome.stored:
            raise DidNotHappen(f"no message was stored; {'; '.join(faults) or outcome.broken}")
        if faults:
            self._tell.line(f"{counted(outcome.failures, 'message')} could not be stored:")
            self._tell.some(faults, "of them")
        if outcome.broken:
            self._tell.line(f"{outcome.broken}; what comes before is stored")

    def metadata_comes_first(self) -> None:
        self._tell.act("Two devices sync: metadata, no content")
        self._tablet.sync()
        self._phone.sync()
        objects, _ = self._phone.state()
        wire, figures = self._phone.api_wire, self._figures
        figures.messages, figures.content_bytes = len(objects), sum(map(content_size, objects.values()))
        figures.sync_bytes, figures.sync_requests = wire.received, wire.requests
        self._tell.line(
            f"each knows of {counted(len(objects), 'message')} after {size(wire.received)}"
            f" in {counted(wire.requests, 'request')};"
            f" {size(figures.content_bytes)} of content stay where they are"
        )
        self._tablet.sync()  # takes in what a listing repeats, which is no change later
        folders = self._phone.folders().items()
        told = [
            f"{path}: {counted(len(self._phone.messages(folder)), 'message')}" for path, folder in folders
        ]
        self._tell.some([line for line in told if line.startswith("/Default/")], "conversations")

    def a_subscriber_is_told(self) -> None:
        self._tell.act("A subscriber gives the address of its webhook")
        actions.subscribe(self._phone, self._receiver)
        self._tell.line("it answered the verification; from now on each change is pushed, signed, in order:")
        self._tell.line(
            "← what happened, to which id, in which folder, its flags (time since the request's answer)"
        )

    def a_folder_is_made(self) -> str:
        self._tell.act("The phone makes a folder of its own")
        (made,) = self._pushed([lambda: [actions.create_folder(self._phone, OWN_FOLDERS, "Keepsakes")]])
        return made

    def a_conversation_is_copied(self, largest: Json, keepsakes: str) -> str:
        self._tell.act("It copies a conversation there: one request, no content")
        source = largest["parentFolder"]
        messages = self._phone.messages(_id(source))
        (album,) = self._copied(lambda: actions.copy(self._phone, keepsakes, folders=[source]), messages)
        if len(messages) > LARGE:
            self._tell.line(
                "that was the answer; the store goes on copying, and pushes each copy as it comes"
            )
        actions.pushed_into(self._receiver, album, len(messages))
        self._phone.sync()
        if len(self._phone.messages(_id(album))) != len(messages):
            raise DidNotHappen("the copies that were pushed are not all in the folder")
        self._tell.line(f"{counted(len(messages), 'message')} in both folders now, and each copy was pushed")
        return album

    def a_message_is_copied(self, largest: Json, keepsakes: str) -> str:
        self._tell.act(f"It copies a single message: the {_kind(largest)} of {size(content_size(largest))}")
        objects = [largest["resourceURL"]]
        (copied,) = self._copied(lambda: actions.copy(self._phone, keepsakes, objects=objects), [largest])
        self._tell.line(
            f"content in the bucket: {size(self._figures.copy_stored)} more than before the copies"
        )
        return copied

    def flags_moves_deletes(self, album: str, keepsakes: str) -> None:
        links = [facts["resourceURL"] for facts in self._phone.messages(_id(album))]
        flagged = links[-FLAGGED:]
        self._tell.act(f"It flags {len(flagged)} of the copies, moves one and deletes one")
        self._pushed([_doing(actions.flag, self._phone, link, "%5CFlagged") for link in flagged])
        self._pushed([lambda: actions.move(self._phone, keepsakes, objects=links[:1])])
        self._pushed([_doing(actions.delete, self._phone, links[-1])])

    def the_other_device_follows(self) -> None:
        self._tell.act("The other device follows")
        wire, figures = self._tablet.api_wire, self._figures
        before = (wire.requests, wire.received)
        figures.delta_events = self._tablet.sync()
        figures.delta_requests, figures.delta_bytes = wire.requests - before[0], wire.received - before[1]
        self._phone.sync()
        if self._tablet.state() != self._phone.state():
            raise DidNotHappen("the two devices do not know the same")
        self._tell.line(
            f"{counted(figures.delta_events, 'change')} in {counted(figures.delta_requests, 'request')} and"
            f" {size(figures.delta_bytes)}; both devices know the same"
        )

    def a_body_is_fetched(self, largest: Json, copied: str) -> None:
        """Open the copy first: the fetched body serves the original, too."""
        self._tell.act(f"Its user opens the copied {_kind(largest)}: only now does content travel")
        part = 1 + largest["payloadPart"].index(_largest_part(largest))
        figures, before = self._figures, self._tablet_spent()
        body = self._tablet.body(_id(copied), part)
        after = self._tablet_spent()
        figures.body_requests, figures.body_bytes = after[0] - before[0], after[1] - before[1]
        before = self._tablet_spent()
        if self._tablet.body(_id(largest["resourceURL"]), part) != body or self._tablet_spent() != before:
            raise DidNotHappen("the original's body was fetched again")
        self._tell.line(f"{size(len(body))} straight from the bucket, and the checksum is right")
        self._tell.line("then the original: no request, because its contentId is the same")

    def _tablet_spent(self) -> tuple[int, int]:
        wires = (self._tablet.api_wire, self._tablet.body_wire)
        return sum(wire.requests for wire in wires), sum(wire.received for wire in wires)

    def the_last_link_goes(self, largest: Json) -> None:
        self._tell.act(f"The {_kind(largest)} is deleted, link by link")
        objects, _ = self._phone.state()
        links = [facts["resourceURL"] for facts in objects.values() if _same_content(facts, largest)]
        address = self._presigned(largest)
        for left, link in reversed(list(enumerate(links))):
            if httpx.get(address).status_code in GONE:
                raise DidNotHappen("content that a link points to was gone")
            self._tell.line(f"a presigned address serves it; {counted(left + 1, 'link')} left")
            self._pushed([_doing(actions.delete, self._phone, link)])
        started = time.monotonic()
        actions.wait_until(lambda: httpx.get(address).status_code in GONE, "the content was not deleted")
        self._figures.gone_after = time.monotonic() - started
        self._tell.line(
            f"after the last one: gone in {self._figures.gone_after:.1f} s, the same address says so"
        )

    def all_agrees(self) -> None:
        self._tell.act("It is checked: counts against links, rows against the bucket, the log for gaps")
        report = check(on_this_machine(self._stack.data), box=f"main#{self._box}")
        if wrong := [*report.findings, *report.busy]:
            raise DidNotHappen(f"the store does not agree with itself: {wrong[0]}")
        self._tell.line(report.summary)

    def _presigned(self, facts: Json) -> str:
        granted = self._phone.ask("GET", facts["payloadPart"][0]["href"])
        return str(granted.headers["Location"])

    def _largest(self) -> Json:
        objects, _ = self._phone.state()
        return max(objects.values(), key=lambda facts: (_is_attachment(facts), content_size(facts)))

    def _copied(self, act: Act, sources: Sequence[Json]) -> Sequence[str]:
        """Make a copy, and show its cost beside that of a duplicate."""
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
        """Do the acts in turn, and show the event of each; returns the resources that the acts changed."""
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
        """Bytes of content, counted in the bucket."""
        pages = self._stack.aws("s3").get_paginator("list_objects_v2")
        listed = pages.paginate(Bucket=self._stack.name("ContentBucket"))
        return sum(item["Size"] for page in listed for item in page.get("Contents", ()))


def _doing(action: Callable[..., None], device: Device, link: str, *more: str) -> Act:
    def act() -> Sequence[str]:
        action(device, link, *more)
        return [link]

    return act


def _same_content(one: Json, other: Json) -> bool:
    return bool(one.get("contentId") == other["contentId"])


def _is_attachment(facts: Json) -> bool:
    return any(not part["contentType"].startswith("text/") for part in facts.get("payloadPart", ()))


def _largest_part(facts: Json) -> Json:
    """The largest attachment, or the largest text if there is no attachment."""
    parts: list[Json] = facts["payloadPart"]
    return max(parts, key=lambda part: (not part["contentType"].startswith("text/"), part["size"]))


def _kind(facts: Json) -> str:
    """A user's word for it."""
    if "payloadPart" not in facts:
        return "empty message"
    kind = _largest_part(facts)["contentType"].split("/")[0]
    return {"image": "picture", "text": "text", "video": "video", "audio": "recording"}.get(kind, "file")


def _id(resource_url: str) -> str:
    return resource_url.rsplit("/", 1)[1]
