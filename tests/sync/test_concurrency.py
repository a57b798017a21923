"""Writers and followers on one box at once: the box ends up as the answers to each of them said."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest

from infra.local.stack import LocalStack
from infra.ops.check.checking import check
from infra.ops.rows.deployed import Deployed
from tests.clients.box_client import BoxClient, id_of, new_box
from tests.clients.eventually import eventually
from tests.clients.following import listing, told
from tests.stack.behind import Behind
from tests.sync.storm import FOLLOWERS, ROUNDS, WRITERS, Storm

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def storm(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    with BoxClient(stack) as client:
        storm = Storm(stack, client, tmp_path_factory.mktemp("devices"))
        storm.run()
        yield storm


@pytest.fixture
def behind(stack: LocalStack, storm: Storm) -> Behind:
    return Behind(stack, storm.client.box)


def test_every_writer_was_answered_as_if_alone(storm: Storm) -> None:
    """No 5xx; a request is refused only if a name is taken or an object is gone."""
    each = WRITERS * ROUNDS
    expected = {
        "create": {201: each},
        "flag": {201: each},
        "move": {200: 2 * each},
        "folder": {201: ROUNDS, 409: each - ROUNDS},
        "delete": {204: ROUNDS, 404: ROUNDS},
        "raze": {204: ROUNDS, 404: ROUNDS},
    }
    for asked, codes in expected.items():
        assert {code: n for (what, code), n in storm.statuses.items() if what == asked} == codes
    copied, missed = storm.statuses["copy", 200], storm.statuses["copy", 400]
    assert copied + missed == ROUNDS * 6
    assert storm.statuses["fill", 201] + storm.statuses["fill", 400] == ROUNDS * 6


def test_no_flag_that_was_set_is_lost(storm: Storm) -> None:
    answer = storm.client.get(f"{storm.flagged}/flags").json()
    expected = {f"w{writer}t{turn}" for writer in range(WRITERS) for turn in range(ROUNDS)}
    assert set(answer["flagList"]["flag"]) == expected


def test_every_object_that_was_created_is_there_once(storm: Storm) -> None:
    objects = told(listing(storm.client)[0], "changedObject")
    tags = Counter(facts["correlationTag"] for facts in objects if "correlationTag" in facts)
    assert tags == {f"{writer}.{turn}": 1 for writer in range(WRITERS) for turn in range(ROUNDS)}
    assert {facts["resourceURL"] for facts in objects} >= set(storm.created)
    assert len(set(storm.created)) == WRITERS * ROUNDS


def test_a_path_that_all_found_missing_was_made_once_and_no_name_is_taken_twice(storm: Storm) -> None:
    folders = told(listing(storm.client)[0], "changedFolder")
    places = Counter((folder.get("parentFolder"), folder["name"]) for folder in folders)
    assert set(places.values()) == {1}
    names = Counter(folder["name"] for folder in folders)
    assert names["made"] == 1
    assert all(names[f"in turn {n}"] == names[f"same {n}"] == 1 for n in range(ROUNDS))


def test_each_object_lies_in_one_folder_and_the_folder_that_moved_about_kept_what_was_in_it(
    storm: Storm,
) -> None:
    events, _ = listing(storm.client)
    by_folder: dict[str, list[str]] = {}
    for facts in told(events, "changedObject"):
        by_folder.setdefault(facts["parentFolder"], []).append(facts["resourceURL"])
    for folder in told(events, "changedFolder"):
        url = folder["resourceURL"]
        answer = storm.client.get(url, params={"maxEntries": 1000, "listFilter": "Objects"}).json()
        found = [one["resourceURL"] for one in answer["folder"]["objects"]["objectReference"]]
        assert sorted(found) == sorted(by_folder.get(url, []))
    assert sorted(by_folder[storm.roaming_folder]) == storm.inside
    path = storm.client.get(storm.inside[0]).json()["object"]["path"]
    roaming = storm.client.get(storm.roaming_folder, params={"path": "Yes"}).json()["folder"]
    assert roaming["path"] == path.rpartition("/")[0]


def test_a_copy_that_was_granted_has_its_content_though_the_source_was_deleted(
    storm: Storm, behind: Behind
) -> None:
    """P4: either the link count goes up with the copy, or the copy is refused."""
    linked = behind.linked()
    for source, content in zip(storm.contested, storm.contents, strict=True):
        copies = storm.copies[source]
        assert storm.client.get(source).status_code == 404
        shown = [storm.client.get(copy).json()["object"] for copy in copies]
        assert {facts["contentId"] for facts in shown} <= {content}
        for copy in copies[:1]:
            granted = storm.client.get(f"{copy}/payload")
            assert httpx.get(granted.headers["location"]).text.startswith("contested")
            key = behind.content_key(id_of(copy))
            assert behind.links(key) == linked[key] == len(copies)


def test_nothing_is_left_of_a_folder_that_was_filled_while_it_was_deleted(
    storm: Storm, behind: Behind
) -> None:
    """What came too late was refused. What came in time was deleted with the folder, listed or not."""

    def left() -> list[str]:
        folders = {row["item"]["S"].removeprefix("F#") for row in behind.rows(behind.box, "F#")}
        return [
            row["item"]["S"] for row in behind.rows(behind.box, "O#") if row["parent"]["S"] not in folders
        ]

    assert eventually(lambda: not left())
    told_of = {facts["parentFolder"] for facts in told(listing(storm.client)[0], "changedObject")}
    assert not told_of & set(storm.doomed)
    assert {storm.client.get(folder).status_code for folder in storm.doomed} == {404}


@pytest.mark.nms("lastModSeq", "Under concurrent writers, too, each number is given out once")
def test_the_log_has_every_number_once_and_each_row_names_its_last(behind: Behind) -> None:
    """The numbers are contiguous: that is how a reader can prove that it has seen everything."""
    assert [int(row["item"]["S"]) for row in behind.log()] == list(range(1, behind.seq() + 1))
    rows = [*behind.rows(behind.box, "F#"), *behind.rows(behind.box, "O#")]
    numbers = [int(row["last_mod_seq"]["N"]) for row in rows]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) <= behind.seq()


def test_all_followers_end_equal_to_a_device_that_lists_anew(storm: Storm) -> None:
    devices = [storm.device(f"follower {number}") for number in range(FOLLOWERS)]
    fresh = storm.device("fresh")
    everyone = [*devices, fresh]

    def equal() -> bool:
        """True once every device has heard of the deletions below the folders."""
        for device in everyone:
            device.sync()
        return all(device.state() == fresh.state() for device in devices)

    assert eventually(equal)
    for device in everyone:
        device.close()


@pytest.mark.parametrize("first", ["/objects", "/folders"])
def test_a_box_that_two_begin_at_the_same_moment_begins_once(stack: LocalStack, first: str) -> None:
    box, together = new_box(), Barrier(2)
    bodies = {
        "/objects": {"object": {"correlationTag": "first"}},
        "/folders": {"folder": {"parentFolderPath": "/RCSMessageStore", "name": "first"}},
    }

    def begin(path: str) -> int:
        with BoxClient(stack, box) as client:
            together.wait()
            return client.post(path, bodies[path]).status_code

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(begin, [first, "/objects"])) == [201, 201]
    behind = Behind(stack, box)
    with BoxClient(stack, box) as client:
        events, _ = listing(client)
    folders = [folder["name"] for folder in told(events, "changedFolder")]
    assert folders == ["", "Default", "RCSMessageStore", *(["first"] if first == "/folders" else [])]
    assert len(told(events, "changedObject")) == 2 - folders.count("first")
    assert [int(row["item"]["S"]) for row in behind.log()] == [1, 2, 3, 4, 5]


def test_what_is_stored_agrees_with_itself(deployed_store: Deployed, behind: Behind) -> None:
    report = check(deployed_store, box=behind.box)
    assert (list(report.findings), list(report.busy)) == ([], [])
