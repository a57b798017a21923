"""An import may be run again at any time, even after it died: what the box has is not stored twice."""

import os
import pty
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.local.stack import LocalStack
from tests.clients.backups import mms, part, sms, written
from tests.clients.eventually import eventually
from tests.clients.importing import Phone, finished, tags
from tests.ops.proxy import Proxy

MANY = 200


def long_backup(folder: Path) -> Path:
    """Takes more than a handful of requests. Some of its messages are equal, but far from each other."""
    texts = [sms(f"message {number % (MANY // 2)}") for number in range(MANY)]
    pictures = [mms(part("image/png", bytes([number]) * 5000)) for number in range(10)]
    return written(folder, *texts[: MANY // 2], *pictures, *texts[MANY // 2 :])


@pytest.fixture(scope="module")
def whole(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The tags that an undisturbed import of the long backup leaves in a box."""
    phone = Phone(stack, tmp_path_factory.mktemp("whole"))
    assert phone.run(long_backup(phone.folder)).code == 0
    found = tags(phone.objects())
    assert len(found) == len(set(found)) == MANY + 10
    return found


def test_the_second_time_adds_nothing(phone: Phone) -> None:
    messages = (sms("ok"), sms("ok"), mms(part("image/png", b"picture")))
    phone.imports(*messages)
    first = phone.objects()
    again = phone.imports(*messages)
    assert again.out.startswith("3 messages: 0 stored, 3 there before, 0 failed; ")
    assert phone.objects() == first


def test_a_later_backup_adds_what_is_new(phone: Phone) -> None:
    """Even a third "ok" next to two that were there, and wherever in the file the new messages are."""
    phone.imports(sms("ok"), sms("ok"), sms("old", read="0"))
    done = phone.imports(sms("new"), sms("old", read="1"), sms("ok"), sms("ok"), sms("ok"))
    assert done.out.startswith("5 messages: 2 stored, 3 there before, 0 failed; ")
    assert len(phone.objects()) == 5


def test_what_its_owner_did_since_is_left_alone(phone: Phone) -> None:
    """A message is still the same after it was moved or its flags were changed."""
    phone.imports(sms("moved"), sms("flagged"))
    moved, flagged = (shown["resourceURL"] for shown in phone.objects())
    target = phone.box.folder("Mine")
    phone.box.move(target, [moved])
    phone.box.delete(f"{flagged}/flags/%5CSeen").raise_for_status()
    before = phone.objects()
    assert phone.imports(sms("moved"), sms("flagged")).out.startswith("2 messages: 0 stored, 2 there before")
    assert phone.objects() == before


def test_killed_in_the_middle_it_goes_on_without_doubles(phone: Phone, whole: list[str]) -> None:
    file = long_backup(phone.folder)
    process = phone.start(file)
    assert eventually(lambda: phone.objects())
    process.kill()
    assert finished(process).code == -signal.SIGKILL
    done = phone.run(file)
    assert (done.code, tags(phone.objects())) == (0, whole)


def test_interrupted_it_says_how_to_go_on_and_does(phone: Phone, whole: list[str]) -> None:
    file = long_backup(phone.folder)
    process = phone.start(file)
    assert eventually(lambda: phone.objects())
    process.send_signal(signal.SIGINT)
    done = finished(process)
    assert done.code == 130
    assert done.complaints == ["interrupted; run it again to go on where it stopped"]
    assert list(phone.folder.iterdir()) == [file], "it has waited for the end of what was under way"
    assert (phone.run(file).code, tags(phone.objects())) == (0, whole)


def test_two_at_the_same_time_store_everything_once(phone: Phone, whole: list[str]) -> None:
    file = long_backup(phone.folder)
    done = [finished(process) for process in [phone.start(file), phone.start(file)]]
    assert [one.code for one in done] == [0, 0]
    waiting = "another import into this box is under way; waiting for its end"
    assert sorted(one.complaints for one in done) == [[], [waiting]]
    assert tags(phone.objects()) == whole


def test_a_store_that_is_away_for_a_moment_is_waited_for(phone: Phone, whole: list[str]) -> None:
    """Requests are cut off in the middle. What the store finished without answering is not stored again."""
    with Proxy(httpx.URL(phone.stack.url).port or 80) as proxy:
        process = phone.start(long_backup(phone.folder), "--url", proxy.url)
        for _ in range(2):
            stored = len(phone.objects())
            assert eventually(lambda: len(phone.objects()) > stored)  # noqa: B023
            proxy.shut()
            proxy.open()
        done = finished(process)
    assert (done.code, tags(phone.objects())) == (0, whole)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal's two ends. What is printed to the second comes out of the first."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_a_bar_is_shown_on_a_terminal(phone: Phone, terminal: tuple[int, int], tmp_path: Path) -> None:
    process = phone.start(long_backup(tmp_path), stderr=terminal[1])
    assert eventually(lambda: b"%" in os.read(terminal[0], 10_000))
    process.kill()
    process.wait()


def test_a_run_that_ends_leaves_no_file_behind(phone: Phone, tmp_path: Path) -> None:
    file = written(tmp_path, sms("hello"))
    phone.run(file)
    assert list(phone.folder.iterdir()) == [file]


def test_without_a_terminal_progress_is_plain_lines(phone: Phone) -> None:
    done = phone.run(long_backup(phone.folder))
    assert done.complaints == []
    assert "\x1b" not in done.out + done.err
    assert "\r" not in done.out + done.err
