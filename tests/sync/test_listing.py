"""`GET {base}/changes` without a token lists everything in the box; and how pages are written."""

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from infra.client.device import Device
from infra.local.stack import LocalStack
from onecopy.domain.content import checksum
from tests.clients.box_client import BoxClient, Json, id_of, new_box
from tests.clients.eventually import eventually
from tests.clients.following import applied, digest, follow, listing, names, now, page, shown, since, told
from tests.stack.behind import Behind

# A first listing


@pytest.mark.parametrize("age", [timedelta(), timedelta(seconds=10), timedelta(minutes=1)])
def test_what_a_listing_was_too_early_for_is_told_after_it(
    stack: LocalStack, box: BoxClient, age: timedelta
) -> None:
    """The box row may count a commit that shows nowhere else yet, however old the commit before it is."""
    behind = Behind(stack, box.box)
    box.plain_object(correlationTag="before")
    behind.age_box(age)
    behind.age_log(behind.log(), age)
    late = box.plain_object(correlationTag="late")
    missing = [behind.take_change(behind.seq()), behind.row(behind.box, f"O#{id_of(late)}")]
    behind.delete(missing[1])
    before, token = listing(box)
    assert [event["correlationTag"] for event in told(before, "changedObject")] == ["before"]
    for row in missing:
        behind.put(row)
    assert "late" in [event.get("correlationTag") for event in told(since(box, token), "changedObject")]


@pytest.mark.parametrize("age", [timedelta(seconds=40), timedelta(days=90)])
def test_nothing_is_told_again_after_a_listing_of_a_quiet_box(
    stack: LocalStack, box: BoxClient, age: timedelta
) -> None:
    box.plain_object()
    Behind(stack, box.box).age_box(age)
    assert since(box, listing(box)[1]) == []


@pytest.mark.nms("base URL", "A box comes into being with the first request to its URL")
def test_a_new_box_is_its_three_folders(box: BoxClient) -> None:
    events, _ = listing(box)
    root, default, store = told(events, "changedFolder")
    assert names(events) == ["changedFolder"] * 3
    assert root.keys() == {"resourceURL", "name", "lastModSeq", "attributes"}
    assert root["attributes"] == {"attribute": [{"name": "Root", "value": ["Yes"]}]}
    assert [folder["name"] for folder in (root, default, store)] == ["", "Default", "RCSMessageStore"]
    assert default["parentFolder"] == store["parentFolder"] == root["resourceURL"]


@pytest.mark.parametrize("most", [1, 2, 3, 1000])
def test_a_listing_tells_each_folder_after_its_parent_and_each_object_after_all_folders(
    box: BoxClient, most: int
) -> None:
    """Even if a folder was moved below one that was made later. Objects come newest first."""
    first, second, third = (box.folder(name) for name in ("first", "second", "third"))
    below = box.folder("below", first)
    box.move(second, folders=[first])
    box.move(third, folders=[second])
    objects = [box.plain_object(folder) for folder in (first, third, below)]
    events, _ = listing(box, most)
    folders = told(events, "changedFolder")
    seen: set[str] = set()
    for folder in folders:
        assert folder.get("parentFolder") in seen or folder["name"] == ""
        seen.add(folder["resourceURL"])
    assert seen >= {first, second, third, below}
    assert names(events) == ["changedFolder"] * len(folders) + ["changedObject"] * 3
    assert [found["resourceURL"] for found in told(events, "changedObject")] == objects[::-1]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_page_holds_no_more_than_was_asked_for_and_only_the_last_says_no_more(
    box: BoxClient, most: int
) -> None:
    expected = {box.folder(f"f{n}") for n in range(3)} | {box.plain_object() for _ in range(3)}
    token, more, found = None, True, []
    while more:
        events, token, more = page(box, token, most)
        assert len(events) <= most
        found += [facts["resourceURL"] for event in events for facts in event.values()]
    assert set(found) >= expected


def test_a_small_box_is_listed_in_one_request_and_its_digest_comes_with_the_next(box: BoxClient) -> None:
    for n in range(50):
        box.plain_object(correlationTag=f"{n}")
    first = box.get("/changes", params={"maxEntries": 1000}).json()
    tags = [facts["correlationTag"] for facts in told(first["nmsEventList"]["nmsEvent"], "changedObject")]
    assert (tags, first["more"]) == ([f"{n}" for n in reversed(range(50))], False)
    events, _ = listing(box)
    query = {"restartToken": first["nmsEventList"]["restartToken"], "maxEntries": 1000}
    told_next = box.get("/changes", params=query).json()
    assert told_next["digest"] == digest(applied({}, events))


