"""`GET {base}/changes` with a token: the events that each kind of write leaves for a client (NMS)."""

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, Json
from tests.clients.following import follow, names, now, page, shown, since, told
from tests.stack.behind import Behind


def seq(box: BoxClient, url: str) -> int:
    return int(box.get(url).raise_for_status().headers["etag"].strip('"'))


# Writes that are one change each


@pytest.mark.nms("changedFolder")
def test_a_new_folder_is_one_changed_folder(box: BoxClient) -> None:
    token, store = now(box), box.folder_at("/RCSMessageStore")
    plain = box.folder("plain")
    color = {"attribute": [{"name": "Color", "value": ["red"]}]}
    colored = box.folder("colored", plain, attributes=color)
    event = {"parentFolder": store, "resourceURL": plain, "name": "plain", "lastModSeq": seq(box, plain)}
    assert since(box, token) == [
        {"changedFolder": event},
        {
            "changedFolder": {
                "parentFolder": plain,
                "resourceURL": colored,
                "name": "colored",
                "attributes": color,
                "lastModSeq": event["lastModSeq"] + 1,
            }
        },
    ]


@pytest.mark.nms("changedFolder")
@pytest.mark.nms("what is a change", "Moving or renaming a folder does not change what is in it")
def test_a_folder_renamed_or_moved_is_one_changed_folder_and_what_is_in_it_does_not_change(
    box: BoxClient,
) -> None:
    folder, target = box.folder("folder"), box.folder("target")
    box.folder("inside", folder)
    box.plain_object(folder)
    token = now(box)
    box.put(f"{folder}/folderName", {"name": "renamed"})
    box.move(target, folders=[folder])
    renamed, moved = told(since(box, token), "changedFolder")
    store = box.folder_at("/RCSMessageStore")
    last = seq(box, folder)
    assert renamed == {
        "parentFolder": store,
        "resourceURL": folder,
        "name": "renamed",
        "lastModSeq": last - 1,
    }
    assert moved == {**renamed, "parentFolder": target, "lastModSeq": last}


@pytest.mark.nms("what is a change", "The creation of an object is a change of the object, not of its folder")
@pytest.mark.parametrize("with_content", [True, False])
def test_a_new_object_is_told_whole_so_that_no_one_needs_to_ask_for_it(
    box: BoxClient, with_content: bool
) -> None:
    token = now(box)
    given = {
        "attributes": {"attribute": [{"name": "Subject", "value": ["hi"]}]},
        "flags": {"flag": ["\\Seen"]},
        "correlationId": "id",
        "correlationTag": "tag",
    }
    url = box.text_object("hello", **given) if with_content else box.plain_object(**given)
    assert since(box, token) == [{"changedObject": shown(box, url)}]


@pytest.mark.nms(
    "changedObject", "The whole mutable state: parentFolder, flags, lastModSeq and correlation values"
)
@pytest.mark.parametrize("correlated", [{"correlationId": "id", "correlationTag": "tag"}, {}])
def test_a_change_of_flags_tells_the_mutable_state_and_nothing_else(box: BoxClient, correlated: Json) -> None:
    url = box.text_object("hello", flags={"flag": ["\\Flagged"]}, **correlated)
    token = now(box)
    box.put(f"{url}/flags/\\Seen")
    box.delete(f"{url}/flags/\\Flagged")
    box.put(f"{url}/flags", {"flagList": {"flag": ["$Forwarded", "\\Answered"]}})
    found = told(since(box, token), "changedObject")
    last = seq(box, url)
    for event, flags in zip(
        found, [{"\\Flagged", "\\Seen"}, {"\\Seen"}, {"$Forwarded", "\\Answered"}], strict=True
    ):
        assert set(event.pop("flags")["flag"]) == flags
    fixed = {"parentFolder": box.folder_at("/RCSMessageStore"), "resourceURL": url, **correlated}
    assert found == [{**fixed, "lastModSeq": n} for n in (last - 2, last - 1, last)]


