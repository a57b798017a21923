"""A folder's copy is a snapshot: it holds what the source held at the answer, whatever is done right after.

Here the jobs run step by step, so each test chooses what happens between two steps.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.local.stack import LocalStack
from onecopy.domain.errors import Busy
from onecopy.domain.ids import RCS_MESSAGE_STORE, FolderId
from onecopy.store.box import bulk, commits, copies, folders, jobs, objects
from onecopy.store.commit.transact import read
from tests.clients.box_client import STORE, BoxClient
from tests.clients.eventually import eventually
from tests.clients.following import follow, listing
from tests.stack.at_table import answering, answering_with
from tests.stack.desk import Desk

pytestmark = pytest.mark.whole

TAGS = [f"{number:03}" for number in range(70)]
"""Tags of the objects in a source: enough for a job to take several steps."""


@pytest.fixture
def box(stack: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(stack) as client:
        client.folder_at(STORE)
        yield client


class Archive:
    """A folder with a subfolder, both filled, a target, and the copy into it that was just granted."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.above = desk.folder("above")
        self.source, self.target = desk.folder("source", self.above), desk.folder("target")
        self.inner, self.other = desk.folder("inner", self.source), desk.folder("other", self.source)
        self.first, *_ = desk.fill(self.source, *TAGS)
        self.deep, *_ = desk.fill(self.inner, "deep", "deeper")
        self.before = desk.tree(self.source)
        self.copied = desk.copy(self.source, self.target)
        self.copy = FolderId(self.copied.thing_id)


def nothing(archive: Archive) -> None:
    pass


def source_deleted(archive: Archive) -> None:
    folders.delete(archive.desk.store, archive.desk.key, archive.source)


def folder_above_deleted(archive: Archive) -> None:
    folders.delete(archive.desk.store, archive.desk.key, archive.above)


def subfolder_deleted(archive: Archive) -> None:
    folders.delete(archive.desk.store, archive.desk.key, archive.inner)


def object_deleted(archive: Archive) -> None:
    objects.delete(archive.desk.store, archive.desk.key, archive.first)


def object_flagged(archive: Archive) -> None:
    objects.add_flag(archive.desk.store, archive.desk.key, archive.deep, "\\Seen")


def objects_deleted_together(archive: Archive) -> None:
    bulk.delete(archive.desk.store, archive.desk.key, [archive.first, archive.deep])


def objects_flagged_together(archive: Archive) -> None:
    flagged = [archive.first, archive.deep]
    bulk.change_flags(archive.desk.store, archive.desk.key, lambda _: ("\\Seen",), flagged)


def object_moved_out(archive: Archive) -> None:
    archive.desk.move_object(archive.first, RCS_MESSAGE_STORE)


def object_moved_deeper(archive: Archive) -> None:
    archive.desk.move_object(archive.first, archive.other)


def object_added(archive: Archive) -> None:
    archive.desk.fill(archive.inner, "late")


def object_moved_in(archive: Archive) -> None:
    [other] = archive.desk.fill(RCS_MESSAGE_STORE, "from elsewhere")
    archive.desk.move_object(other, archive.source)


def folder_moved_in(archive: Archive) -> None:
    other = archive.desk.folder("from elsewhere")
    archive.desk.fill(other, "also")
    archive.desk.move(other, archive.source)


def subfolder_renamed(archive: Archive) -> None:
    folders.rename(archive.desk.store, archive.desk.key, archive.inner, "otherwise")


def subfolder_moved_out(archive: Archive) -> None:
    archive.desk.move(archive.inner, RCS_MESSAGE_STORE)


def subfolder_moved_deeper(archive: Archive) -> None:
    archive.desk.move(archive.inner, archive.other)


def source_moved(archive: Archive) -> None:
    archive.desk.move(archive.source, RCS_MESSAGE_STORE)


def source_renamed(archive: Archive) -> None:
    folders.rename(archive.desk.store, archive.desk.key, archive.source, "otherwise")


def target_moved_into_the_source(archive: Archive) -> None:
    archive.desk.move(archive.target, archive.source)


DISTURBANCES = [
    nothing,
    source_deleted,
    folder_above_deleted,
    subfolder_deleted,
    object_deleted,
    object_flagged,
    objects_deleted_together,
    objects_flagged_together,
    object_moved_out,
    object_moved_deeper,
    object_added,
    object_moved_in,
    folder_moved_in,
    subfolder_renamed,
    subfolder_moved_out,
    subfolder_moved_deeper,
    source_moved,
    source_renamed,
    target_moved_into_the_source,
]