def test_a_listing_shows_objects_whole(box: BoxClient) -> None:
    """All that GET shows except path and checksums, which are not worth their bytes on every device."""
    more = {"correlationId": "c-1", "correlationTag": "t-1", "flags": {"flag": ["\\Seen", "$Forwarded"]}}
    subject = {"attributes": {"attribute": [{"name": "Subject", "value": ["naïve 日本", "second"]}]}}
    urls = [box.text_object("hello", **more, **subject), box.plain_object(**subject)]
    found = told(listing(box)[0], "changedObject")[::-1]
    assert found == [shown(box, url) for url in urls]
    assert found[0].keys() >= {"payloadURL", "payloadPart", "contentId", "correlationId", "correlationTag"}
    assert not found[1].keys() & {"payloadURL", "payloadPart", "contentId"}


def test_a_listing_leaves_out_what_is_deleted(box: BoxClient) -> None:
    folder, gone = box.folder("deleted"), box.plain_object()
    inside = [box.folder("inside", folder), box.plain_object(folder)]
    assert box.delete(gone).status_code == box.delete(folder).status_code == 204
    found = {facts["resourceURL"] for event in listing(box)[0] for facts in event.values()}
    assert not found & {folder, gone, *inside}


def test_no_page_holds_an_address_of_content(box: BoxClient) -> None:
    """P2: every device would pay for the presigned URL, and it would have expired when it is needed."""
    token = now(box)
    box.text_object("hello")
    for answer in (box.get("/changes"), box.get("/changes", params={"restartToken": token})):
        assert "payloadURL" in answer.text or "changedFolder" in answer.text
        assert "X-Amz" not in answer.text


def test_the_first_delta_after_a_listing_may_repeat_and_the_next_is_empty(box: BoxClient) -> None:
    box.plain_object()
    before, token = listing(box)
    repeated, token = follow(box, token)
    known = {facts["resourceURL"]: facts for event in before for facts in event.values()}
    for event in repeated:
        for facts in event.values():
            assert facts["lastModSeq"] <= known[facts["resourceURL"]]["lastModSeq"]
    assert page(box, token)[::2] == ([], False)


# What changes while a listing runs


def mirror(stack: LocalStack, box: BoxClient, path: Path) -> Device:
    token = stack.token(box.box)
    return Device(stack.url, box.box, lambda: token, path)


def assert_equal_to_the_server(stack: LocalStack, box: BoxClient, device: Device, path: Path) -> None:
    fresh = mirror(stack, box, path)
    fresh.sync()
    assert device.state() == fresh.state()
    device.close()
    fresh.close()


def test_a_listing_that_runs_while_all_kinds_of_writes_happen_misses_nothing(
    stack: LocalStack, box: BoxClient, tmp_path: Path
) -> None:
    folders = [box.folder(f"f{n}") for n in range(4)]
    objects = [box.text_object(parent=folder) for folder in folders]
    writes = [
        lambda: box.move(folders[1], folders=[folders[0]]),
        lambda: box.put(f"{folders[1]}/folderName", {"name": "renamed"}),
        lambda: box.move(folders[3], folders=[folders[1]]),
        lambda: box.delete(folders[2]),
        lambda: box.folder("new", folders[3]),
        lambda: box.copy(folders[0], [objects[1]], [folders[3]]),
        lambda: box.delete(objects[0]),
        lambda: box.put(f"{objects[1]}/flags/\\Seen"),
        lambda: box.move(folders[3], [objects[3]]),
        lambda: box.text_object(parent=folders[1]),
        lambda: box.delete(folders[0]),
    ]
    device, more = mirror(stack, box, tmp_path / "follower.db"), True
    while more or writes:
        if writes:
            writes.pop(0)()
        more = device.take_page(1)[1]
    device.sync()
    assert_equal_to_the_server(stack, box, device, tmp_path / "fresh.db")


def test_folders_moved_below_later_ones_while_a_listing_runs_are_told_and_it_ends(box: BoxClient) -> None:
    """Between pages, a move makes a folder the child of a later one."""
    folders = [box.folder(f"f{n}") for n in range(5)]
    found, token, more = page(box, most=1)
    while more:
        moved = folders.pop(0) if len(folders) > 1 else None
        if moved:
            assert box.move(folders[0], folders=[moved])[0]["code"] == 200
        events, token, more = page(box, token, 1)
        found += events
        assert len(found) < 50
    names_told = {folder["name"] for folder in told(found, "changedFolder")}
    assert names_told == {"", "Default", "RCSMessageStore", *(f"f{n}" for n in range(5))}


