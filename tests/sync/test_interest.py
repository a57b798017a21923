"""`GET {base}/changes?preferences=name`: which objects are told, and what happens at the borders."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from infra.bench.meter import Counts, meter
from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.interest import Policy
from onecopy.store.box import log, preferences
from tests.clients.box_client import BoxClient, fault, id_of
from tests.clients.following import names, shown, told
from tests.clients.viewer import dated, follow, latest, objects, page, prefer
from tests.stack.at_table import store_of
from tests.stack.behind import Behind
from tests.stack.signing import Signer

PHONE = {"preferences": "phone"}
RESET = [{"resetBox": {}}]


def test_all_folders_are_told_and_only_objects_in_view(box: BoxClient) -> None:
    private = box.folder("private")
    below = box.folder("below", private)
    public = box.folder("public")
    hidden = [box.plain_object(private), box.plain_object(below)]
    seen = [box.plain_object(public), box.text_object()]
    prefer(box, folders={"exclude": [private]})
    events, _ = follow(box, **PHONE)
    assert {folder["resourceURL"] for folder in told(events, "changedFolder")} >= {private, below, public}
    assert objects(events) == [id_of(url) for url in reversed(seen)]
    assert told(events, "changedObject")[0] == shown(box, seen[1])
    assert not set(objects(events)) & set(map(id_of, hidden))


def test_no_object_older_than_the_date_is_told(box: BoxClient) -> None:
    """Not before the date: one of that very moment is in view."""
    old, at, new = (box.plain_object(**dated(f"2026-05-0{day}")) for day in (1, 2, 3))
    prefer(box, minDate="2026-05-02T12:00:00Z")
    token = latest(box, **PHONE)
    assert set(objects(follow(box, **PHONE)[0])) == {id_of(at), id_of(new)}
    for url in (old, at):
        box.put(f"{url}/flags/\\Seen").raise_for_status()
    box.plain_object(**dated("2026-05-01"))
    later = box.plain_object(**dated("2026-06-01"))
    assert objects(follow(box, token, **PHONE)[0]) == [id_of(at), id_of(later)]


def test_days_are_counted_back_from_now(box: BoxClient) -> None:
    now = datetime.now(UTC)
    old, new = (box.plain_object(**dated(f"{now - timedelta(days=days):%Y-%m-%d}")) for days in (9, 5))
    undated = box.plain_object()
    prefer(box, days=7)
    token = latest(box, **PHONE)
    assert set(objects(follow(box, **PHONE)[0])) == {id_of(new), id_of(undated)}
    for url in (old, new, undated):
        box.put(f"{url}/flags/\\Seen").raise_for_status()
    assert objects(follow(box, token, **PHONE)[0]) == [id_of(new), id_of(undated)]


def test_a_copy_has_the_date_of_its_source_even_if_no_attribute_says_it(
    stack: LocalStack, box: BoxClient
) -> None:
    """The change that tells of a copy is younger than the copy's date."""
    source, target, behind = box.plain_object(), box.folder("target"), Behind(stack, box.box)
    row = behind.row(behind.box, f"O#{id_of(source)}")
    dated_ = f"2020-01-01T00:00:00.000000Z#{id_of(source)}"
    behind.put({**row, "dated": {"S": dated_}, "place": {"S": f"{row['parent']['S']}#{dated_}"}})
    prefer(box, days=7)
    token = latest(box, **PHONE)
    box.copy(target, [source])
    assert objects(follow(box, token, **PHONE)[0]) == objects(follow(box, **PHONE)[0]) == []


def test_only_the_message_contexts_in_the_list_are_told(box: BoxClient) -> None:
    text, picture, voice = (
        box.plain_object(**dated("2026-05-01", context))
        for context in ("pager-message", "MULTIMEDIA-message", "voice-message")
    )
    box.plain_object()
    prefer(box, messageContext=["multimedia-message", "Voice-Message"])
    token = latest(box, **PHONE)
    assert objects(follow(box, **PHONE)[0]) == [id_of(voice), id_of(picture)]
    for url in (text, picture):
        box.put(f"{url}/flags/\\Seen").raise_for_status()
    assert objects(follow(box, token, **PHONE)[0]) == [id_of(picture)]


# Moves across a border


def test_what_comes_into_view_comes_whole_and_what_leaves_it_is_told_with_its_new_folder(
    box: BoxClient,
) -> None:
    private, public = box.folder("private"), box.folder("public")
    coming, going = box.text_object("a", private, **dated("2026-05-01")), box.text_object("b", public)
    prefer(box, folders={"exclude": [private]})
    token = latest(box, **PHONE)
    box.move(public, [coming])
    box.move(private, [going])
    came, went = told(follow(box, token, **PHONE)[0], "changedObject")
    assert came == shown(box, coming)
    assert (went["resourceURL"], went["parentFolder"]) == (going, private)
    assert "attributes" not in went


