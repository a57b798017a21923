"""The state machine for test_histories: each rule does one thing to both the store and the model."""

import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from infra.client.device import Device, attribute
from infra.local.stack import LocalStack
from tests.clients.box_client import NETWORK, BoxClient, Json, id_of, transfer
from tests.clients.eventually import eventually
from tests.stack.behind import Behind
from tests.sync.model import DEFAULT, ROOT, STORE, Model, Thing

MOST_THINGS = 60
"""Without a limit, copies of copies would grow without end."""

spots = st.integers(0, 99)
several = st.lists(spots, min_size=1, max_size=4)
names = st.sampled_from([*"abcdefgh", "日本 ☂"])
flag = st.sampled_from(["\\Seen", "\\Flagged", "$Forwarded"])
dates = st.sampled_from([f"2026-01-0{day}T10:00:00Z" for day in range(1, 4)])


def in_order(ids: Iterable[str]) -> list[str]:
    """In the order in which the store gave them out."""
    return sorted(ids, key=lambda i: (len(i), i))


class Histories(RuleBasedStateMachine):
    """At the end of a history, the keys of contents without a link are added to `unlinked`."""

    def __init__(self, stack: LocalStack, unlinked: list[str]) -> None:
        super().__init__()
        self.stack, self.unlinked = stack, unlinked
        self.client = BoxClient(stack)
        self.network = BoxClient(stack, self.client.box, NETWORK)
        self.behind = Behind(stack, self.client.box)
        self.model, self.keys = Model(), dict[str, str]()
        self.places = tempfile.TemporaryDirectory()
        self.device = self.open_device("follower")

    def open_device(self, name: str) -> Device:
        token = self.stack.token(self.client.box)
        return Device(self.stack.url, self.client.box, lambda: token, Path(self.places.name) / f"{name}.db")

    # Which folder or object a spot stands for

    def folder(self, spot: int) -> str:
        """Mostly one of the user's own folders."""
        if spot > 94:
            return (ROOT, DEFAULT, STORE)[spot % 3]
        own = in_order(self.model.folders.keys() - {ROOT, DEFAULT})
        return own[spot % len(own)]

    def things(self, spots: list[int]) -> list[str]:
        known = in_order(self.model.objects)
        return [known[spot % len(known)] for spot in spots] if known else []

    def url(self, folder: str) -> str:
        return f"{self.client.base}/folders/{folder}"

    def object_url(self, thing: str) -> str:
        return f"{self.client.base}/objects/{thing}"

    @property
    def is_full(self) -> bool:
        return len(self.model.objects) + len(self.model.folders) > MOST_THINGS

    # Folders

    @initialize(parents=st.lists(spots, min_size=3, max_size=6), contents=several)
    def something_is_there(self, parents: list[int], contents: list[int]) -> None:
        for number, parent in enumerate(parents):
            self.a_folder_is_made(parent, f"first {number}")
        for folder in contents:
            self.an_object_is_made(folder, "2026-01-02T10:00:00Z", frozenset(), True, False)

    @rule(at=spots, name=names)
    def a_folder_is_made(self, at: int, name: str) -> None:
        parent = self.folder(at)
        body = {"folder": {"parentFolder": self.url(parent), "name": name}}
        answer = self.client.post("/folders", body)
        assert answer.status_code == self.model.creation(parent, name), answer.text
        if answer.status_code == 201:
            self.model.folders[made(answer.json())] = (parent, name)

    @rule(at=spots, name=names)
    def a_folder_is_renamed(self, at: int, name: str) -> None:
        folder = self.folder(at)
        answer = self.client.put(f"/folders/{folder}/folderName", {"name": name})
        assert answer.status_code == self.model.renaming(folder, name), answer.text
        if answer.status_code == 200:
            self.model.folders[folder] = (self.model.folders[folder][0], name)

    @rule(at=spots, to=spots)
    def a_folder_is_moved(self, at: int, to: int) -> None:
        folder, target = self.folder(at), self.folder(to)
        if self.transfer("move", target, folders=[folder]) == [200]:
            self.model.folders[folder] = (target, self.model.folders[folder][1])

    @rule(at=spots, to=spots)
    def a_folder_is_copied(self, at: int, to: int) -> None:
        """With everything below it at that moment."""
        folder, target = self.folder(at), self.folder(to)
        if not self.is_full and self.transfer("copy", target, folders=[folder]) == [200]:
            [copy] = (made(item) for item in self.items)
            pairs = eventually(lambda: self.copies(folder, copy))
            assert pairs, f"{copy} did not become a copy of {folder}"
            self.model.folders[copy] = (target, self.model.folders[folder][1])
            self.adopt(pairs)

    @rule(at=spots)
    def a_folder_is_deleted(self, at: int) -> None:
        folder = self.folder(at)
        answer = self.client.delete(f"/folders/{folder}")
        assert answer.status_code == (403 if folder in (ROOT, DEFAULT, STORE) else 204), answer.text
        if answer.status_code == 204:
            self.model.delete_folder(folder)

    # Objects

    @rule(at=spots, date=dates, flagged=st.frozensets(flag), content=st.booleans(), network=st.booleans())
    def an_object_is_made(
        self, at: int, date: str, flagged: frozenset[str], content: bool, network: bool
    ) -> None:
        folder, tag = self.folder(at), f"tag{len(self.model.objects) + len(self.model.gone)}"
        given: Json = {
            "parentFolder": self.url(folder),
            "flags": {"flag": sorted(flagged)},
            "attributes": {"attribute": [{"name": "Date", "value": [date]}]},
            "correlationTag": tag,
        }
        answer = (self.network if network else self.client).create(given, "text" if content else None)
        allowed = self.model.target(folder, network) == 200
        assert answer.status_code == (201 if allowed else 403), answer.text
        if allowed:
            thing = made(answer.json())
            self.model.objects[thing] = Thing(folder, tag, date, flagged, thing if content else None)
            if content:
                self.keys[thing] = self.behind.content_key(thing)

    @rule(at=several, to=spots, unknown=st.booleans())
    def objects_are_copied(self, at: list[int], to: int, unknown: bool) -> None:
        things, target = self.things(at), self.folder(to)
        if not things or self.is_full:
            return
        gone = in_order(self.model.gone)[:1] if unknown else []
        codes = self.transfer("copy", target, [*things, *gone])
        if codes != [403]:
            assert codes == [200] * len(things) + [400] * len(gone)
            for thing, item in zip(things, self.items, strict=False):
                self.model.copy(thing, target, made(item))

    @rule(at=several, to=spots)
    def objects_are_moved(self, at: list[int], to: int) -> None:
        things, target = self.things(at), self.folder(to)
        if things and (codes := self.transfer("move", target, things)) != [403]:
            assert codes == [self.model.moving(thing) for thing in things]
            for thing, code in zip(things, codes, strict=True):
                if code == 200:
                    self.model.move(thing, target)

    @rule(at=several)
    def an_object_is_deleted(self, at: list[int]) -> None:
        for thing in self.things(at[:1]):
            assert self.client.delete(f"/objects/{thing}").status_code == 204
            self.model.delete(thing)

    @rule(at=several, way=st.sampled_from(["POST", "DELETE"]))
    def objects_are_deleted(self, at: list[int], way: str) -> None:
        """Perhaps one of them twice."""
        things = self.things(at)
        self.bulk("bulkDelete", things, way)
        for thing in dict.fromkeys(things):
            self.model.delete(thing)

    @rule(at=several, flags=st.frozensets(flag, min_size=1), there=st.booleans())
    def objects_are_flagged(self, at: list[int], flags: frozenset[str], there: bool) -> None:
        things = self.things(at)
        how = {"operation": "AddFlag" if there else "RemoveFlag", "flags": {"flag": sorted(flags)}}
        self.bulk("bulkUpdate", things, "POST", **how)
        for thing in things:
            before = self.model.objects[thing].flags
            self.model.flag(thing, before | flags if there else before - flags)

    @rule(name=flag, most=st.integers(1, 3), way=st.sampled_from(["POST", "DELETE"]))
    def what_has_a_flag_is_deleted(self, name: str, most: int, way: str) -> None:
        asked, things = self.having(name, most)
        answer = self.client.http.request(way, "/objects/operations/bulkDelete", json={"bulkDelete": asked})
        done = answer.raise_for_status().json()["bulkResponseList"]["response"]
        assert [id_of(item["success"]["resourceURL"]) for item in done] == things
        for thing in things:
            self.model.delete(thing)

    @rule(name=flag, most=st.integers(1, 3), to=spots)
    def what_has_a_flag_is_moved(self, name: str, most: int, to: int) -> None:
        target = self.folder(to)
        asked, things = self.having(name, most)
        body = {"targetSourceRef": {"targetRef": {"resourceURL": self.url(target)}, **asked}}
        answer = self.client.post("/folders/operations/moveToFolder", body)
        assert answer.status_code == self.model.target(target), answer.text
        if answer.status_code == 200:
            moved = [thing for thing in things if self.model.moving(thing) == 200]
            found = answer.json()["bulkResponseList"]
            assert (found["count"], len(found["response"])) == (len(moved), len(things) - len(moved))
            for thing in moved:
                self.model.move(thing, target)

    def having(self, name: str, most: int) -> tuple[Json, list[str]]:
        """A selection by a flag, and the objects that it finds: the newest first."""
        searched = {"criterion": [{"type": "Flag", "name": name, "value": "true"}]}
        objects = self.model.objects
        found = [thing for thing in objects if name in objects[thing].flags]
        newest = sorted(found, key=lambda thing: (objects[thing].date, thing), reverse=True)
        return {"selectionCriteria": {"maxEntries": most, "searchCriteria": searched}}, newest[:most]

    def bulk(self, name: str, things: list[str], way: str, **how: Any) -> None:
        if not things:
            return
        references = [{"resourceURL": self.object_url(thing)} for thing in things]
        body = {name: {"objects": {"objectReference": references}, **how}}
        answer = self.client.http.request(way, f"/objects/operations/{name}", json=body)
        done = answer.raise_for_status().json()["bulkResponseList"]["response"]
        assert [item["code"] for item in done] == [200] * len(things)

    @rule(at=several, flags=st.frozensets(flag))
    def flags_are_replaced(self, at: list[int], flags: frozenset[str]) -> None:
        for thing in self.things(at[:1]):
            body = {"flagList": {"flag": sorted(flags)}}
            assert self.client.put(f"/objects/{thing}/flags", body).status_code == 200
            self.model.flag(thing, flags)

    @rule(at=several, name=flag, there=st.booleans())
    def a_flag_is_set_or_removed(self, at: list[int], name: str, there: bool) -> None:
        for thing in self.things(at[:1]):
            before, path = self.model.objects[thing].flags, f"/objects/{thing}/flags/{name}"
            answer = self.client.put(path) if there else self.client.delete(path)
            found = name in before
            expected = (204 if found else 201) if there else (204 if found else 404)
            assert answer.status_code == expected, answer.text
            self.model.flag(thing, before | {name} if there else before - {name})

    # The device that follows

    @rule(most=st.integers(1, 7))
    def the_device_takes_a_page(self, most: int) -> None:
        self.device.take_page(most)

    @rule(most=st.integers(5, 1000))
    def the_device_comes_up_to_date(self, most: int) -> None:
        """Background work may take a moment."""
        assert eventually(lambda: self.device.sync(most) >= 0 and self.is_known_to(self.device))

    @rule(anew=st.booleans())
    def the_device_is_closed_and_opened(self, anew: bool) -> None:
        self.device.close()
        if anew:
            (Path(self.places.name) / "follower.db").unlink()
            self.some_seconds_go_by()
        self.device = self.open_device("follower")

    def some_seconds_go_by(self) -> None:
        """Without this, the whole log would follow a new listing, and hide what the listing left out."""
        self.behind.age_box(timedelta(minutes=1))

    def is_known_to(self, device: Device) -> bool:
        objects, folders = device.state()
        things = {i: thing_of(facts) for i, facts in objects.items()}
        return (things, folders) == (self.model.objects, self.model.folders)

    # Copies and moves

    def transfer(
        self, verb: str, target: str, things: Sequence[str] = (), folders: Sequence[str] = ()
    ) -> list[int]:
        """The items' codes, or [403] if the model says that the whole request is refused."""
        body = transfer(self.url(target), map(self.object_url, things), map(self.url, folders))
        answer = self.client.post(f"/folders/operations/{verb}ToFolder", body)
        if self.model.target(target) != 200:
            assert answer.status_code == 403, answer.text
            return [403]
        self.items = answer.raise_for_status().json()["bulkResponseList"]["response"]
        codes = [item["code"] for item in self.items]
        if folders:
            assert codes == [self.model.transfer(folder, target, verb == "move") for folder in folders]
        return codes

    def copies(self, folder: str, copy: str) -> dict[str, str]:
        """Maps each source's id to its copy's; empty until the whole copy is there."""
        subfolders, objects = self.listed(copy)
        sources = self.model.subfolders(folder)
        pairs = {folder: copy}
        if subfolders.keys() != sources.keys() or len(objects) != len(self.model.listed(folder)):
            return {}
        for name, source in sources.items():
            below = self.copies(source, subfolders[name])
            if not below:
                return {}
            pairs |= below
        return pairs | self.object_pairs(folder, objects)

    def object_pairs(self, folder: str, copies: list[str]) -> dict[str, str]:
        """Equal sources have equal copies, and any of these may be paired with any of those."""
        left = [(copy, thing_of(self.client.get(f"/objects/{copy}").json()["object"])) for copy in copies]
        pairs: dict[str, str] = {}
        for source in self.model.listed(folder):
            like = self.model.objects[source].linkage
            [found, *_] = [at for at, (_, thing) in enumerate(left) if thing.linkage == like]
            pairs[source] = left.pop(found)[0]
        return pairs

    def adopt(self, pairs: dict[str, str]) -> None:
        for source, copy in pairs.items():
            if source in self.model.objects:
                self.model.copy(source, pairs[self.model.objects[source].folder], copy)
            elif copy not in self.model.folders:
                parent, name = self.model.folders[source]
                self.model.folders[copy] = (pairs[parent or ""], name)

    def listed(self, folder: str) -> tuple[dict[str, str], list[str]]:
        """The ids of the subfolders by name, and of the objects in the server's order."""
        answer = self.client.get(
            f"/folders/{folder}", params={"listFilter": "All", "maxEntries": 1000, "path": "Yes"}
        )
        found = answer.raise_for_status().json()["folder"]
        subfolders = found["subFolders"]["folderReference"]
        named = {one["path"].rsplit("/", 1)[1]: id_of(one["resourceURL"]) for one in subfolders}
        return named, [id_of(one["resourceURL"]) for one in found["objects"]["objectReference"]]

    # The end of a history

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.everything_agrees()
        finally:
            self.device.close()
            self.client.http.close()
            self.network.http.close()
            self.places.cleanup()

    def everything_agrees(self) -> None:
        for folder in self.model.folders:
            assert self.listed(folder) == (self.model.subfolders(folder), self.model.listed(folder))
        for gone in in_order(self.model.gone)[-2:]:
            assert self.client.get(f"/objects/{gone}").status_code == 404
            assert self.client.get(f"/folders/{gone}").status_code == 404
        self.the_device_comes_up_to_date(1000)
        self.some_seconds_go_by()
        fresh = self.open_device("fresh")
        fresh.sync(1 + len(self.model.folders) % 3)
        assert fresh.state() == self.device.state()
        fresh.close()
        links = self.model.links()
        for content, key in self.keys.items():
            assert eventually(lambda c=content, k=key: self.behind.links(k) == links[c])
        self.unlinked += [key for content, key in self.keys.items() if not links[content]]


def thing_of(facts: Json) -> Thing:
    return Thing(
        folder=id_of(facts["parentFolder"]),
        tag=facts["correlationTag"],
        date=attribute(facts, "Date"),
        flags=frozenset(facts["flags"]["flag"]),
        content=facts.get("contentId"),
    )


def made(answer: Json) -> str:
    """The id in a reference, which is either the answer's own or in an item's `success`."""
    return id_of(answer.get("success", answer.get("reference"))["resourceURL"])