def test_what_a_listing_has_told_and_is_then_deleted_comes_as_deleted(box: BoxClient) -> None:
    folder = box.folder("soon gone")
    single, inside = box.text_object(), box.text_object(parent=folder)
    events, token, more = page(box, most=4)
    while more:
        found, token, more = page(box, token, 1)
        events += found
        if single and told(events, "changedObject"):
            box.delete(single)
            box.delete(folder)
            single = ""
    deleted = [event for event in since(box, token) if not names([event])[0].startswith("changed")]
    assert {facts["resourceURL"] for event in deleted for facts in event.values()} >= {folder, inside}
    assert {"deletedFolder", "deletedObject"} <= set(names(deleted))


@pytest.mark.whole
def test_an_upload_announced_before_a_listing_and_finished_behind_its_back_is_told(box: BoxClient) -> None:
    """Its id is lower than those that the listing has already passed."""
    part = {"contentType": "text/plain", "size": 5, "checksum": checksum(b"hello")}
    upload = box.post("/objects", {"object": {"payloadPart": [part]}}).json()["upload"]
    later = box.plain_object()
    before, token = listing(box)
    assert [found["resourceURL"] for found in told(before, "changedObject")] == [later]
    [slot] = upload["part"]
    httpx.put(slot["href"], content=b"hello", headers=slot["headers"]).raise_for_status()
    events: list[Json] = []

    def arrived() -> bool:
        nonlocal token
        found, token = follow(box, token)
        events.extend(found)
        urls = [facts["resourceURL"] for facts in told(events, "changedObject")]
        return f"{box.base}/objects/{upload['objectId']}" in urls

    assert eventually(arrived)


# How a page is written


def test_pages_are_json_without_spaces_and_compressed_for_whoever_accepts_it(box: BoxClient) -> None:
    for n in range(4):
        box.folder(f"folder-{n}")
    plain = box.get("/changes", headers={"accept-encoding": "identity"})
    packed = box.get("/changes", headers={"accept-encoding": "gzip"})
    refused = box.get("/changes", headers={"accept-encoding": "gzip;q=0"})
    assert plain.text == json.dumps(plain.json(), separators=(",", ":"), ensure_ascii=False)
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert packed.num_bytes_downloaded < len(plain.content) / 2
    assert told(packed.json()["nmsEventList"]["nmsEvent"], "changedFolder") == told(
        plain.json()["nmsEventList"]["nmsEvent"], "changedFolder"
    )
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers


def test_an_answer_below_one_kilobyte_is_not_compressed(box: BoxClient) -> None:
    answer = box.get(
        "/changes", params={"restartToken": now(box)}, headers={"accept-encoding": "gzip"}
    ).raise_for_status()
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("most", ["0", "-1", "x", "", "1.5", "٣"])
def test_max_entries_is_a_number_from_one_on(box: BoxClient, most: str) -> None:
    answer = box.get("/changes", params={"maxEntries": most})
    assert answer.status_code == 400
    assert answer.json()["requestError"]["serviceException"]["messageId"] == "SVC0002"


@pytest.mark.nms("cursor", "maxEntries is a ceiling")
@pytest.mark.whole
def test_a_hundred_entries_when_nothing_is_said_and_never_more_than_a_thousand(box: BoxClient) -> None:
    """The delta also crosses from one partition of the log into the next."""
    source, token = box.plain_object(), now(box)
    assert len(box.copy(box.folder_at("/RCSMessageStore"), [source] * 1000)) == 1000
    assert len(page(box, token)[0]) == 100
    events, after, more = page(box, token, 5000)
    assert (len(events), more) == (1000, False)
    numbers = [facts["lastModSeq"] for facts in told(events, "changedObject")]
    assert numbers == list(range(numbers[0], numbers[0] + 1000))
    box.delete(source)
    assert names(since(box, after)) == ["deletedObject"]


@pytest.mark.whole
def test_a_page_too_large_for_an_answer_is_cut_and_the_next_goes_on(stack: LocalStack) -> None:
    """Each object has a hundred parts and long URLs, and the client accepts no compression."""
    with BoxClient(stack, f"sip:{'+' * 170}{new_box()}") as box:
        box.http.headers["accept-encoding"] = "identity"
        source = box.post("/objects", **form_of_parts(100)).json()["reference"]["resourceURL"]
        target = box.folder("target")
        token = now(box)
        box.copy(target, [source] * 140)
        events, _ = follow(box, token)
        assert [len(event["payloadPart"]) for event in told(events, "changedObject")] == [100] * 140


def form_of_parts(count: int) -> Json:
    part = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    return {
        "files": {
            "root-fields": (None, '{"object":{}}', "application/json"),
            "attachments": (None, part * count + "--b--\r\n", "multipart/mixed; boundary=b"),
        }
    }
