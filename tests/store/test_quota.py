"""A quota of links and of bytes: content counts once, a deletion gives room back, a move costs nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from infra.local.stack import LocalStack
from onecopy.domain.box import Box, BoxKey, Quota, Use
from onecopy.domain.content import ContentKey, Part, checksum
from onecopy.domain.errors import NMSError, NotAllowed
from onecopy.domain.ids import RCS_MESSAGE_STORE, FolderId, ObjectId
from onecopy.domain.link import NewObject
from onecopy.store import delivery_to_many
from onecopy.store.box import copies, folders, jobs, objects, uploads
from onecopy.store.box.contents import Contents
from onecopy.store.box.objects import Item
from onecopy.store.commit.kinds import UploadRow
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.transact import Store
from onecopy.wire import outward
from tests.clients.box_client import BoxClient, new_box
from tests.stack.desk import Desk

FULL = [NotAllowed]


class Limited:
    """A box with a quota, through the store's own functions."""

    def __init__(self, stack: LocalStack, desk: Desk, links: int = 0, size: int = 0) -> None:
        self.stack, self.desk, self.key = stack, desk, desk.key
        self.store: Store = replace(desk.store, quota=Quota(links, size))

    def limited(self, links: int = 0, size: int = 0) -> "Limited":
        return Limited(self.stack, self.desk, links, size)

    def create(self, *sizes: int, place: FolderId = RCS_MESSAGE_STORE) -> list[Outcome | NMSError]:
        """An object for each size; 0 has no content. No byte is put anywhere."""
        items = [self._item(size, place) for size in sizes]
        return objects.create(self.store, self.key, items, True, None)

    def _item(self, size: int, place: FolderId) -> Item:
        if not size:
            return Item(place, NewObject())
        parts = (Part("text/plain", size, checksum(b"")),)
        return Item(place, NewObject(), uploads.new_key(self.store, "inline/"), parts)

    def copy(self, *made: Outcome | NMSError, to: FolderId = RCS_MESSAGE_STORE) -> list[Outcome | NMSError]:
        return copies.copy_objects(self.store, self.key, [id_of(one) for one in made], to, True)

    def delete(self, made: Outcome | NMSError) -> None:
        objects.delete(self.store, self.key, id_of(made))

    def begin(self, size: int) -> UploadRow:
        parts = (Part("text/plain", size, checksum(b"")),)
        window = timedelta(hours=1)
        return uploads.begin(self.store, self.key, RCS_MESSAGE_STORE, NewObject(), parts, True, window)

    @property
    def box(self) -> Box:
        return folders.find_box(self.store, self.key)

    @property
    def used(self) -> tuple[int, int]:
        """The links and bytes that count."""
        return self.box.links, self.box.use.bytes


def id_of(made: Outcome | NMSError) -> ObjectId:
    assert isinstance(made, Outcome)
    return ObjectId(made.thing_id)


def kinds(results: list[Outcome | NMSError]) -> list[type]:
    return [type(one) for one in results]


@pytest.fixture
def box(stack: LocalStack, desk: Desk) -> Limited:
    return Limited(stack, desk)


def test_without_a_quota_a_box_counts_all_the_same(box: Limited) -> None:
    one, two, _ = box.create(10, 5, 0)
    box.copy(one, one, two)
    assert box.used == (6, 15)


def test_links_end_at_the_quota_item_by_item(box: Limited) -> None:
    assert kinds(box.limited(links=3).create(1, 0, 1, 1)) == [Outcome] * 3 + FULL
    with pytest.raises(NotAllowed):
        box.limited(links=3).begin(1)
    assert box.used == (3, 2)


def test_bytes_end_at_the_quota_and_a_smaller_item_still_fits(box: Limited) -> None:
    assert kinds(box.limited(size=10).create(6, 5, 4, 1, 0)) == [
        Outcome,
        NotAllowed,
        Outcome,
        NotAllowed,
        Outcome,
    ]
    assert box.used == (3, 10)


def test_a_refused_item_leaves_nothing_behind(box: Limited) -> None:
    box.create(1)
    before = box.box
    assert kinds(box.limited(links=1).create(1)) == FULL
    assert replace(box.box, ids=before.ids, at=before.at, marks=before.marks) == before