@pytest.mark.nms(
    "POST /folders/operations/copyToFolder", "A folder's copy holds what its source held at the answer"
)
@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("disturb", DISTURBANCES, ids=lambda one: one.__name__)
def test_a_copy_holds_what_its_source_held_whatever_follows(
    desk: Desk, disturb: Callable[[Archive], None], steps: int
) -> None:
    archive = Archive(desk)
    desk.step(archive.copied.job_id, steps)
    disturb(archive)
    desk.run_all()
    assert desk.tree(archive.copy) == archive.before
    listing(desk.box)  # whose digest proves that the listing is complete


def test_a_copy_of_a_copy_that_is_still_filled_holds_all_that_it_will_hold(desk: Desk) -> None:
    """Even if the first copy is deleted at once. What is added to it in the meantime is not copied."""
    archive = Archive(desk)
    desk.step(archive.copied.job_id, 1)
    again = desk.copy(archive.copy, RCS_MESSAGE_STORE)
    whole = desk.copy(archive.target, archive.above)
    desk.fill(archive.copy, "late")
    folders.delete(desk.store, desk.key, archive.target)
    desk.run_all()
    assert desk.tree(FolderId(again.thing_id)) == archive.before
    below = desk.tree(FolderId(whole.thing_id))
    assert {path.removeprefix("source/"): tags for path, tags in below.items() if path} == archive.before
    assert desk.tree(archive.target) == {"": []}


def test_an_object_moved_out_of_a_copy_is_no_longer_as_old_as_the_copy(desk: Desk) -> None:
    """It came into the other folder after that folder's copy was granted, though it was made before."""
    archive = Archive(desk)
    desk.run_all()
    elsewhere = desk.folder("elsewhere")
    desk.fill(elsewhere, *TAGS)
    copied = desk.copy(elsewhere, archive.target)
    one = next(
        row["item"]["S"][2:]
        for row in desk.behind.rows(desk.behind.box, "O#")
        if row["parent"]["S"] == archive.copy
    )
    desk.move_object(one, elsewhere)
    desk.run_all()
    assert desk.tree(FolderId(copied.thing_id)) == {"": TAGS}


def test_deletions_and_other_copies_hold_up_no_write_beside_them(desk: Desk) -> None:
    """A write waits only for copies whose source holds what it changes. In this test, no job runs."""
    archive, doomed = Archive(desk), desk.folder("doomed")
    desk.fill(doomed, *TAGS)
    [beside] = desk.fill(RCS_MESSAGE_STORE, "beside")
    folders.delete(desk.store, desk.key, doomed)
    waiting = desk.jobs()
    objects.add_flag(desk.store, desk.key, beside, "\\Seen")
    desk.fill(archive.source, "new")
    objects.delete(desk.store, desk.key, beside)
    assert desk.jobs() == waiting


@pytest.mark.nms(
    "503", "A write that would disturb a copy under way is a 503 in the end, and changes nothing"
)
def test_a_write_that_would_disturb_a_copy_waits_no_longer_than_its_request_may(desk: Desk) -> None:
    archive = Archive(desk)
    late = replace(desk.store, deadline=datetime.now(UTC) + timedelta(milliseconds=1))
    with pytest.raises(Busy):
        objects.delete(late, desk.key, archive.first)
    assert objects.find(desk.store, desk.key, archive.first)
    assert desk.jobs() == [archive.copied.job_id]


def test_a_deletion_waits_for_the_copy_of_what_it_deletes_and_both_end(desk: Desk) -> None:
    archive = Archive(desk)
    job_id = folders.delete(desk.store, desk.key, archive.above)
    desk.step(job_id, 1000)
    assert desk.jobs() == []
    assert desk.tree(archive.copy) == archive.before
    assert desk.tree(archive.source) == {"": []}


def test_two_runners_of_a_step_copy_once(desk: Desk) -> None:
    archive = Archive(desk)
    others = [lambda: desk.step(archive.copied.job_id)]

    def instead(operation, call):  # type: ignore[no-untyped-def]
        if operation == "TransactWriteItems" and others:
            others.pop()()
        return call()

    with answering(instead):
        desk.step(archive.copied.job_id)
    desk.run_all()
    assert desk.tree(archive.copy) == archive.before


class LateQueries:
    """A query that shows the last commits only after a transaction has read their rows."""

    def __init__(self, hidden: set[str]) -> None:
        self.hidden = hidden

    def __call__(self, operation, call):  # type: ignore[no-untyped-def]
        answer = call()
        if operation == "TransactGetItems":
            rows = [one["Item"]["item"]["S"] for one in json.loads(answer.content)["Responses"] if one]
            self.hidden -= set(rows)
        if operation != "Query" or not self.hidden:
            return answer
        raw = json.loads(answer.content)
        raw["Items"] = [row for row in raw["Items"] if row["item"]["S"] not in self.hidden]
        raw["Count"] = raw["ScannedCount"] = len(raw["Items"])
        return answering_with(raw)


