"""The reference client: whatever happens, its mirror ends up equal to the box, and it fetches a body once."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from infra.client.device import DamagedContent, Device, attribute
from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, id_of
from tests.stack.behind import Behind

Open = Callable[..., Device]


@pytest.fixture
def opened(stack: LocalStack, box: BoxClient, tmp_path: Path) -> Iterator[Open]:
    """Opens a device for the box. A device of the same name finds its mirror as it left it."""
    devices = []

    def open_device(name: str = "device") -> Device:
        device = Device(stack.url, box.box, lambda: stack.token(box.box), tmp_path / f"{name}.db")
        devices.append(device)
        return device

    yield open_device
    for device in devices:
        device.close()


@pytest.fixture
def device(opened: Open) -> Device:
    return opened()


@pytest.fixture
def mirror(device: Device, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The device's database file, opened from outside."""
    with closing(sqlite3.connect(tmp_path / "device.db", isolation_level=None)) as rows:
        yield rows


def assert_equal_to_the_box(device: Device, opened: Open) -> None:
    anew = opened("anew")
    anew.sync()
    assert device.state() == anew.state()
    assert device.state()[1], "a box has at least its system folders"


def picture(box: BoxClient, *bodies: bytes, parent: str = "/RCSMessageStore") -> str:
    """Create an object with these parts; returns its resourceURL."""
    lines = b"".join(b"--b\r\nContent-Type: image/png\r\n\r\n" + body + b"\r\n" for body in bodies)
    files = {
        "root-fields": (None, f'{{"object":{{"parentFolderPath":"{parent}"}}}}', "application/json"),
        "attachments": (None, lines + b"--b--\r\n", "multipart/mixed; boundary=b"),
    }
    url: str = box.post("/objects", files=files).raise_for_status().json()["reference"]["resourceURL"]
    return url


# Following


def test_a_box_is_known_after_one_sync(box: BoxClient, device: Device) -> None:
    folder = box.folder("Mine")
    later, sooner = (
        box.text_object(parent=folder, attributes={"attribute": [{"name": "Date", "value": [date]}]})
        for date in ("2026-05-02T00:00:00Z", "2026-05-01T00:00:00Z")
    )
    device.sync()
    assert list(device.folders()) == ["/", "/Default", "/RCSMessageStore", "/RCSMessageStore/Mine"]
    assert device.folders()["/RCSMessageStore/Mine"] == id_of(folder)
    assert [facts["resourceURL"] for facts in device.messages(id_of(folder))] == [sooner, later]
    assert attribute(device.message(id_of(later)), "dATE") == "2026-05-02T00:00:00Z"


def test_what_is_not_there_is_not_known(device: Device) -> None:
    device.sync()
    with pytest.raises(KeyError):
        device.message("nothing")
    assert device.messages("nothing") == []


def test_a_change_leaves_what_it_does_not_tell(box: BoxClient, device: Device) -> None:
    moved = box.text_object("hello", correlationTag="tag")
    device.sync()
    before = device.message(id_of(moved))
    target = box.folder("Mine")
    box.move(target, [moved])
    device.sync()
    after = device.message(id_of(moved))
    assert after == before | {"parentFolder": target, "lastModSeq": after["lastModSeq"]}


def test_a_deleted_folder_takes_along_what_was_in_it(box: BoxClient, device: Device, opened: Open) -> None:
    outer = box.folder("Outer")
    inner = box.folder("Inner", parent=outer)
    kept, lost = box.plain_object(), box.plain_object(parent=inner)
    device.sync()
    box.delete(outer).raise_for_status()
    device.sync()
    assert_equal_to_the_box(device, opened)
    assert "/RCSMessageStore/Outer" not in device.folders()
    assert id_of(kept) in device.state()[0]
    assert id_of(lost) not in device.state()[0]


def test_a_closed_device_goes_on_where_it_was(box: BoxClient, opened: Open) -> None:
    first = opened()
    box.plain_object()
    first.sync()
    first.sync()
    first.close()
    added = box.plain_object()
    again = opened()
    assert again.sync() == 1
    assert id_of(added) in again.state()[0]
    assert_equal_to_the_box(again, opened)


def test_a_device_that_dies_between_a_page_and_its_token_has_neither(
    box: BoxClient, device: Device, mirror: sqlite3.Connection, opened: Open
) -> None:
    device.sync()
    before = device.state()
    box.plain_object()
    mirror.execute("CREATE TRIGGER dying BEFORE INSERT ON token BEGIN SELECT RAISE(ABORT, 'power cut'); END")
    with pytest.raises(sqlite3.IntegrityError, match="power cut"):
        device.sync()
    assert device.state() == before
    mirror.execute("DROP TRIGGER dying")
    device.sync()
    assert device.state() != before
    assert_equal_to_the_box(device, opened)


@pytest.mark.nms("changedObject", "Applying an event twice does no harm")
def test_pages_that_come_again_change_nothing(
    box: BoxClient, device: Device, mirror: sqlite3.Connection
) -> None:
    """Not even for an object that a later page deletes: it does not come back in between."""
    kept, deleted = box.plain_object(), box.plain_object()
    device.sync()
    [(token,)] = mirror.execute("SELECT restart FROM token").fetchall()
    box.put(f"{kept}/flags/one").raise_for_status()
    box.put(f"{deleted}/flags/one").raise_for_status()
    box.delete(deleted).raise_for_status()
    device.sync()
    after = device.state()
    mirror.execute("UPDATE token SET restart = ?", (token,))
    more = True
    while more:
        _, more = device.take_page(1)
        assert device.state() == after