def test_moves_and_flags_on_one_side_of_a_border_stay_there(box: BoxClient) -> None:
    private, public = box.folder("private"), box.folder("public")
    below = box.folder("below", private)
    hidden, seen = box.text_object("a", private), box.text_object("b", public)
    prefer(box, folders={"exclude": [private]})
    token = latest(box, **PHONE)
    box.move(below, [hidden])
    box.put(f"{hidden}/flags/\\Seen").raise_for_status()
    box.move(box.folder_at("/RCSMessageStore"), [seen])
    [moved] = told(follow(box, token, **PHONE)[0], "changedObject")
    assert (moved["resourceURL"], "attributes" in moved) == (seen, False)


def test_what_was_moved_into_view_and_then_deleted_is_gone(box: BoxClient) -> None:
    private, public = box.folder("private"), box.folder("public")
    moved = box.text_object("a", private)
    prefer(box, folders={"exclude": [private]})
    token = latest(box, **PHONE)
    box.move(public, [moved])
    box.delete(moved)
    box.delete(private)
    assert names(follow(box, token, **PHONE)[0])[0] == "deletedObject"


@pytest.mark.parametrize("inwards", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_a_folder_moved_across_a_border_is_one_reset_and_a_new_listing(
    box: BoxClient, inwards: bool, nested: bool
) -> None:
    private = box.folder("private")
    folder = box.folder("moved", "/RCSMessageStore" if inwards else private)
    inside = box.plain_object(box.folder("inside", folder) if nested else folder)
    prefer(box, folders={"exclude": [private]})
    token, listing = latest(box, **PHONE), page(box, **PHONE, maxEntries=1)[1]
    box.move(private if inwards else box.folder_at("/RCSMessageStore"), folders=[folder])
    for before in (token, follow(box, listing, **PHONE)[1]):
        events, after = follow(box, before, **PHONE)
        assert events.count(RESET[0]) == 1
        anew = events[events.index(RESET[0]) :]
        assert (id_of(inside) in objects(anew)) == (not inwards)
        assert follow(box, after, **PHONE)[0].count(RESET[0]) == 0
    assert page(box, token, **PHONE)[::2] == (RESET, True)


def test_a_folder_moved_elsewhere_is_no_reset(box: BoxClient) -> None:
    private, public = box.folder("private"), box.folder("public")
    inner, outer = box.folder("inner", private), box.folder("outer")
    prefer(box, folders={"exclude": [private]})
    token = latest(box, **PHONE)
    box.move(public, folders=[outer])
    box.move(public, folders=[private])
    box.move(box.folder("further", private), folders=[inner])
    assert set(names(follow(box, token, **PHONE)[0])) == {"changedFolder"}


# Tokens


def test_preferences_that_change_reset_those_who_follow_them_once(box: BoxClient) -> None:
    old = box.plain_object(**dated("2026-05-01"))
    prefer(box, minDate="2026-06-01T00:00:00Z")
    tokens = [latest(box, **PHONE), page(box, **PHONE, maxEntries=1)[1]]
    prefer(box, minDate="2026-01-01T00:00:00Z")
    for token in tokens:
        events, after, more = page(box, token, **PHONE)
        assert (events, more) == (RESET, True)
        assert objects(follow(box, after, **PHONE)[0]) == [id_of(old)]
    current = latest(box, **PHONE)
    prefer(box, minDate="2026-01-01T00:00:00Z")
    assert page(box, current, **PHONE)[::2] == ([], False)


def test_deleted_preferences_reset_those_who_followed_them_and_leave_nothing_out(box: BoxClient) -> None:
    """Until there are preferences of that name again."""
    old = box.plain_object(**dated("2026-05-01"))
    prefer(box, days=7)
    token = latest(box, **PHONE)
    box.delete("/preferences/phone")
    events, after, more = page(box, token, **PHONE)
    assert (events, more) == (RESET, True)
    listed, after = follow(box, after, **PHONE)
    assert objects(listed) == [id_of(old)]
    prefer(box, days=7)
    assert page(box, after, **PHONE)[::2] == (RESET, True)
    assert page(box, token, **PHONE)[::2] == (RESET, True), "equal preferences, but not the same"


def test_a_token_remembers_which_preferences_it_follows(box: BoxClient) -> None:
    private = box.folder("private")
    prefer(box, folders={"exclude": [private]})
    prefer(box, "tablet", days=7)
    token = latest(box, **PHONE)
    box.plain_object(private)
    assert objects(follow(box, token)[0]) == objects(follow(box, token, **PHONE)[0]) == []
    plain = box.get("/changes").json()["nmsEventList"]["restartToken"]
    for asked in ({"restartToken": token, "preferences": "tablet"}, {"restartToken": plain, **PHONE}):
        assert fault(box.get("/changes", params=asked)) == (400, "SVC0002")


@pytest.mark.parametrize("name", ["unknown", "", "Phone", "a/b", "x" * 65])
def test_preferences_that_are_not_there_cannot_be_followed(box: BoxClient, name: str) -> None:
    assert fault(box.get("/changes", params={"preferences": name})) == (400, "SVC0002")


# Pages


@pytest.mark.parametrize("most", [1, 2, 3, 50, 1000])
@pytest.mark.parametrize("by_date", [True, False])
def test_pages_of_any_size_list_each_object_in_view_once_newest_first(
    box: BoxClient, most: int, by_date: bool
) -> None:
    private = box.folder("private")
    days = [3, 1, 2, 5, 4, 1, 3]
    made = [
        box.plain_object(private if number % 3 == 2 else "/RCSMessageStore", **dated(f"2026-05-0{day}"))
        for number, day in enumerate(days)
    ]
    prefer(box, folders={"exclude": [private]}, **({"minDate": "2026-05-02T00:00:00Z"} if by_date else {}))
    seen = [(day, url) for n, (day, url) in enumerate(zip(days, made, strict=True)) if n % 3 != 2]
    expected = [url for _, url in seen][::-1]
    if by_date:
        expected = [
            url for day, url in sorted(seen, key=lambda one: (one[0], made.index(one[1])))[::-1] if day > 1
        ]
    assert objects(follow(box, **PHONE, maxEntries=most)[0]) == list(map(id_of, expected))


def test_a_page_goes_on_past_what_is_not_told(box: BoxClient) -> None:
    private = box.folder("private")
    prefer(box, folders={"exclude": [private]})
    token = latest(box, **PHONE)
    source = box.plain_object(private)
    box.copy(private, [source] * 60)
    seen = box.plain_object()
    events, after, more = page(box, token, **PHONE, maxEntries=5)
    assert (objects(events), more) == ([id_of(seen)], False)
    assert page(box, after, **PHONE)[::2] == ([], False)


def test_a_delta_of_any_page_size_tells_the_same(box: BoxClient) -> None:
    private, public = box.folder("private"), box.folder("public")
    prefer(box, folders={"exclude": [private]}, messageContext=["text-message"])
    token = latest(box, **PHONE)
    urls = [
        box.plain_object(parent, **dated("2026-05-01", context))
        for parent in (private, public)
        for context in ("text-message", "voice-message")
    ]
    for url in urls:
        box.put(f"{url}/flags/\\Seen").raise_for_status()
    box.move(public, urls[:2])
    box.move(private, urls[2:])
    events, _ = follow(box, token, **PHONE)
    assert objects(events) == [id_of(urls[n]) for n in (2, 2, 0, 2)]
    for most in (1, 2, 3, 5):
        assert follow(box, token, **PHONE, maxEntries=most)[0] == events


# What it costs


def calls(stack: LocalStack, box: BoxClient, token: str | None, most: int = 1000) -> tuple[Counts, int]:
    """The calls of one page for the preferences `phone`, and how many events it holds."""
    store, key = store_of(stack), BoxKey("main", box.box)
    known = Signer(stack, box).read(token) if token else None
    with meter() as counts:
        interest = preferences.interest(store, key, "phone", Policy())
        found = log.changes(store, key, known, most, interest).changes
    print(f"{len(found)} events: {counts}")
    return counts, len(found)


@pytest.mark.whole
def test_a_delta_looks_up_what_it_needs_for_all_its_changes_at_once(
    stack: LocalStack, box: BoxClient
) -> None:
    """The box, the preferences, the log, the folders, the objects: five calls for one change or for fifty."""
    private, public = box.folder("private"), box.folder("public")
    source = box.plain_object(public, **dated("2026-05-01"))
    items = box.copy(public, [source] * 50)
    prefer(box, folders={"exclude": [private]}, minDate="2026-01-01T00:00:00Z")
    token = latest(box, **PHONE)
    assert calls(stack, box, token)[0].total == 2
    for number in (1, 50):
        for item in items[:number]:
            flag = secrets.token_hex(4)
            box.put(f"{item['success']['resourceURL']}/flags/{flag}").raise_for_status()
        counts, told_ = calls(stack, box, token)
        assert (counts.total, told_) == (5, number)
        token = latest(box, **PHONE)


@pytest.mark.whole
def test_a_listing_with_a_date_costs_what_it_returns(stack: LocalStack, box: BoxClient) -> None:
    source = box.plain_object(**dated("2020-01-01"))
    new = [box.plain_object(**dated("2026-05-01")) for _ in range(3)]
    prefer(box, minDate="2026-01-01T00:00:00Z")
    few, told_few = calls(stack, box, None)
    box.copy(box.folder_at("/RCSMessageStore"), [source] * 300)
    many, told_many = calls(stack, box, None)
    assert told_few == told_many == 3 + len(new)
    assert (few.total, few.read_units) == (many.total, many.read_units)
