"""Looking up many paths at once takes few calls, ends in time, and answers each path separately."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from botocore.awsrequest import AWSResponse

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.errors import Busy, Unknown, UnknownPath
from onecopy.domain.ids import RCS_MESSAGE_STORE, FolderId, ObjectId
from onecopy.domain.link import NewObject
from onecopy.store.box import counts, folders, lookups, objects
from onecopy.store.box.folders import Names
from onecopy.store.box.objects import Item
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.transact import Store
from tests.clients.box_client import STORE, BoxClient, codes, fault
from tests.stack.at_table import Call, answering, store_of

pytestmark = pytest.mark.whole

MANY: list[Names] = [("RCSMessageStore", str(n // 10), "a", "b", "c", str(n)) for n in range(1000)]


@pytest.fixture(scope="module")
def box(stack: LocalStack) -> Iterator[BoxClient]:
    with BoxClient(stack) as client:
        client.folder_at(STORE)
        yield client


@pytest.fixture(scope="module")
def key(box: BoxClient) -> BoxKey:
    return BoxKey("main", box.box)


@pytest.fixture(scope="module")
def store(stack: LocalStack) -> Store:
    return store_of(stack)


@pytest.fixture(scope="module")
def places(store: Store, key: BoxKey) -> list[tuple[FolderId, ObjectId]]:
    """Creates an object at each path; for each, the ids of its folder and of itself."""
    items = [Item(names, NewObject()) for names in MANY]
    made = objects.create(store, key, items, False, None)
    return [(one.parent, one.thing_id) for one in made if isinstance(one, Outcome)]


def test_a_thousand_deep_paths_are_followed_in_fewer_than_a_hundred_calls(
    store: Store, key: BoxKey, places: list[tuple[FolderId, ObjectId]]
) -> None:
    calls: Counter[str] = Counter()

    def counted(operation: str, call: Call) -> AWSResponse:
        calls[operation] += 1
        return call()

    with answering(counted):
        found = lookups.folders_at(store, key, MANY)
        assert calls.total() < 100
        calls.clear()
        inside = lookups.objects_at(store, key, list(zip(MANY, [i for _, i in places], strict=True)))
        assert calls.total() < 100
    assert list(zip(found, inside, strict=True)) == places


def test_paths_that_there_was_no_time_for_are_busy_and_the_others_answered(
    store: Store, key: BoxKey, places: list[tuple[FolderId, ObjectId]]
) -> None:
    """Each reading of the clock is a second later than the last."""
    start, seconds = store.now(), count()
    hurried = replace(
        store,
        now=lambda: start + timedelta(seconds=next(seconds)),
        deadline=start + timedelta(seconds=20),
    )
    found = lookups.folders_at(hurried, key, MANY)
    done = next(n for n, one in enumerate(found) if isinstance(one, Busy))
    assert done >= 99
    assert found[:done] == [folder_id for folder_id, _ in places[:done]]
    assert all(isinstance(one, Busy) for one in found[done:])


@pytest.mark.nms("GET /objects/operations/pathToId")
def test_an_object_is_found_in_its_own_folder_only(store: Store, key: BoxKey) -> None:
    [first, second] = objects.create(
        store, key, [Item(("RCSMessageStore", name), NewObject()) for name in "ab"], False, None
    )
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    asked = [(("RCSMessageStore", "a"), one.thing_id) for one in (first, second)]
    found = lookups.objects_at(store, key, [*asked, (("RCSMessageStore",), first.thing_id)])
    assert found[0] == first.thing_id
    assert [type(one) for one in found[1:]] == [Unknown, Unknown]


def test_what_lies_in_a_deleted_folder_is_not_found(store: Store, key: BoxKey) -> None:
    """Even before the job that deletes what is below the folder has begun."""
    names = ("RCSMessageStore", "gone", "inside")
    [made] = objects.create(store, key, [Item(names, NewObject())], False, None)
    assert isinstance(made, Outcome)
    folders.delete(store, key, folders.find_path(store, key, names[:2]))
    assert [type(one) for one in lookups.folders_at(store, key, [names])] == [UnknownPath]
    assert [type(one) for one in lookups.objects_at(store, key, [(names, made.thing_id)])] == [Unknown]


def test_a_count_that_takes_too_long_is_busy(store: Store, key: BoxKey) -> None:
    folder = folders.create(store, key, RCS_MESSAGE_STORE, "f", (), False)
    objects.create(store, key, [Item(folder.folder_id, NewObject())], False, None)
    late = replace(store, deadline=store.now())
    for counted in (counts.count, counts.count_below):
        with pytest.raises(Busy):
            counted(late, key, folder)


def test_a_path_of_a_hundred_thousand_names_leads_nowhere(box: BoxClient) -> None:
    path = STORE + "/a" * 100_000
    asked = {"pathList": {"path": [path, STORE]}}
    items = box.post("/folders/operations/pathToId", asked).json()["bulkResponseList"]["response"]
    assert codes(items) == [(404, "SVC2008"), 200]
    items = box.post("/objects/operations/pathToId", asked).json()["bulkResponseList"]["response"]
    assert codes(items) == [(400, "SVC0002")] * 2
    assert fault(box.create({"parentFolderPath": path})) == (400, "SVC0002")