@pytest.mark.nms("changedObject")
def test_a_moved_object_tells_its_new_folder_and_nothing_that_a_move_cannot_change(box: BoxClient) -> None:
    url, target = box.text_object(flags={"flag": ["\\Seen"]}, correlationTag="tag"), box.folder("target")
    token = now(box)
    box.move(target, [url])
    event = {"parentFolder": target, "flags": {"flag": ["\\Seen"]}, "resourceURL": url}
    assert since(box, token) == [
        {"changedObject": {**event, "correlationTag": "tag", "lastModSeq": seq(box, url)}}
    ]


@pytest.mark.nms("what is a change")
def test_a_copied_object_is_a_creation_and_the_source_does_not_change(box: BoxClient) -> None:
    """Clause 5 of the change request: the linkage is copied; the contentId shows that the content is not."""
    url, target = box.text_object(correlationTag="tag"), box.folder("target")
    token = now(box)
    [copied] = [item["success"]["resourceURL"] for item in box.copy(target, [url])]
    assert since(box, token) == [{"changedObject": shown(box, copied)}]
    assert shown(box, copied)["contentId"] == shown(box, url)["contentId"]


@pytest.mark.nms("deletedObject")
def test_a_deleted_object_tells_its_correlation_values(box: BoxClient) -> None:
    known = {"correlationId": "id", "correlationTag": "tag"}
    first, second = box.text_object(**known), box.plain_object()
    token, last = now(box), seq(box, second)
    box.delete(first)
    box.delete(second)
    assert since(box, token) == [
        {"deletedObject": {"resourceURL": first, **known, "lastModSeq": last + 1}},
        {"deletedObject": {"resourceURL": second, "lastModSeq": last + 2}},
    ]


# A folder with everything below it


def a_tree(box: BoxClient) -> tuple[str, list[str], list[str]]:
    """Three nested folders with an object in each: returns the top, the folders, the objects."""
    top = box.folder("top")
    middle = box.folder("middle", top)
    folders = [top, middle, box.folder("low", middle)]
    return top, folders, [box.text_object(f"in {n}", folder) for n, folder in enumerate(folders)]


@pytest.mark.nms("deletedFolder")
def test_a_deleted_folder_is_the_deletion_of_everything_below_it_each_by_itself(box: BoxClient) -> None:
    top, folders, objects = a_tree(box)
    token = now(box)
    box.delete(top)
    events = since(box, token)
    assert names(events)[0] == "deletedFolder"
    assert {event["resourceURL"] for event in told(events, "deletedFolder")} == set(folders)
    assert {event["resourceURL"] for event in told(events, "deletedObject")} == set(objects)
    assert len(events) == 6


@pytest.mark.nms(
    "POST /folders/operations/copyToFolder",
    "Everything in a copied folder has a new id and an event of its own",
)
def test_a_copied_folder_is_the_creation_of_everything_below_it_parents_first_each_whole(
    box: BoxClient,
) -> None:
    top, _, objects = a_tree(box)
    target, token = box.folder("target"), now(box)
    box.copy(target, folders=[top])
    events = since(box, token)
    known = {target}
    for event in events:
        [facts] = event.values()
        assert facts["parentFolder"] in known
        known.add(facts["resourceURL"])
    assert [folder["name"] for folder in told(events, "changedFolder")] == ["top", "middle", "low"]
    copies = told(events, "changedObject")
    assert copies == [shown(box, copy["resourceURL"]) for copy in copies]
    assert {copy["contentId"] for copy in copies} == {shown(box, url)["contentId"] for url in objects}


