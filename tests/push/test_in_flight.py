"""A list is stored before it is sent: what each write expects to find, and what a hole in the log means.

These tests use a table without senders: nothing changes unless a test changes it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import cast

import pytest

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.change import ResetBox
from onecopy.domain.ids import RCS_MESSAGE_STORE, ModSeq
from onecopy.domain.subscription import RESET
from onecopy.domain.token import RestartToken
from onecopy.push import ring
from onecopy.push.ring import Moved
from onecopy.store.box import folders, log
from onecopy.store.commit.kinds import SubscriptionRow
from onecopy.store.commit.transact import Store
from onecopy.store.queues import Queues, Ring
from onecopy.store.subscribers import in_flight, subscriptions
from onecopy.store.subscribers.in_flight import Flight
from onecopy.store.subscribers.subscriptions import NewSubscription, Restart
from tests.stack.at_table import store_of
from tests.stack.behind import Behind

A_MONTH = timedelta(days=31)


class Scene:
    """A box of its own, with one active subscription."""

    def __init__(self, stack: LocalStack) -> None:
        self.store: Store = store_of(stack)
        name = f"tel:+{token_hex(6)}"
        self.key, self.behind = BoxKey("main", name), Behind(stack, name)
        self.folder("before")
        secret = "whsec_" + "A" * 44
        new = NewSubscription("https://hooks.example.com/", secret, "https://nms.example.com")
        self.id = subscriptions.create(self.store, self.key, new).subscription_id
        self.row().update([SubscriptionRow.state.set("active")])

    def folder(self, name: str) -> None:
        folders.create(self.store, self.key, RCS_MESSAGE_STORE, name, (), False)

    def row(self) -> SubscriptionRow:
        return subscriptions.row(self.key, self.id)

    def begin(self, row: SubscriptionRow | None = None) -> Flight | None:
        box = log.read_box(self.store, self.key)
        return in_flight.begin(self.store, row or self.row(), box)

    def begun(self, row: SubscriptionRow | None = None) -> Flight:
        flight = self.begin(row)
        assert flight
        return flight

    def rest(self) -> bool:
        return in_flight.rest(self.store, self.row(), timedelta(hours=6), told=True)

    def quiet(self, age: timedelta) -> None:
        self.row().update([SubscriptionRow.cursor_at.set((datetime.now(UTC) - age).isoformat())])


@pytest.fixture
def scene(standins: LocalStack) -> Scene:
    return Scene(standins)


def test_no_list_is_begun_past_a_replay_that_was_asked_for(scene: Scene) -> None:
    scene.folder("one")
    read_before = scene.row()
    token = RestartToken(log.read_box(scene.store, scene.key).validity, ModSeq(1), scene.store.now())
    subscriptions.update(scene.store, scene.key, scene.id, None, Restart(token))
    with pytest.raises(in_flight.Overtaken):
        scene.begin(read_before)
    row = scene.row()
    in_flight.apply_restart(row)
    assert scene.begun(row).start == 1


def test_a_list_that_another_sender_settled_is_not_settled_again(scene: Scene) -> None:
    """Otherwise the slow sender would take the next list for delivered, and move the cursor back."""
    scene.folder("one")
    first = scene.begun()
    slow = scene.row()
    assert in_flight.landed(scene.row(), first)
    scene.folder("two")
    second = scene.begun()
    assert not in_flight.landed(slow, first)
    in_flight.failed(slow, "failing", "timed out", scene.store.now())
    row = scene.row()
    assert (in_flight.of(row), int(row.cursor), row.state) == (second, first.end, "active")


def test_one_at_rest_is_looked_at_again_within_the_time_that_was_set(scene: Scene) -> None:
    assert scene.rest()
    row = scene.row()
    ahead = datetime.fromisoformat(str(row.due)) - datetime.now(UTC)
    assert timedelta(hours=2, minutes=59) < ahead < timedelta(hours=6)
    assert str(row.work).startswith("due#")
    assert scene.rest()
    assert scene.row().due == row.due


def test_a_list_that_is_taken_at_once_leaves_the_next_look_where_it_was(scene: Scene) -> None:
    """So a commit does not cost a write to the index of what is due."""
    assert scene.rest()
    before = scene.row()
    scene.folder("one")
    assert in_flight.landed(scene.row(), scene.begun())
    assert scene.rest()
    after = scene.row()
    assert (after.work, after.due) == (before.work, before.due)
    assert after.cursor == before.cursor + 1


def test_one_that_failed_is_due_for_its_next_try_until_it_has_been_told_everything(scene: Scene) -> None:
    assert scene.rest()
    scene.folder("one")
    flight, again = scene.begun(), scene.store.now() + timedelta(seconds=30)
    in_flight.failed(scene.row(), "failing", "timed out", again)
    row = scene.row()
    assert datetime.fromisoformat(str(row.due)) == again
    assert str(row.work).startswith("deliver#")
    assert in_flight.landed(row, flight)
    assert str(scene.row().work).startswith("deliver#")
    assert scene.rest()
    assert str(scene.row().work).startswith("due#")


def test_no_look_is_later_than_the_expiry(scene: Scene) -> None:
    subscriptions.update(scene.store, scene.key, scene.id, timedelta(minutes=5), None)
    assert scene.rest()
    row = scene.row()
    assert row.due == row.expiry


def test_who_rests_while_a_replay_is_asked_for_looks_once_more(scene: Scene) -> None:
    read_before = scene.row()
    token = RestartToken(log.read_box(scene.store, scene.key).validity, ModSeq(1), scene.store.now())
    subscriptions.update(scene.store, scene.key, scene.id, None, Restart(token))
    assert not in_flight.rest(scene.store, read_before, timedelta(hours=6), told=True)
    assert str(scene.row().work).startswith("deliver#")


class Down:
    """A queue that accepts nothing."""

    def deliver(self, rings: Iterable[Ring]) -> list[Ring]:
        return list(rings)


def rung_in_vain(scene: Scene) -> bool:
    """Whether a stream record of the box would have rung for a subscription."""
    box = log.read_box(scene.store, scene.key)
    moved = Moved(scene.key, int(box.seq), box.validity)
    return ring.changed(scene.store, cast(Queues, Down()), [moved]) == {scene.key}


def test_a_ring_that_is_lost_leaves_the_time_of_the_next_look(scene: Scene) -> None:
    assert scene.rest()
    due = scene.row().due
    scene.folder("one")
    assert rung_in_vain(scene)
    assert scene.row().due == due


def test_nobody_is_rung_for_who_was_told_all(scene: Scene) -> None:
    assert not rung_in_vain(scene)
    scene.row().update([SubscriptionRow.validity.set("0123456789ab")])
    assert rung_in_vain(scene)


@pytest.mark.parametrize("behind_it", [0, 1, 2])
def test_after_a_quiet_month_a_commit_still_being_applied_is_waited_for(scene: Scene, behind_it: int) -> None:
    """However long ago the cursor was set: until a moment ago, it stood at the last change."""
    scene.quiet(A_MONTH)
    for number in range(behind_it + 1):
        scene.folder(f"{number}")
    hole = scene.behind.take_change(scene.behind.seq() - behind_it)
    assert scene.begin() is None
    scene.behind.put(hole)
    assert scene.begun().start == int(scene.row().cursor)


@pytest.mark.parametrize("behind_it", [0, 1])
def test_a_hole_that_should_have_filled_long_ago_is_a_reset(scene: Scene, behind_it: int) -> None:
    for number in range(behind_it + 1):
        scene.folder(f"{number}")
    scene.behind.take_change(scene.behind.seq() - behind_it)
    scene.behind.age_box(timedelta(minutes=1))
    assert scene.begun().start == RESET


def test_a_hole_in_a_busy_box_is_a_reset_once_later_commits_show_whole(scene: Scene) -> None:
    scene.folder("lost")
    scene.behind.take_change(scene.behind.seq())
    scene.behind.age_box(timedelta(seconds=31))
    scene.folder("and the box goes on")
    assert scene.begun().start == RESET


def changes(scene: Scene, position: int, given: datetime, **other: timedelta) -> log.Page:
    token = RestartToken(log.read_box(scene.store, scene.key).validity, ModSeq(position), given)
    return log.changes(replace(scene.store, **other), scene.key, token, 100)


def test_a_client_waits_for_a_hole_and_is_reset_when_it_never_fills(scene: Scene) -> None:
    last = scene.behind.seq()
    scene.folder("one")
    scene.behind.take_change(last + 1)
    waiting = changes(scene, last, scene.store.now())
    assert (waiting.changes, waiting.token.position, waiting.more) == ([], last, True)
    scene.behind.age_box(timedelta(minutes=1))
    told = changes(scene, last, scene.store.now())
    assert (told.changes, told.more) == ([ResetBox()], True)
    assert told.token.listing


def test_a_token_from_before_a_log_whose_history_was_raised_since_is_answered_by_a_reset(
    scene: Scene,
) -> None:
    """What expired under the shorter history does not come back."""
    scene.folder("one")
    scene.folder("two")
    for row in scene.behind.log()[:-1]:
        scene.behind.delete(row)
    told = changes(scene, 3, datetime.now(UTC) - timedelta(days=40), history=timedelta(days=90))
    assert (told.changes, told.more) == ([ResetBox()], True)
