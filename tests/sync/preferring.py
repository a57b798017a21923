"""The state machine for test_preferring: a box, a device with preferences, and a model of what it wants."""

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from infra.client.device import Device, attribute
from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, Json, id_of
from tests.clients.viewer import dated, prefer
from tests.stack.behind import Behind
from tests.sync.model import STORE, Model, Thing

DAYS = ("2026-05-01", "2026-05-02", "2026-05-03")
CONTEXTS = ("pager-message", "voice-message")

spots = st.integers(0, 99)
several = st.lists(spots, min_size=1, max_size=3)
wanted = st.fixed_dictionaries(
    {},
    optional={
        "exclude": st.lists(spots, max_size=3),
        "minDate": st.sampled_from([f"{day}T12:00:00Z" for day in DAYS]),
        "messageContext": st.lists(st.sampled_from(CONTEXTS), min_size=1, max_size=2, unique=True),
    },
)


class Preferring(RuleBasedStateMachine):
    def __init__(self, stack: LocalStack) -> None:
        super().__init__()
        self.box = BoxClient(stack)
        self.behind = Behind(stack, self.box.box)
        self.model, self.contexts = Model(), dict[str, str]()
        self.wants: Json = {}
        self.place = tempfile.TemporaryDirectory()
        token = stack.token(self.box.box)
        path = Path(self.place.name) / "device.db"
        self.device = Device(stack.url, self.box.box, lambda: token, path, preferences="phone")

    @initialize(given=wanted)
    def something_is_there(self, given: Json) -> None:
        for number, parent in enumerate((0, 1, 2, 1)):
            self.a_folder_is_made(parent, f"first {number}")
        for number in range(6):
            self.an_object_is_made(number, DAYS[number % 3], CONTEXTS[number % 2])
        self.preferences_change(given)

    # What spots stand for

    def folder(self, spot: int) -> str:
        own = sorted(i for i in self.model.folders if STORE in self.model.above(i))
        return own[spot % len(own)]

    def things(self, spots: Sequence[int]) -> list[str]:
        known = sorted(self.model.objects)
        return list(dict.fromkeys(known[spot % len(known)] for spot in spots)) if known else []

    def url(self, folder: str) -> str:
        return f"{self.box.base}/folders/{folder}"

    def object_url(self, thing: str) -> str:
        return f"{self.box.base}/objects/{thing}"

    # What happens

    @rule(given=wanted)
    def preferences_change(self, given: Json) -> None:
        rest = {name: value for name, value in given.items() if name != "exclude"}
        excluded = [self.folder(spot) for spot in given.get("exclude", ())]
        prefer(self.box, folders={"exclude": list(map(self.url, excluded))}, **rest)
        self.wants = {**rest, "exclude": excluded}

    @rule(at=spots, name=st.sampled_from("abcdefgh"))
    def a_folder_is_made(self, at: int, name: str) -> None:
        parent = self.folder(at)
        if len(self.model.folders) < 20 and name not in self.model.subfolders(parent):
            self.model.folders[id_of(self.box.folder(name, self.url(parent)))] = (parent, name)

    @rule(at=spots, to=spots)
    def a_folder_is_moved(self, at: int, to: int) -> None:
        folder, target = self.folder(at), self.folder(to)
        if self.model.transfer(folder, target, move=True) == 200:
            [item] = self.box.move(self.url(target), folders=[self.url(folder)])
            assert item["code"] == 200
            self.model.folders[folder] = (target, self.model.folders[folder][1])

    @rule(at=spots)
    def a_folder_is_deleted(self, at: int) -> None:
        if (folder := self.folder(at)) != STORE:
            self.box.delete(self.url(folder)).raise_for_status()
            self.model.delete_folder(folder)

    @rule(at=spots, day=st.sampled_from(DAYS), context=st.sampled_from(CONTEXTS))
    def an_object_is_made(self, at: int, day: str, context: str) -> None:
        folder, more = self.folder(at), dated(day, context)
        thing = id_of(self.box.plain_object(self.url(folder), correlationTag=f"tag {at}", **more))
        self.model.objects[thing] = Thing(folder, f"tag {at}", f"{day}T12:00:00Z", frozenset(), None)
        self.contexts[thing] = context

    @rule(at=several, to=spots)
    def objects_are_moved(self, at: list[int], to: int) -> None:
        things, target = self.things(at), self.folder(to)
        if things:
            self.box.move(self.url(target), list(map(self.object_url, things)))
            for thing in things:
                self.model.move(thing, target)

    @rule(at=several, to=spots)
    def objects_are_copied(self, at: list[int], to: int) -> None:
        things, target = self.things(at), self.folder(to)
        if things and len(self.model.objects) < 40:
            copies = self.box.copy(self.url(target), list(map(self.object_url, things)))
            for thing, copied in zip(things, copies, strict=True):
                copy = id_of(copied["success"]["resourceURL"])
                self.model.copy(thing, target, copy)
                self.contexts[copy] = self.contexts[thing]

    @rule(at=spots, name=st.sampled_from(["Seen", "Flagged"]))
    def a_flag_is_set(self, at: int, name: str) -> None:
        for thing in self.things([at]):
            self.box.put(f"/objects/{thing}/flags/{name}").raise_for_status()
            self.model.flag(thing, self.model.objects[thing].flags | {name})

    @rule(at=spots)
    def an_object_is_deleted(self, at: int) -> None:
        for thing in self.things([at]):
            self.box.delete(f"/objects/{thing}").raise_for_status()
            self.model.delete(thing)

    @rule()
    def some_seconds_go_by(self) -> None:
        self.behind.age_box(timedelta(minutes=1))

    # The device

    @rule(most=st.integers(1, 5))
    def the_device_takes_a_page(self, most: int) -> None:
        self.device.take_page(most)

    @rule(most=st.integers(2, 1000))
    def the_device_comes_up_to_date(self, most: int) -> None:
        """A listing's last page says `more: false`; what it was too early for comes with the next delta."""
        self.device.sync(most)
        self.device.sync(most)
        objects, folders = self.device.state()
        assert {i: thing_of(facts) for i, facts in objects.items()} == self.in_view()
        assert folders == self.model.folders

    def in_view(self) -> dict[str, Thing]:
        return {i: thing for i, thing in self.model.objects.items() if self.is_wanted(i, thing)}

    def is_wanted(self, thing_id: str, thing: Thing) -> bool:
        excluded = set(self.wants["exclude"]) & set(self.model.above(thing.folder))
        is_new = thing.date >= self.wants.get("minDate", "")
        return (
            is_new and not excluded and self.contexts[thing_id] in self.wants.get("messageContext", CONTEXTS)
        )

    def teardown(self) -> None:
        self.device.close()
        self.box.http.close()
        self.place.cleanup()


def thing_of(facts: Json) -> Thing:
    flags = frozenset(facts["flags"]["flag"])
    return Thing(id_of(facts["parentFolder"]), facts["correlationTag"], attribute(facts, "Date"), flags, None)