def test_a_commit_that_is_still_being_applied_is_asked_for_again(
    stack: LocalStack, box: BoxClient, device: Device, opened: Open
) -> None:
    device.sync()
    device.sync()
    box.plain_object()
    behind = Behind(stack, box.box)
    row = behind.take_change(behind.seq())
    assert device.take_page() == (0, True)
    behind.put(row)
    assert device.sync() == 1
    assert_equal_to_the_box(device, opened)


@pytest.mark.parametrize("token", ["forged", "é", "x" * 300])
def test_a_device_whose_token_the_store_does_not_know_lists_anew(
    box: BoxClient, device: Device, mirror: sqlite3.Connection, opened: Open, token: str
) -> None:
    gone = box.plain_object()
    device.sync()
    mirror.execute("UPDATE token SET restart = ?", (token,))
    box.delete(gone).raise_for_status()
    device.sync()
    assert_equal_to_the_box(device, opened)
    assert id_of(gone) not in device.state()[0]


def test_a_store_that_refuses_leaves_the_mirror_as_it_was(
    stack: LocalStack, box: BoxClient, tmp_path: Path
) -> None:
    tokens = [stack.token(box.box), "none"]
    with closing(Device(stack.url, box.box, lambda: tokens[0], tmp_path / "any.db")) as device:
        device.sync()
        before = device.state()
        tokens.pop(0)
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            device.sync()
        assert device.state() == before


# Bodies


def test_a_sync_fetches_no_body(box: BoxClient, device: Device) -> None:
    picture(box, b"one", b"two")
    device.sync()
    assert device.body_wire.requests == 0


@pytest.mark.whole
def test_a_body_is_fetched_when_asked_for_and_then_kept(box: BoxClient, opened: Open) -> None:
    first = opened()
    object_id = id_of(picture(box, bytes(range(256)), b"two"))
    first.sync()
    assert first.body(object_id) == bytes(range(256))
    assert first.body(object_id, 2) == b"two"
    assert first.body_wire.requests == 2
    first.close()
    again = opened()
    assert again.body(object_id, 2) == b"two"
    assert (again.body_wire.requests, again.api_wire.requests) == (0, 0)


@pytest.mark.whole
def test_a_copys_body_is_that_of_its_source(box: BoxClient, device: Device) -> None:
    """Even if the source has been deleted."""
    source = picture(box, b"picture")
    device.sync()
    device.body(id_of(source))
    (copied,) = box.copy(box.folder("Mine"), [source])
    box.delete(source).raise_for_status()
    device.sync()
    before = (device.body_wire.requests, device.api_wire.requests)
    assert device.body(id_of(copied["success"]["resourceURL"])) == b"picture"
    assert (device.body_wire.requests, device.api_wire.requests) == before


@pytest.mark.whole
def test_equal_bytes_uploaded_twice_are_two_bodies(box: BoxClient, device: Device) -> None:
    pictures = [picture(box, b"same"), picture(box, b"same")]
    device.sync()
    assert [device.body(id_of(url)) for url in pictures] == [b"same", b"same"]
    assert device.body_wire.requests == 2


@pytest.mark.whole
def test_a_body_that_was_damaged_is_not_kept(stack: LocalStack, box: BoxClient, device: Device) -> None:
    object_id = id_of(picture(box, b"picture"))
    device.sync()
    key = f"{Behind(stack, box.box).content_key(object_id)}/1"
    place = {"Bucket": stack.name("ContentBucket"), "Key": key}
    stack.aws("s3").put_object(**place, Body=b"pictura")
    with pytest.raises(DamagedContent):
        device.body(object_id)
    stack.aws("s3").put_object(**place, Body=b"picture")
    assert device.body(object_id) == b"picture"


@pytest.mark.whole
def test_after_a_reset_no_body_is_taken_for_that_of_another(
    stack: LocalStack, box: BoxClient, device: Device
) -> None:
    object_id = id_of(picture(box, b"picture"))
    device.sync()
    device.body(object_id)
    behind = Behind(stack, box.box)
    behind.put({**behind.row(behind.box, "BOX"), "validity": {"S": "0123456789ab"}})
    device.sync()
    assert device.body(object_id) == b"picture"
    assert device.body_wire.requests == 2


def test_a_body_that_has_gone_meanwhile_raises(box: BoxClient, device: Device) -> None:
    gone = picture(box, b"picture")
    device.sync()
    box.delete(gone).raise_for_status()
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        device.body(id_of(gone))


# What it costs


def test_bytes_are_counted_as_they_went_over_the_wire(box: BoxClient, device: Device) -> None:
    for number in range(30):
        box.plain_object(attributes={"attribute": [{"name": "Subject", "value": [f"number {number}"]}]})
    device.sync()
    told = sum(len(str(facts)) for facts in device.state()[0].values())
    assert 0 < device.api_wire.received < told / 3
    assert device.api_wire.sent > len(device.base)