def test_a_copy_has_what_a_query_does_not_show_yet(desk: Desk) -> None:
    source, target = desk.folder("source"), desk.folder("target")
    made = desk.fill(source, "one", "two", "three")
    below = desk.folder("below", source)
    copied = desk.copy(source, target)
    with answering(LateQueries({f"O#{made[1]}", f"F#{below}"})):
        desk.run_all()
    assert desk.tree(FolderId(copied.thing_id)) == {"": ["one", "three", "two"], "below/": []}


def test_a_deletion_takes_what_a_query_does_not_show_yet(desk: Desk) -> None:
    above = desk.folder("above")
    [made] = desk.fill(above, "one")
    folders.delete(desk.store, desk.key, above)
    with answering(LateQueries({f"O#{made}"})):
        desk.run_all()
    assert not list(desk.behind.rows(desk.behind.box, "O#"))


def test_a_move_settles_what_a_query_does_not_show_yet(desk: Desk) -> None:
    above, target = desk.folder("above"), desk.folder("target")
    below = desk.folder("below", above)
    desk.move(above, target)
    with answering(LateQueries({f"F#{below}"})):
        desk.run_all()
    chain = json.loads(desk.behind.row(desk.behind.box, f"F#{below}")["ancestors"]["S"])
    assert chain[-2:] == [target, above]


def test_after_many_changes_a_job_waits_until_they_show(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does so instead of reading each of them."""
    monkeypatch.setattr("onecopy.store.commit.read_committed.MOST", 1)
    archive = Archive(desk)
    progress = jobs.run(desk.store, desk.key, archive.copied.job_id or "", 1, timedelta(seconds=60))
    assert timedelta(0) < progress.wait <= timedelta(seconds=5)
    later = replace(desk.store, now=lambda: datetime.now(UTC) + timedelta(seconds=6))
    commits.finish(later, desk.key, archive.copied.job_id or "")
    assert desk.tree(archive.copy) == archive.before


def test_a_rename_drafted_before_a_settling_keeps_no_old_chain(desk: Desk) -> None:
    old, new = desk.folder("old"), desk.folder("new")
    moved = desk.folder("moved", old)
    below = [desk.folder(f"{number:02}", moved) for number in range(40)]
    job_id = desk.move(moved, new).job_id
    others = [lambda: desk.step(job_id)]

    def instead(operation, call):  # type: ignore[no-untyped-def]
        if operation == "TransactWriteItems" and others:
            others.pop()()
        return call()

    with answering(instead):
        folders.rename(desk.store, desk.key, below[0], "renamed")
    desk.run_all()
    chain = json.loads(desk.behind.row(desk.behind.box, f"F#{below[0]}")["ancestors"]["S"])
    assert old not in chain


@pytest.mark.parametrize("others", [0, 200])
def test_a_move_costs_what_it_moves_and_not_what_the_box_holds(desk: Desk, others: int) -> None:
    for number in range(others):
        desk.folder(f"{number}")
    moved, target = desk.folder("moved"), desk.folder("target")
    desk.folder("below", moved)
    calls: list[str] = []

    def instead(operation, call):  # type: ignore[no-untyped-def]
        calls.append(operation)
        return call()

    with answering(instead):
        desk.move(moved, target)
    assert calls == ["TransactGetItems"] * 2 + ["Query"] * 2 + ["TransactWriteItems"]


def test_a_folder_without_subfolders_is_moved_without_a_trace(desk: Desk) -> None:
    """It takes no job, and no note in the box row, which every commit writes."""
    target, many = desk.folder("target"), [desk.folder(f"{number}") for number in range(60)]
    moved = copies.move_folders(desk.store, desk.key, many, target, False)
    assert [getattr(one, "job_id", one) for one in moved] == [None] * 60
    assert read(desk.store, desk.key, []).box.moved == {}
    assert {f"{number}/" for number in range(60)} <= desk.tree(target).keys()


# Through the API, with the whole stack running


@pytest.mark.parametrize("shape", ["one folder", "many folders"])
def test_a_conversation_copied_and_deleted_in_the_same_second_is_whole(
    box: BoxClient, desk: Desk, shape: str
) -> None:
    source, target = desk.folder("source"), desk.folder("target")
    if shape == "one folder":
        desk.fill(source, *[f"{number}" for number in range(1000)])
    else:
        for number in range(10):
            session = desk.folder(f"session {number}", source)
            desk.fill(session, f"{number}a", f"{number}b", f"{number}c")
    before, (_, token) = desk.tree(source), listing(box)
    [copied] = box.copy(f"{box.base}/folders/{target}", folders=[f"{box.base}/folders/{source}"])
    assert copied["code"] == 200
    assert box.delete(f"/folders/{source}").status_code == 204
    copy = FolderId(copied["success"]["resourceURL"].rsplit("/", 1)[1])
    assert eventually(lambda: not desk.jobs(), 180)
    assert desk.tree(copy) == before
    follow(box, token)