def test_copies_cost_links_and_no_bytes(box: Limited) -> None:
    [made] = box.create(10)
    assert kinds(box.limited(links=3, size=10).copy(made, made, made)) == [Outcome] * 2 + FULL
    assert box.used == (3, 10)


def test_a_move_costs_nothing_even_in_a_full_box(box: Limited) -> None:
    [made] = box.create(10)
    target = box.desk.folder("target")
    full = box.limited(links=1, size=1)
    moved = copies.move_objects(full.store, box.key, [id_of(made)], target, True)
    assert kinds(moved) == [Outcome]
    assert box.used == (1, 10)


def test_bytes_come_back_with_the_last_link_and_links_with_each(box: Limited) -> None:
    [made] = box.create(10)
    [copy] = box.copy(made)
    full = box.limited(links=1, size=1)  # it holds more than the quota, which was lowered
    full.delete(made)
    assert box.used == (1, 10)
    full.delete(copy)
    assert box.used == (0, 0)


def test_a_guess_that_was_wrong_counts_nothing_wrongly(box: Limited) -> None:
    """The store guesses that a copy is not its content's last link, and that a first link is."""
    [made, other] = box.create(10, 7)
    [copy] = box.copy(made)
    box.delete(made)
    box.delete(copy)
    assert box.used == (1, 7)
    box.delete(other)
    assert box.used == (0, 0)


def test_a_folder_that_is_deleted_gives_back_the_room_of_all_below(box: Limited) -> None:
    folder = box.desk.folder("folder")
    inner = box.desk.folder("inner", folder)
    [kept] = box.create(10)
    box.copy(kept, to=inner)
    box.create(*[1] * 70, place=inner)
    assert box.used == (72, 80)
    full = box.limited(links=1, size=1)
    job = folders.delete(full.store, box.key, folder)
    jobs.run(full.store, box.key, job, 100, timedelta(minutes=1))
    assert box.used == (1, 10)


# A folder's copy


def test_a_folders_copy_is_refused_if_all_that_it_will_hold_has_no_room(box: Limited) -> None:
    folder, target = box.desk.folder("folder"), box.desk.folder("target")
    inner = box.desk.folder("inner", folder)
    box.create(1, 1, place=folder)
    box.create(1, 1, 1, place=inner)
    refused = copies.copy_folders(box.limited(links=9).store, box.key, [folder], target, True)
    assert kinds(refused) == FULL
    assert box.desk.jobs() == []
    assert box.desk.tree(target) == {"": []}
    copied = copies.copy_folders(box.limited(links=10).store, box.key, [folder], target, True)
    assert kinds(copied) == [Outcome]
    box.desk.run_all()
    assert box.used == (10, 5)


def test_a_folders_copy_that_was_granted_has_its_room_while_it_is_filled(box: Limited) -> None:
    folder, target = box.desk.folder("folder"), box.desk.folder("target")
    box.create(*[1] * 80, place=folder)
    limited = box.limited(links=170)
    [copied] = copies.copy_folders(limited.store, box.key, [folder], target, True)
    assert isinstance(copied, Outcome)
    assert box.used == (160, 80)
    assert kinds(limited.create(*[0] * 12)) == [Outcome] * 10 + FULL * 2
    box.desk.step(copied.job_id)
    assert box.used == (170, 80)
    assert kinds(limited.create(0)) == FULL
    box.desk.run_all()
    assert box.used == (170, 80)
    assert box.box.jobs == ()


def test_folders_of_one_request_share_the_room(box: Limited) -> None:
    first, second, target = (box.desk.folder(name) for name in ("first", "second", "target"))
    box.create(1, 1, place=first)
    box.create(1, place=second)
    store = box.limited(links=5).store
    assert kinds(copies.copy_folders(store, box.key, [first, second], target, True)) == [Outcome, *FULL]
    box.desk.run_all()
    assert box.used == (5, 3)


