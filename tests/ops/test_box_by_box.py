"""`onecopy check` works box by box: it checks one box without reading any other, and many side by side."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from infra.local.stack import LocalStack
from infra.ops import cli
from infra.ops.check.checking import check
from infra.ops.rows.deployed import Deployed, on_this_machine
from tests.clients.box_client import BoxClient, id_of
from tests.ops.broken_box import BrokenBox, count_too_high
from tests.stack.at_table import operations
from tests.stack.behind import Behind


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack in which no other test breaks anything."""
    with LocalStack(tmp_path_factory.mktemp("box-by-box")) as running:
        yield running


@pytest.fixture
def deployed(alone: LocalStack) -> Deployed:
    return on_this_machine(alone.data)


def test_one_box_is_looked_at_without_reading_any_other(
    alone: LocalStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """This holds for its rows, its log and its content, and for the second look and the repair."""
    with BoxClient(alone) as box, BoxClient(alone) as other, operations() as asked:
        broken = BrokenBox(alone, box)
        count_too_high(broken)
        well = other.text_object("of another")
        other_key = Behind(alone, other.box).content_key(id_of(well))
        assert cli.main(["check", "--data", str(alone.data), "--box", box.box, "--repair"]) == 0
    out = capsys.readouterr().out
    assert "mended: " in out
    assert other_key not in out
    assert "1 box, 2 messages, 1 content" in out
    assert "Scan" not in asked


def test_many_boxes_are_looked_at_side_by_side_as_one_after_the_other(
    alone: LocalStack, deployed: Deployed
) -> None:
    boxes = []
    with ExitStack() as closing:
        for _ in range(7):
            broken = BrokenBox(alone, closing.enter_context(BoxClient(alone)))
            count_too_high(broken)
            boxes.append(broken)
        told: list[tuple[int, int]] = []
        reports = [
            check(deployed, at_once=at_once, sleep=lambda _: None, told=lambda *each: told.append(each))
            for at_once in (1, 5)
        ]
        assert list(reports[0].findings) == list(reports[1].findings)
        assert {f"C#{broken.key}" for broken in boxes} <= {finding.thing for finding in reports[1].findings}
        assert told[-1][0] == told[-1][1] == reports[1].counts["box"]
        assert not check(deployed, repair=True, sleep=lambda _: None).findings


@pytest.mark.parametrize("number", ["0", "-1", "many", "51"])
def test_a_wrong_number_of_boxes_at_once_is_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(["check", "--at-once", number])
    assert refused.value.code == 2
    assert "no number from 1 to 50" in capsys.readouterr().err
