"""The store when DynamoDB behaves as no emulator does: lost answers, throttling, reads that are too large."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.errors import Busy, NMSError
from onecopy.domain.folder import Attributes
from onecopy.domain.ids import RCS_MESSAGE_STORE, FolderId, ObjectId
from onecopy.domain.link import NewObject
from onecopy.store.box import copies, folders, jobs, objects
from onecopy.store.box.folders import Place
from onecopy.store.box.objects import Item
from onecopy.store.commit import table
from onecopy.store.commit.kinds import FolderRow
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.transact import Store, read
from tests.clients.box_client import STORE, BoxClient, id_of
from tests.clients.following import listing, told
from tests.stack.at_table import Call, Instead, answering, limited, refusal
from tests.stack.behind import Behind

pytestmark = pytest.mark.whole

LARGE: Attributes = (("A", ("x" * 30_000,) * 9),)
"""Twenty rows with these attributes exceed a transaction's 4 MB."""


@pytest.fixture
def box(stack: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(stack) as client:
        client.folder_at(STORE)
        yield client


def key(box: BoxClient) -> BoxKey:
    return BoxKey("main", box.box)


def item(tag: str, place: Place = RCS_MESSAGE_STORE, attributes: Attributes = ()) -> Item:
    return Item(place, NewObject(correlation_tag=tag, attributes=attributes))


def folder(store: Store, box: BoxClient, name: str, parent: Place = RCS_MESSAGE_STORE) -> FolderId:
    return folders.create(store, key(box), parent, name, (), False).folder_id


def tags(box: BoxClient) -> list[str]:
    return sorted(event["correlationTag"] for event in told(listing(box)[0], "changedObject"))


def lost_then(*answers: AWSResponse) -> Instead:
    """The first write is done but its answer is lost. The next ones get these answers, and are not done."""
    coming: list[Callable[[Call], AWSResponse]] = [_lose, *(_say(answer) for answer in answers)]

    def instead(operation: str, call: Call) -> AWSResponse:
        return coming.pop(0)(call) if operation == "TransactWriteItems" and coming else call()

    return instead


def _lose(call: Call) -> AWSResponse:
    call()
    raise ReadTimeoutError(endpoint_url="")


def _say(answer: AWSResponse) -> Callable[[Call], AWSResponse]:
    return lambda _: answer


@pytest.mark.parametrize("code", ["ThrottlingException", "TransactionInProgressException"])
@pytest.mark.parametrize("times", [0, 3, 8])
def test_what_is_committed_is_not_committed_twice(
    box: BoxClient, store: Store, code: str, times: int
) -> None:
    with answering(lost_then(*[refusal(code)] * times)):
        [made] = objects.create(store, key(box), [item("once")], False, None)
    assert isinstance(made, Outcome)
    assert tags(box) == ["once"]


def test_a_writer_that_dies_after_its_commit_leaves_a_whole_log(
    stack: LocalStack, box: BoxClient, store: Store
) -> None:
    """After the commit, no further call is needed for clients to hear of the change."""
    dead: list[bool] = []

    def dies(operation: str, call: Call) -> AWSResponse:
        if dead:
            raise ReadTimeoutError(endpoint_url="")
        dead.extend([True] if operation == "TransactWriteItems" else [])
        return call()

    with answering(dies), suppress(Exception):
        objects.create(store, key(box), [item("once")], False, None)
    behind = Behind(stack, box.box)
    assert [int(row["item"]["S"]) for row in behind.log()] == list(range(1, behind.seq() + 1))
    assert tags(box) == ["once"]


def test_what_no_longer_gets_through_is_the_answer_of_the_rest(box: BoxClient, store: Store) -> None:
    writes = Counter[str]()

    def instead(operation: str, call: Call) -> AWSResponse:
        writes[operation] += 1
        return refusal("ThrottlingException") if writes["TransactWriteItems"] > 1 else call()

    limited_time = replace(store, deadline=store.now() + timedelta(seconds=5))
    with answering(instead):
        results = objects.create(limited_time, key(box), [item(f"{n:02}") for n in range(40)], False, None)
    made = [isinstance(result, Outcome) for result in results]
    assert 0 < sum(made) < 40
    assert made == sorted(made, reverse=True)
    assert tags(box) == [f"{n:02}" for n in range(sum(made))]
    assert all(isinstance(result, Busy) for result in results[sum(made) :])


def test_more_rows_than_one_call_reads(box: BoxClient, store: Store) -> None:
    """49 objects from as many folders, which another request has just moved."""
    places = [folder(store, box, str(n)) for n in range(51)]
    *sources, other, target = places
    made = objects.create(store, key(box), [item("", place) for place in sources], False, None)
    ids = [result.thing_id for result in made if isinstance(result, Outcome)]
    others = [lambda: copies.move_objects(store, key(box), ids, other, False)]

    def instead(operation: str, call: Call) -> AWSResponse:
        if operation == "TransactWriteItems" and others:
            others.pop()()
        return call()

    with answering(instead):
        moved = copies.move_objects(store, key(box), ids, target, False)
    assert [link.parent for link in moved if not isinstance(link, NMSError)] == [target] * 49


def test_what_is_read_in_parts_is_of_one_moment(box: BoxClient, store: Store) -> None:
    ids = [folder(store, box, f"{n:03}") for n in range(120)]
    calls = Counter[str]()

    def instead(operation: str, call: Call) -> AWSResponse:
        answer = call()
        calls[operation] += 1
        if calls["TransactGetItems"] == 1:
            for folder_id in ids:
                assert box.put(f"/folders/{folder_id}/folderName", {"name": f"new {folder_id}"}).is_success
        return answer

    wanted = [(FolderRow, table.folder_item(folder_id)) for folder_id in ids]
    with answering(instead):
        view = read(store, key(box), wanted)
    found = [view.folder(folder_id) for folder_id in ids]
    assert [one.name for one in found if one] == [f"new {folder_id}" for folder_id in ids]
    assert max(one.last_mod_seq for one in found if one) == view.box.seq
    assert calls["TransactGetItems"] == 4


def to_the_end(store: Store, box: BoxClient, job_id: str | None) -> None:
    """Run a job without its waits."""
    late = [timedelta()]
    hurried = replace(store, now=lambda: datetime.now(UTC) + sum(late, timedelta()))
    while job_id:
        progress = jobs.run(hurried, key(box), job_id, 5, timedelta(seconds=60))
        if progress.finished:
            return
        late.append(progress.wait)


@pytest.fixture
def large(store: Store, box: BoxClient) -> FolderId:
    """A folder with a subfolder and twenty objects, too large to read in one call."""
    above = folder(store, box, "large")
    folders.create(store, key(box), above, "below", LARGE, False)
    for n in range(20):
        objects.create(store, key(box), [item(f"{n:02}", above, LARGE)], False, None)
    return above


TWENTY = [f"{n:02}" for n in range(20)]


def test_large_rows_are_copied_and_deleted(box: BoxClient, store: Store, large: FolderId) -> None:
    target = folder(store, box, "target")
    with answering(limited):
        [copied] = copies.copy_folders(store, key(box), [large], target, False)
        assert isinstance(copied, Outcome)
        to_the_end(store, box, copied.job_id)
        assert tags(box) == sorted(TWENTY * 2)
        to_the_end(store, box, folders.delete(store, key(box), large))
    assert tags(box) == TWENTY


def test_large_rows_are_moved(box: BoxClient, store: Store, large: FolderId) -> None:
    target = folder(store, box, "target")
    inside = [ObjectId(id_of(event["resourceURL"])) for event in told(listing(box)[0], "changedObject")]
    with answering(limited):
        moved = copies.move_objects(store, key(box), inside, target, False)
    assert not [answer for answer in moved if isinstance(answer, NMSError)]
    assert tags(box) == TWENTY


def nested(store: Store, box: BoxClient) -> Sequence[FolderId]:
    """Twenty folders, each inside the one before."""
    chain: list[FolderId] = [RCS_MESSAGE_STORE]
    for n in range(20):
        chain.append(folders.create(store, key(box), chain[-1], str(n), LARGE, False).folder_id)
    return chain[1:]


def test_large_folders_are_found_listed_filled_and_settled(box: BoxClient, store: Store) -> None:
    chain = nested(store, box)
    target = folder(store, box, "target")
    with answering(limited):
        assert set(folders.find_many(store, key(box), chain)) == set(chain)
        [moved] = copies.move_folders(store, key(box), [chain[0]], target, False)
        assert isinstance(moved, Outcome)
        to_the_end(store, box, moved.job_id)
        lowest = folders.find(store, key(box), chain[-1])
        path = "/".join(str(n) for n in range(20))
        assert folders.path(store, key(box), lowest) == f"{STORE}/target/{path}"
        filled = objects.create(store, key(box), [item("", place) for place in chain], False, None)
    assert all(isinstance(result, Outcome) for result in filled)
    assert read(store, key(box), []).box.moved == {}


def test_each_step_of_a_deletion_is_short(box: BoxClient, store: Store) -> None:
    above = folder(store, box, "above")
    places = [("RCSMessageStore", "above", str(n)) for n in range(100)]
    objects.create(store, key(box), [item("", place) for place in places], False, None)
    since, most = Counter[str](), Counter[str]()

    def instead(operation: str, call: Call) -> AWSResponse:
        since[operation] += 1
        if operation == "TransactWriteItems":
            most.update({name: max(0, count - most[name]) for name, count in since.items()})
            since.clear()
        return call()

    with answering(instead):
        to_the_end(store, box, folders.delete(store, key(box), above))
    assert tags(box) == []
    assert most["Query"] <= 33
