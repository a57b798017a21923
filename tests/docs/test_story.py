"""The story that the demo tells, on a stack that is already running, and with any backup."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.demo.actions import DidNotHappen
from infra.demo.play import SAMPLE, readable, tell
from infra.demo.telling import Telling
from infra.local.stack import LocalStack
from tests.clients import backups
from tests.clients.backups import mms, sms, written
from tests.clients.box_client import new_box

ACTS = (
    "A phone's messages go in",
    "Two devices sync",
    "A subscriber gives the address of its webhook",
    "The phone makes a folder",
    "It copies a conversation",
    "It copies a single message",
    "It flags ",
    "The other device follows",
)
FAULTY = '<part ct="image/png" data="?" />'
CONTENT_ACTS = ("Its user opens the copied ", "link by link")


Told = Callable[[Path], str]


@pytest.fixture
def told(stack: LocalStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """The story of a backup on a stack that is already running."""

    def run(file: Path) -> str:
        tell(stack, new_box(), readable(file), tmp_path, Telling())
        return capsys.readouterr().out

    return run


def test_the_sample_is_told_to_the_end(told: Told) -> None:
    """Two devices in sync, copies, each change at the webhook, a body, content deleted, the store checked."""
    story = told(SAMPLE)
    assert [act for act in (*ACTS, *CONTENT_ACTS) if act not in story] == []
    assert "all agrees" in story


def test_a_backup_of_texts_with_a_fault_in_it_is_told_to_the_end(told: Told, tmp_path: Path) -> None:
    whole = backups.document(sms("one"), mms(FAULTY), sms("two"), sms("last"))
    story = told(backups.written_bytes(tmp_path / "cut.xml", whole[: whole.index("last")].encode()))
    assert [act for act in (*ACTS, *CONTENT_ACTS) if act not in story] == []
    assert "message 2: an attachment is not base64" in story
    assert "the file breaks off after message 3" in story
    assert "the copied text" in story
    assert "picture" not in story


def test_a_backup_without_any_content_is_told_but_for_the_content(told: Told, tmp_path: Path) -> None:
    story = told(written(tmp_path, sms("")))
    assert [act for act in ACTS if act not in story] == []
    assert [act for act in CONTENT_ACTS if act in story] == []
    assert "no message of this backup has content" in story
    assert "Measured in this run" in story


def test_a_backup_of_which_nothing_can_be_stored_is_told_in_one_line(told: Told, tmp_path: Path) -> None:
    with pytest.raises(DidNotHappen) as ended:
        told(written(tmp_path, mms(FAULTY)))
    assert str(ended.value) == "no message was stored; message 1: an attachment is not base64"
