"""Eight writers and three followers on one box at once, and what they were answered; for test_concurrency."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from infra.client.device import Device
from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, Json

WRITERS, FOLLOWERS, ROUNDS = 8, 3, 3


@dataclass
class Storm:
    """`statuses` counts the answers to each kind of request. `copies` lists a source's granted copies."""

    stack: LocalStack
    client: BoxClient
    places: Path
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    copies: dict[str, list[str]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        self.rooms = [self.client.folder(name) for name in ("a", "b", "c")]
        self.flagged = self.client.plain_object()
        self.roaming = self.client.plain_object()
        self.roaming_folder = self.client.folder("roaming")
        self.inside = [self.client.plain_object(self.roaming_folder) for _ in range(2)]
        self.doomed = [self.client.folder(f"doomed {n}") for n in range(ROUNDS)]
        self.contested = [self.client.text_object(f"contested {n}") for n in range(ROUNDS)]
        self.contents = [self.client.get(url).json()["object"]["contentId"] for url in self.contested]
        self.copies = {url: [] for url in self.contested}

    def run(self) -> None:
        self.prepare()
        together, over = threading.Barrier(WRITERS + FOLLOWERS), threading.Event()
        with ThreadPoolExecutor(WRITERS + FOLLOWERS) as pool:
            following = [pool.submit(self.follow, n, together, over) for n in range(FOLLOWERS)]
            writing = [pool.submit(self.write, n, together) for n in range(WRITERS)]
            try:
                for writer in writing:
                    writer.result()
            finally:
                over.set()
            for follower in following:
                follower.result()

    def write(self, number: int, together: threading.Barrier) -> None:
        with BoxClient(self.stack, self.client.box) as client:
            together.wait()
            for turn in range(ROUNDS):
                steps = self.steps(client, number, turn)
                for at in range(len(steps)):  # each writer begins with another step
                    steps[(at + number) % len(steps)]()

    def steps(self, client: BoxClient, number: int, turn: int) -> list[Callable[[], object]]:
        room = self.rooms[(number + turn) % len(self.rooms)]
        same = {"folder": {"parentFolder": self.rooms[0], "name": f"same {turn}"}}
        return [
            lambda: self.create(client, number, turn),
            lambda: self.note("flag", client.put(f"{self.flagged}/flags/w{number}t{turn}").status_code),
            lambda: self.transfer(client, "move", room, [self.roaming], []),
            lambda: self.transfer(client, "move", room, [], [self.roaming_folder]),
            lambda: self.note("folder", client.post("/folders", same).status_code),
            lambda: self.copy_or_delete(client, number, turn, room),
            lambda: self.fill_or_raze(client, number, self.doomed[turn]),
        ]

    def create(self, client: BoxClient, number: int, turn: int) -> None:
        """In a path that all writers find missing at the same time."""
        path = f"/RCSMessageStore/made/in turn {turn}"
        answer = client.create({"parentFolderPath": path, "correlationTag": f"{number}.{turn}"})
        self.note("create", answer.status_code)
        if answer.status_code == 201:
            self.created.append(answer.headers["location"])

    def copy_or_delete(self, client: BoxClient, number: int, turn: int, room: str) -> None:
        source = self.contested[turn]
        if number % 4 == 3:
            self.note("delete", client.delete(source).status_code)
            return
        for item in self.transfer(client, "copy", room, [source], []):
            if item["code"] == 200:
                self.copies[source].append(item["success"]["resourceURL"])

    def fill_or_raze(self, client: BoxClient, number: int, folder: str) -> None:
        if number % 4 == 1:
            self.note("raze", client.delete(folder).status_code)
        else:
            self.note("fill", client.create({"parentFolder": folder}).status_code)

    def transfer(
        self, client: BoxClient, verb: str, room: str, objects: list[str], folders: list[str]
    ) -> list[Json]:
        items = client.transfer(verb, room, objects, folders)
        for item in items:
            self.note(verb, item["code"])
        return items

    def note(self, asked: str, status: int) -> None:
        with _noting:
            self.statuses[asked, status] += 1

    def follow(self, number: int, together: threading.Barrier, over: threading.Event) -> None:
        """Each follower has its own page size."""
        device = self.device(f"follower {number}")
        together.wait()
        while not over.is_set():
            device.sync((5, 30, 1000)[number])
            over.wait(0.05)
        device.close()

    def device(self, name: str) -> Device:
        """A device opened again under the same name continues where it stopped."""
        token = self.stack.token(self.client.box)
        return Device(self.stack.url, self.client.box, lambda: token, self.places / f"{name}.db")


_noting = threading.Lock()