def test_an_empty_folder_is_copied_in_a_full_box(box: Limited) -> None:
    folder, target = box.desk.folder("folder"), box.desk.folder("target")
    box.create(1)
    store = box.limited(links=1).store
    assert kinds(copies.copy_folders(store, box.key, [folder], target, True)) == [Outcome]


def test_a_copy_of_a_copy_that_is_being_filled_counts_what_is_still_to_come(box: Limited) -> None:
    folder, target, other = (box.desk.folder(name) for name in ("folder", "target", "other"))
    box.create(*[0] * 40, place=folder)
    [copied] = copies.copy_folders(box.limited(links=1000).store, box.key, [folder], target, True)
    assert isinstance(copied, Outcome)
    source, store = FolderId(copied.thing_id), box.limited(links=119).store
    assert kinds(copies.copy_folders(store, box.key, [source], other, True)) == FULL


# Direct uploads


def test_an_upload_has_its_room_from_its_beginning(box: Limited) -> None:
    limited = box.limited(links=2, size=10)
    row = limited.begin(8)
    assert box.used == (1, 8)
    with pytest.raises(NotAllowed):
        limited.begin(3)
    assert kinds(limited.create(3, 2, 0)) == [NotAllowed, Outcome, NotAllowed]
    uploads.finish(limited.store, row)
    assert box.used == (2, 10)
    assert box.box.use.uploads == 0
    limited.delete(Outcome(row.object_id, 0))
    assert box.used == (1, 2)


def test_an_upload_that_is_given_up_gives_its_room_back_at_once_and_once(box: Limited) -> None:
    row = box.begin(8)
    uploads.give_up(box.store, box.key, ObjectId(row.object_id))
    assert box.used == (0, 0)
    uploads.finish(box.store, row)
    assert box.used == (0, 0)


def test_an_upload_that_is_swept_gives_its_room_back(box: Limited) -> None:
    row, kept = box.begin(8), box.begin(1)
    contents = Contents(box.stack.aws("s3"), box.stack.name("ContentBucket"), timedelta(minutes=1))
    for _ in range(2):
        uploads.sweep_upload(box.store, contents, row)
    assert (box.used, box.box.use.uploads) == ((1, 1), 1)
    assert kept.object_id


# Delivery to many


def test_each_box_is_charged_for_a_delivery_by_its_own_quota(box: Limited) -> None:
    other = BoxKey("main", new_box())
    box.create(10)
    parts = (Part("text/plain", 5, checksum(b"")),)
    item = Item(("Default",), NewObject(), None, parts)
    put: Callable[[ContentKey], None] = lambda _: None  # noqa: E731
    results = delivery_to_many.deliver(box.limited(size=14).store, [box.key, other], item, put)
    assert kinds(results) == [NotAllowed, Outcome]
    assert box.used == (1, 10)
    there = folders.find_box(box.store, other)
    assert (there.links, there.use.bytes) == (1, 5)


# How it is told, and the rules themselves


def test_what_is_left_can_be_shown(box: Limited) -> None:
    box.create(5)
    assert outward.room(Quota(), box.box) == {"quota": {}, "used": {"links": 1, "bytes": 5}}
    shown = outward.room(Quota(7, 0), box.box)
    assert shown == {"quota": {"links": 7}, "used": {"links": 1, "bytes": 5}}


@given(some.integers(0, 10), some.integers(0, 20))
def test_a_quota_of_zero_is_no_quota(limit: int, number: int) -> None:
    quota = Quota(limit, limit)
    allowed = number <= limit or limit == 0
    assert (quota.allows_links(number), quota.allows_bytes(number)) == (allowed, allowed)


@given(some.lists(some.integers(-5, 5)))
def test_what_is_used_is_never_below_zero(changes: list[int]) -> None:
    use = Use()
    for change in changes:
        use = use.plus(change, change)
        assert use.bytes >= 0
        assert use.uploads >= 0


def test_a_box_whose_row_counts_nothing_yet_holds_nothing(stack: LocalStack, box: Limited) -> None:
    with BoxClient(stack) as client:
        client.folder_at("/")
        assert "use" not in box.desk.behind.row(f"main#{client.box}", "BOX")
        key = BoxKey("main", client.box)
        assert folders.find_box(box.store, key).use == Use()
