"""A delivery that stops half-way goes on where it stopped, stores nothing twice and leaves nothing behind."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.awsrequest import AWSResponse

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.content import ContentKey, Part, bucket_keys, checksum, share, split_share
from onecopy.domain.errors import Busy, KeyReused, NMSError, NotAllowed, StillRunning
from onecopy.domain.ids import ObjectId
from onecopy.domain.link import NewObject
from onecopy.handlers.edge.idempotency_key import OUTCOMES
from onecopy.store import closed_boxes, delivery_to_many
from onecopy.store.box import objects, shares
from onecopy.store.box.contents import Contents
from onecopy.store.box.objects import Item, Result
from onecopy.store.commit import table
from onecopy.store.commit.kinds import ContentRow, LinkRow, SharedRow
from onecopy.store.commit.once import begin
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.transact import Store, read
from onecopy.store.reclaim import reclaim
from tests.clients.box_client import new_box
from tests.stack.at_table import Call, answering, store_of

DATA = b"bytes"
ITEM = Item(("Default", "someone"), NewObject(), None, (Part("text/plain", 5, checksum(DATA)),))


class Died(Exception):
    """The function was killed."""


@dataclass
class Delivery:
    """One delivery to some boxes, tried as often as a test likes. `puts`: where it has stored the content."""

    stack: LocalStack
    store: Store
    boxes: list[BoxKey]
    name: str
    puts: list[ContentKey] = field(default_factory=list)
    dies: bool = False

    def run(self, store: Store | None = None, item: Item = ITEM) -> list[Result]:
        return delivery_to_many.deliver(store or self.store, self.boxes, item, self.put)

    def reach(self, count: int) -> list[Result]:
        """A try under the key after which the table refuses all writes, once so many boxes are reached."""
        for box in self.boxes:
            read(self.store, box, [])
        with after_writes(count):
            return self.run(self.keyed())

    def keyed(self, minutes: int = 0, request: str = "request") -> Store:
        """The store for one try under the key, so many minutes from now."""
        now = datetime.now(UTC) + timedelta(minutes=minutes)
        store = replace(self.store, now=lambda: now)
        place = table.delivery_partition(self.name)
        return replace(store, once=begin(store, place, self.name, request, OUTCOMES, len(self.boxes)))

    def put(self, content_key: ContentKey) -> None:
        self.puts.append(content_key)
        self.contents.client.put_object(Bucket=self.contents.bucket, Key=f"{content_key}/1", Body=DATA)
        if self.dies:
            raise Died

    @property
    def contents(self) -> Contents:
        return Contents(self.stack.aws("s3"), self.stack.name("ContentBucket"), timedelta(minutes=1))

    def is_stored(self, content_key: ContentKey) -> bool:
        return bool(self.contents.sizes(content_key))

    def held(self, content_key: ContentKey) -> SharedRow | None:
        return table.get(SharedRow, table.content_partition(content_key), table.SHARED)

    def links(self) -> list[int]:
        """How many objects each box holds."""
        links = LinkRow.item.startswith("O#")
        return [sum(1 for _ in table.every(LinkRow, str(box), links)) for box in self.boxes]

    def delete(self, made: Result, box: BoxKey) -> ContentKey:
        """Deletes the object and returns the share that it was the last link of."""
        assert isinstance(made, Outcome)
        link = objects.find(self.store, box, ObjectId(made.thing_id))
        assert link.content
        objects.delete(self.store, box, link.object_id)
        return link.content.content_key

    def sweep(self, content_key: ContentKey) -> None:
        if row := self.held(content_key):
            shares.sweep(self.contents, row)


@pytest.fixture
def delivery(stack: LocalStack) -> Delivery:
    boxes = [BoxKey("main", new_box()) for _ in range(5)]
    return Delivery(stack, store_of(stack), boxes, f"delivery to {boxes[0].box_id}")


def after_writes(count: int) -> AbstractContextManager[None]:
    """No transaction is written after the first `count` ones."""
    done = 0

    def instead(operation: str, call: Call) -> AWSResponse:
        nonlocal done
        done += operation == "TransactWriteItems"
        if done > count and operation == "TransactWriteItems":
            raise ConnectionError
        return call()

    return answering(instead)


def succeeded(results: list[Result]) -> list[bool]:
    return [isinstance(one, Outcome) for one in results]


def test_a_delivery_leaves_no_note_when_it_is_done(delivery: Delivery) -> None:
    assert succeeded(delivery.run()) == [True] * 5
    [stored] = delivery.puts
    assert delivery.held(stored) is None
    assert delivery.links() == [1] * 5


def test_a_repeat_is_answered_as_the_first_time_and_does_nothing(delivery: Delivery) -> None:
    closed_boxes.close(delivery.store, delivery.boxes[2])
    delivery.store = replace(delivery.store, of_owner=True)
    first = delivery.run(delivery.keyed())
    closed_boxes.reopen(delivery.store, delivery.boxes[2])
    for made, box in zip(first, delivery.boxes, strict=True):
        if isinstance(made, Outcome):
            objects.delete(delivery.store, box, ObjectId(made.thing_id))
    again = delivery.run(delivery.keyed())
    assert [type(one) for one in first] == [Outcome, Outcome, NotAllowed, Outcome, Outcome]
    assert [one.variables if isinstance(one, NMSError) else one for one in again] == [
        one.variables if isinstance(one, NMSError) else one for one in first
    ]
    assert len(delivery.puts) == 1
    assert delivery.links() == [0] * 5


def test_another_delivery_under_the_key_is_refused(delivery: Delivery) -> None:
    delivery.run(delivery.keyed())
    with pytest.raises(KeyReused):
        delivery.keyed(request="another")


def test_while_a_try_is_at_work_another_is_refused(delivery: Delivery) -> None:
    store = delivery.keyed()
    assert store.once
    assert store.once.claim()
    with pytest.raises(StillRunning):
        delivery.keyed()


@pytest.mark.whole
def test_boxes_that_were_not_reached_are_reached_by_a_repeat_and_nothing_is_stored_again(
    delivery: Delivery,
) -> None:
    first = delivery.reach(2)
    assert sum(succeeded(first)) == 2
    again = delivery.run(delivery.keyed())
    assert succeeded(again) == [True] * 5
    assert [one for one in first if isinstance(one, Outcome)] == [
        new for new, old in zip(again, first, strict=True) if isinstance(old, Outcome)
    ]
    assert delivery.links() == [1] * 5
    assert len(delivery.puts) == 1
    assert delivery.run(delivery.keyed()) == again


@pytest.mark.whole
def test_a_repeat_never_delivers_again_to_a_box_that_has_deleted_its_object(delivery: Delivery) -> None:
    first = delivery.reach(2)
    for made, box in zip(first, delivery.boxes, strict=True):
        if isinstance(made, Outcome):
            assert reclaim(delivery.store, delivery.contents, delivery.delete(made, box))
    again = delivery.run(delivery.keyed())
    assert succeeded(again) == [True] * 5
    assert delivery.links() == [0 if isinstance(one, Outcome) else 1 for one in first]
    assert len(delivery.puts) == 2  # nobody had the first one any more
    assert not delivery.is_stored(delivery.puts[0])


def test_a_try_that_died_before_any_box_had_it_leaves_nothing(delivery: Delivery) -> None:
    delivery.dies = True
    with pytest.raises(Died):
        delivery.run(delivery.keyed())
    delivery.dies = False
    [lost] = delivery.puts
    assert delivery.is_stored(lost)
    assert succeeded(delivery.run(delivery.keyed(minutes=1))) == [True] * 5
    for stored in delivery.puts:
        delivery.sweep(stored)
    assert [delivery.is_stored(stored) for stored in delivery.puts] == [False, True]
    assert delivery.held(lost) is None


def test_when_no_box_takes_it_the_content_is_due_for_the_sweep_at_once(delivery: Delivery) -> None:
    item = replace(ITEM, place=())
    assert succeeded(delivery.run(item=item)) == [False] * 5
    [stored] = delivery.puts
    row = delivery.held(stored)
    assert row
    assert row.due <= table.time_text(delivery.store.now())
    delivery.sweep(stored)
    assert not delivery.is_stored(stored)


def test_what_a_delivery_under_way_holds_is_not_deleted_with_its_last_link(delivery: Delivery) -> None:
    made = delivery.run()
    [stored] = delivery.puts
    shares.hold(delivery.store, stored, 1)  # as a repeat does
    gone = [delivery.delete(one, box) for one, box in zip(made, delivery.boxes, strict=True)]
    assert not reclaim(delivery.store, delivery.contents, gone[-1])
    assert delivery.is_stored(stored)
    shares.release(delivery.store, stored, made=True)
    assert [reclaim(delivery.store, delivery.contents, one) for one in gone] == [True] * 5
    assert not delivery.is_stored(stored)
    assert not list(table.every(ContentRow, table.content_partition(stored)))


def test_a_share_goes_alone_while_another_box_links_the_bytes(delivery: Delivery) -> None:
    made = delivery.run()
    [stored] = delivery.puts
    for left in (4, 3, 2, 1):
        gone = delivery.delete(made[left], delivery.boxes[left])
        assert reclaim(delivery.store, delivery.contents, gone)
        assert delivery.is_stored(stored)
        assert len(list(table.every(ContentRow, table.content_partition(stored)))) == left
    assert reclaim(delivery.store, delivery.contents, delivery.delete(made[0], delivery.boxes[0]))
    assert not delivery.is_stored(stored)


def test_the_sweep_lets_a_delivery_be_that_has_gone_on(delivery: Delivery) -> None:
    delivery.run()
    [stored] = delivery.puts
    assert shares.hold(delivery.store, stored, 1)
    read = delivery.held(stored)
    assert read
    assert shares.hold(delivery.store, stored, 1)
    shares.sweep(delivery.contents, read)
    assert delivery.held(stored)
    delivery.sweep(stored)
    assert delivery.held(stored) is None
    assert delivery.is_stored(stored)  # boxes link it


def test_bytes_that_are_being_swept_are_held_by_no_delivery(delivery: Delivery) -> None:
    delivery.run()
    [stored] = delivery.puts
    shares.hold(delivery.store, stored, 1)
    row = delivery.held(stored)
    assert row
    row.update([SharedRow.swept.set("yes")])
    assert not shares.hold(delivery.store, stored, 1)


def test_time_that_is_over_is_told_for_each_box_that_was_not_begun(delivery: Delivery) -> None:
    over = replace(delivery.store, deadline=delivery.store.now())
    assert [type(one) for one in delivery.run(over)] == [Busy] * 5


def test_shares_are_named_after_the_bytes_and_tell_nothing_else() -> None:
    key = ContentKey("inline/0f")
    assert split_share(share(key, 12)) == (key, "12")
    assert bucket_keys(share(key, 12), 2) == bucket_keys(key, 2) == ["inline/0f/1", "inline/0f/2"]
    for each in (key, share(key, 12)):
        assert table.content_key_of(*table.content_row(each)) == each
    assert table.content_partition(share(key, 12)) == table.content_partition(key)
    assert ContentRow(*table.content_row(share(key, 12))).item == "CONTENT#12"
