"""The operator's commands know content that a delivery has put into several boxes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.stack import LocalStack
from infra.ops import cli
from infra.ops.check.checking import check
from infra.ops.rows.deployed import on_this_machine
from tests.clients.box_client import BoxClient, id_of, new_box
from tests.clients.delivering import Network, urls
from tests.clients.eventually import eventually
from tests.ops.test_restore import Rehearsal
from tests.stack.behind import Behind


class Group:
    """Three boxes to which one content has been delivered."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack, self.names = stack, [new_box() for _ in range(3)]
        self.made = urls(Network(stack).delivered(self.names, b"for the group"))
        self.behind = [Behind(stack, name) for name in self.names]
        keys = [one.content_key(id_of(url)) for one, url in zip(self.behind, self.made, strict=True)]
        self.stored = keys[0].partition("~")[0]

    def operate(self, *command: str) -> int:
        return cli.main([*command, "--data", str(self.stack.data)])

    def delete(self, number: int) -> None:
        with BoxClient(self.stack, self.names[number]) as client:
            client.delete(self.made[number]).raise_for_status()

    def shares(self) -> list[str]:
        return [row["item"]["S"] for row in self.behind[0].rows(f"C#{self.stored}", "")]

    def is_stored(self) -> bool:
        """Whether the bucket holds the bytes, or any older version of them."""
        bucket = self.stack.name("ContentBucket")
        found = self.stack.aws("s3").list_object_versions(Bucket=bucket, Prefix=f"{self.stored}/")
        return bool(found.get("Versions"))

    def findings(self, repair: bool = False) -> list[str]:
        report = check(on_this_machine(self.stack.data), repair, sleep=lambda _: None)
        return sorted({finding.rule for finding in report.findings})


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture
def group(alone: LocalStack) -> Group:
    return Group(alone)


def test_nothing_is_wrong_with_content_that_boxes_share(group: Group) -> None:
    assert group.findings() == []
    group.delete(0)
    assert eventually(lambda: group.shares() == ["CONTENT#1", "CONTENT#2"])
    assert group.findings() == []
    assert group.operate("check", "--box", group.names[1]) == 0


def miscounted(group: Group) -> None:
    row = group.behind[1].row(f"C#{group.stored}", "CONTENT#1")
    group.behind[1].put({**row, "links": {"N": "7"}})


def lost(group: Group) -> None:
    group.behind[1].delete(group.behind[1].row(f"C#{group.stored}", "CONTENT#1"))


@pytest.mark.parametrize(("breaks", "rule"), [(miscounted, "count"), (lost, "content")])
def test_a_share_is_mended_from_its_own_boxs_links(
    group: Group, breaks: Callable[[Group], None], rule: str
) -> None:
    before = list(group.behind[0].rows(f"C#{group.stored}", ""))
    breaks(group)
    assert group.findings() == [rule]
    assert group.findings(repair=True) == []
    assert list(group.behind[0].rows(f"C#{group.stored}", "")) == before


def test_a_wiped_box_loses_its_share_and_the_others_keep_the_content(
    group: Group, capsys: pytest.CaptureFixture[str]
) -> None:
    assert group.operate("wipe", group.names[0]) == 0
    assert len(group.shares()) == 3
    assert group.operate("wipe", group.names[0], "--yes") == 0
    assert "1 contents stay for the other boxes" in capsys.readouterr().out
    assert group.shares() == ["CONTENT#1", "CONTENT#2"]
    assert group.is_stored()
    assert group.findings() == []


def test_when_the_last_box_is_wiped_every_version_of_the_content_goes(group: Group) -> None:
    for name in group.names:
        assert group.operate("wipe", name, "--yes") == 0
    assert group.shares() == []
    assert not group.is_stored()
    assert group.findings() == []


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[Rehearsal]:
    with LocalStack(tmp_path / "stack") as stack:
        yield Rehearsal(stack)


def test_a_box_that_is_restored_has_its_share_again_and_touches_no_other(rehearsal: Rehearsal) -> None:
    group = Group(rehearsal.stack)
    rehearsal.point_in_time()
    for number in range(3):
        group.delete(number)
    assert eventually(lambda: not group.shares())
    assert rehearsal.restore("--box", group.names[0], "--yes") == 0
    assert group.shares() == ["CONTENT#0"]
    assert rehearsal.check("--repair") == 0  # brings back the bytes from their old version
    with BoxClient(rehearsal.stack, group.names[0]) as client:
        assert client.get(group.made[0]).status_code == 200
        client.delete(group.made[0]).raise_for_status()
    assert eventually(lambda: not group.shares())
    assert rehearsal.check() == 0


def test_a_box_that_is_restored_to_before_a_delivery_gives_up_only_its_own_share(
    rehearsal: Rehearsal,
) -> None:
    with BoxClient(rehearsal.stack) as client:
        client.plain_object()
        rehearsal.point_in_time()
        made = urls(Network(rehearsal.stack).delivered([client.box, new_box()], b"for both"))
        behind = Behind(rehearsal.stack, client.box)
        stored = behind.content_key(id_of(made[0])).partition("~")[0]
        assert rehearsal.restore("--box", client.box, "--yes") == 0
        assert [row["item"]["S"] for row in behind.rows(f"C#{stored}", "")] == ["CONTENT#1"]
    assert rehearsal.check() == 0