def test_a_folder_path_made_on_the_way_is_told_before_the_object_in_it(box: BoxClient) -> None:
    token = now(box)
    box.plain_object("/RCSMessageStore/made/on the way")
    events = since(box, token)
    assert names(events) == ["changedFolder", "changedFolder", "changedObject"]
    outer, inner = told(events, "changedFolder")
    assert [outer["name"], inner["name"]] == ["made", "on the way"]
    assert inner["parentFolder"] == outer["resourceURL"]
    assert told(events, "changedObject")[0]["parentFolder"] == inner["resourceURL"]


# Order, pages, nothing new


@pytest.mark.nms("lastModSeq", "What changes nothing does not raise lastModSeq")
def test_what_changes_nothing_is_no_change(box: BoxClient) -> None:
    folder, flagged = box.folder("folder"), box.plain_object(flags={"flag": ["\\Seen"]})
    token = now(box)
    box.put(f"{flagged}/flags/\\seen")
    box.put(f"{flagged}/flags", {"flagList": {"flag": ["\\SEEN"]}})
    box.put(f"{folder}/folderName", {"name": "folder"})
    box.move(box.folder_at("/RCSMessageStore"), [flagged], [folder])
    box.delete(f"{flagged}/flags/absent")
    box.folder_at("/RCSMessageStore/folder")
    assert page(box, token)[::2] == ([], False)


@pytest.mark.nms("lastModSeq", "Each change has the next number of the box")
def test_changes_are_numbered_one_by_one_and_come_the_same_whatever_the_page(box: BoxClient) -> None:
    token = now(box)
    top, _, objects = a_tree(box)
    box.copy(box.folder("target"), objects, [top])
    box.put(f"{objects[0]}/flags/\\Seen")
    box.delete(top)
    events = since(box, token)
    numbers = [facts["lastModSeq"] for event in events for facts in event.values()]
    assert numbers == list(range(numbers[0], numbers[0] + len(events)))
    for most in (1, 4, len(events)):
        assert follow(box, token, most)[0] == events
    assert page(box, token, len(events))[2] is False
    assert page(box, token, len(events) - 1)[2] is True


@pytest.mark.nms("restartToken", "A token may be used again")
def test_a_token_may_be_used_again_and_from_every_token_the_rest_follows(box: BoxClient) -> None:
    """A device that crashed between two pages can ask for the second one again."""
    token, rest = now(box), 4
    for n in range(rest):
        box.folder(f"f{n}")
    events = since(box, token)
    while rest:
        assert since(box, token) == since(box, token) == events[-rest:]
        _, token, _ = page(box, token, 1)
        rest -= 1
    assert since(box, token) == []


# Holes


def test_a_commit_still_being_applied_is_waited_for_and_nothing_behind_it_is_told(
    stack: LocalStack, box: BoxClient
) -> None:
    """Queries are read-committed: a missing number is about to appear, and a reader must not skip it."""
    token, behind = now(box), Behind(stack, box.box)
    folders = [box.folder(f"f{n}") for n in range(4)]
    missing = behind.take_change(seq(box, folders[2]))
    before, at_the_hole, more = page(box, token)
    assert ([event["resourceURL"] for event in told(before, "changedFolder")], more) == (folders[:2], True)
    for _ in range(2):
        nothing, at_the_hole, more = page(box, at_the_hole)
        assert (nothing, more) == ([], True)
    behind.put(missing)
    after, last, more = page(box, at_the_hole)
    assert ([event["resourceURL"] for event in told(after, "changedFolder")], more) == (folders[2:], False)
    assert page(box, last)[::2] == ([], False)


def test_the_last_change_not_yet_to_be_seen_is_waited_for(stack: LocalStack, box: BoxClient) -> None:
    """The box row counts it already. An empty answer without `more` would mean that nothing has changed."""
    token, behind = now(box), Behind(stack, box.box)
    missing = behind.take_change(seq(box, box.folder("last")))
    nothing, token, more = page(box, token)
    assert (nothing, more) == ([], True)
    behind.put(missing)
    assert names(since(box, token)) == ["changedFolder"]
