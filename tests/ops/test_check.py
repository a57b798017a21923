"""`onecopy check` finds and reports what is broken behind the API, and mends it where that is safe."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.local.stack import LocalStack
from infra.ops import cli
from infra.ops.check.checking import Report, check
from infra.ops.rows.deployed import Deployed, on_this_machine
from onecopy.domain.ids import ModSeq
from onecopy.store.commit import rows
from onecopy.store.commit.kinds import BoxRow
from tests.clients.box_client import STORE, BoxClient, id_of
from tests.clients.eventually import eventually
from tests.clients.following import follow, listing, names, now, page, told
from tests.clients.subscriber import Subscriber, active
from tests.clients.uploading import DATA, announced, appeared, begin, object_url, put
from tests.ops.broken_box import BrokenBox, count_too_high

Break = Callable[["BrokenBox"], None]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack in which no other test breaks anything."""
    with LocalStack(tmp_path_factory.mktemp("checked")) as running:
        yield running


@pytest.fixture
def broken(alone: LocalStack) -> Iterator[BrokenBox]:
    with BoxClient(alone) as client:
        yield BrokenBox(alone, client)


@pytest.fixture
def deployed(alone: LocalStack) -> Deployed:
    return on_this_machine(alone.data)


def look(deployed: Deployed, repair: bool = False) -> Report:
    return check(deployed, repair, sleep=lambda _: None)


def rules_of(report: Report) -> list[str]:
    return sorted({finding.rule for finding in report.findings})


def test_nothing_is_wrong_where_nothing_was_broken(broken: BrokenBox, deployed: Deployed) -> None:
    box = broken.box
    box.move(box.folder("elsewhere"), folders=[broken.folder])
    box.delete(broken.text)
    box.delete(box.folder("gone"))
    box.copy(box.folder_at(STORE), folders=[broken.folder])
    report = look(deployed)
    assert list(report.findings) == []
    assert report.counts["message"] >= 2


def test_what_counts_against_a_quota_agrees_while_uploads_begin_and_end(
    broken: BrokenBox, deployed: Deployed
) -> None:
    begin(broken.box, announced())
    given_up, whole = (begin(broken.box, announced()) for _ in range(2))
    broken.box.delete(given_up["resourceURL"]).raise_for_status()
    assert put(whole["part"][0]) == 200
    appeared(broken.box, object_url(broken.box, whole))
    assert list(look(deployed).findings) == []
    row = broken.behind.row(broken.behind.box, "BOX")
    assert json.loads(row["use"]["S"]) == [len("hello") + 2 * len(DATA), 1]


def test_nothing_seems_wrong_while_many_write(broken: BrokenBox, deployed: Deployed) -> None:
    box, going = broken.box, [True]

    def write() -> None:
        while going:
            made = box.text_object("one more", broken.folder)
            box.copy(broken.inner, [made])
            box.delete(made)

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write) for _ in range(2)]
        reports = [look(deployed) for _ in range(3)]
        going.clear()
    assert [writer.result() for writer in writers] == [None, None]
    assert [list(report.findings) for report in reports] == [[]] * 3


def count_too_low(broken: BrokenBox) -> None:
    broken.set("CONTENT", {"links": {"N": "1"}}, f"C#{broken.key}")


def digest(broken: BrokenBox) -> None:
    broken.set("BOX", {"digest": {"S": '[7,99,"00000000000000ff"]'}})


def use(broken: BrokenBox) -> None:
    broken.set("BOX", {"use": {"S": "[99,3]"}})


def name_lost(broken: BrokenBox) -> None:
    [row] = [
        row for row in broken.behind.rows(broken.behind.box, "N#") if row["item"]["S"].endswith("#/kept")
    ]
    broken.behind.delete(row)


def name_left_over(broken: BrokenBox) -> None:
    row = next(broken.behind.rows(broken.behind.box, "N#"))
    broken.behind.put({**row, "item": {"S": f"N#{id_of(broken.folder)}#/nobody"}})


def place_of_link(broken: BrokenBox) -> None:
    broken.set(f"O#{id_of(broken.text)}", {"place": {"S": "b3#2001"}})


def place_of_folder(broken: BrokenBox) -> None:
    broken.set(f"F#{id_of(broken.inner)}", {"place": {"S": "b3##zz"}})


def chain(broken: BrokenBox) -> None:
    broken.set(f"F#{id_of(broken.inner)}", {"ancestors": {"S": '["b1"]'}})


def gap_in_the_log(broken: BrokenBox) -> None:
    broken.behind.take_change(broken.behind.seq() - 1)


def end_of_the_log(broken: BrokenBox) -> None:
    broken.behind.take_change(broken.behind.seq())


def content_row(broken: BrokenBox) -> None:
    """Its bytes are not orphans: links point to them."""
    broken.behind.delete(broken.behind.row(f"C#{broken.key}", "CONTENT"))


def orphan(broken: BrokenBox) -> None:
    s3, bucket = broken.s3
    s3.put_object(Bucket=bucket, Key="inline/0123456789abcdef/1", Body=b"nobody's")  # type: ignore[attr-defined]


def deletion_without_a_job(broken: BrokenBox) -> None:
    folder = id_of(broken.inner)
    row = broken.behind.row(broken.behind.box, f"F#{folder}")
    [name] = [row for row in broken.behind.rows(broken.behind.box, "N#") if row["folder_id"]["S"] == folder]
    broken.behind.delete(row)
    broken.behind.delete(name)
    known = rows.box(BoxRow.from_raw_data(broken.behind.row(broken.behind.box, "BOX"))).digest
    left = rows.digest_json(known.minus("folder", folder, ModSeq(int(row["last_mod_seq"]["N"]))))
    jobs = [["zz", "delete", 1, [folder], []]]
    broken.set("BOX", {"jobs": {"S": json.dumps(jobs)}, "digest": {"S": json.dumps(left)}})


def listening(broken: BrokenBox) -> tuple[str, str]:
    """The partition and item of a subscription that no queued message names: nothing writes to its row."""
    with Subscriber() as subscriber:
        made = active(broken.box, subscriber)
    partition, item = f"{broken.behind.box}#S", "zz"
    broken.behind.put({**broken.behind.row(partition, id_of(made["resourceURL"])), "item": {"S": item}})
    return partition, item


def bell_lost(broken: BrokenBox) -> None:
    """Neither the sweep's index nor a message leads to the subscription."""
    partition, item = listening(broken)
    row = broken.behind.row(partition, item)
    broken.behind.put({name: value for name, value in row.items() if name not in ("work", "due")})


def bell_far_ahead(broken: BrokenBox) -> None:
    partition, item = listening(broken)
    broken.set(item, {"due": {"S": "2099-01-01T00:00:00.000000Z"}}, partition)


def bell_of_no_shard(broken: BrokenBox) -> None:
    """It is due in a part of the index that the sweep does not read."""
    partition, item = listening(broken)
    broken.set(item, {"work": {"S": "due"}, "due": {"S": hours_ago()}}, partition)


def look_of_no_shard(broken: BrokenBox) -> None:
    """The sweep does not find the box, so nothing in it expires."""
    broken.set("BOX", {"work": {"S": "due"}, "due": {"S": hours_ago()}})


@pytest.mark.parametrize(
    ("breaks", "rule"),
    [
        (count_too_high, "count"),
        (count_too_low, "count"),
        (digest, "digest"),
        (use, "use"),
        (name_lost, "name"),
        (name_left_over, "name"),
        (place_of_link, "place"),
        (place_of_folder, "place"),
        (chain, "chain"),
        (gap_in_the_log, "log"),
        (end_of_the_log, "log"),
        (content_row, "content"),
        (orphan, "orphan"),
        (deletion_without_a_job, "job"),
        (bell_lost, "bell"),
        (bell_far_ahead, "bell"),
        (bell_of_no_shard, "bell"),
        (look_of_no_shard, "expiry"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_safe_to_mend_is_found_told_and_mended(
    broken: BrokenBox, deployed: Deployed, breaks: Break, rule: str
) -> None:
    breaks(broken)
    found = look(deployed).findings[0]
    assert found.rule == rule
    report = look(deployed, repair=True)
    assert rule in [finding.rule for finding in report.mended]
    assert not report.findings
    assert eventually(lambda: not look(deployed).findings)


def content_row_and_bytes(broken: BrokenBox) -> None:
    content_row(broken)
    bytes_lost(broken)


def bytes_lost(broken: BrokenBox) -> None:
    s3, bucket = broken.s3
    s3.delete_object(Bucket=bucket, Key=f"{broken.key}/1")  # type: ignore[attr-defined]


def bytes_of_another(broken: BrokenBox) -> None:
    s3, bucket = broken.s3
    s3.put_object(Bucket=bucket, Key=f"{broken.key}/1", Body=b"shorter"[:2])  # type: ignore[attr-defined]


def folder_lost(broken: BrokenBox) -> None:
    broken.behind.delete(broken.behind.row(broken.behind.box, f"F#{id_of(broken.inner)}"))


def count_at_zero(broken: BrokenBox) -> None:
    """This is final: the content may already have been deleted."""
    broken.set("CONTENT", {"links": {"N": "-1"}}, f"C#{broken.key}")


def stuck(broken: BrokenBox) -> None:
    row = {"kind": {"S": "copy"}, "state": {"S": "{}"}, "step": {"N": "0"}, "due": {"S": hours_ago()}}
    broken.behind.put({"box": {"S": broken.behind.box}, "item": {"S": "J#stuck"}, **row})


def hours_ago() -> str:
    return (datetime.now(UTC) - timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def not_reclaimed(broken: BrokenBox) -> None:
    zero = {"links": {"N": "-1"}, "due": {"S": hours_ago()}, "sizes": {"S": "[]"}}
    row = {"box": {"S": "C#inline/late"}, "item": {"S": "CONTENT"}, "owner": {"S": broken.behind.box}}
    broken.behind.put({**row, **zero})


def upload_left(broken: BrokenBox) -> None:
    row = {"box": {"S": "C#direct/late"}, "item": {"S": "UPLOAD"}, "owner": {"S": broken.behind.box}}
    broken.behind.put({**row, "swept": {"S": "yes"}, "due": {"S": hours_ago()}})


def intake_left(broken: BrokenBox) -> None:
    row = {"box": {"S": "C#inline/came"}, "item": {"S": "INTAKE"}, "content_keys": {"S": "[]"}}
    broken.behind.put({**row, "due": {"S": hours_ago()}})


def no_box_row(broken: BrokenBox) -> None:
    broken.behind.delete(broken.behind.row(broken.behind.box, "BOX"))


@pytest.mark.parametrize(
    ("breaks", "rules"),
    [
        (content_row_and_bytes, ["content"]),
        (bytes_lost, ["bytes"]),
        (bytes_of_another, ["bytes"]),
        (folder_lost, ["digest", "link", "name"]),
        (count_at_zero, ["count"]),
        (stuck, ["job"]),
        (not_reclaimed, ["count", "reclaim"]),
        (upload_left, ["swept"]),
        (intake_left, ["swept"]),
        (no_box_row, ["homeless"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_for_a_person_to_decide_is_told_and_left(
    broken: BrokenBox, deployed: Deployed, breaks: Break, rules: list[str]
) -> None:
    breaks(broken)
    try:
        assert rules_of(look(deployed)) == rules
        assert set(rules_of(look(deployed, repair=True))) & set(rules) - {"digest"}
    finally:
        raze(broken)


def raze(broken: BrokenBox) -> None:
    """Delete the box, which is broken for good; the next test has another one."""
    behind = broken.behind
    for partition in (behind.box, f"{behind.box}#L0", f"C#{broken.key}", *STRAYS):
        for row in list(behind.rows(partition, "")):
            behind.delete(row)
    s3, bucket = broken.s3
    s3.delete_object(Bucket=bucket, Key=f"{broken.key}/1")  # type: ignore[attr-defined]


STRAYS = ("C#inline/late", "C#direct/late", "C#inline/came")


def test_a_mended_count_lets_the_content_go_with_its_last_link(broken: BrokenBox, deployed: Deployed) -> None:
    count_too_high(broken)
    look(deployed, repair=True)
    broken.box.delete(broken.text)
    assert broken.behind.links(broken.key) == 1
    broken.box.delete(broken.copy)
    assert eventually(lambda: broken.behind.is_away(broken.key))


def test_clients_of_a_log_with_a_gap_list_anew(broken: BrokenBox, deployed: Deployed) -> None:
    token = now(broken.box)
    broken.box.folder("missed")
    end_of_the_log(broken)
    look(deployed, repair=True)
    events, anew, _ = page(broken.box, token)
    assert names(events) == ["resetBox"]
    assert "missed" in [folder["name"] for folder in told(follow(broken.box, anew)[0], "changedFolder")]
    assert listing(broken.box)


def test_the_command_says_what_is_wrong_and_exits_so(
    alone: LocalStack, broken: BrokenBox, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(alone.data)]
    assert cli.main(["check", *where]) == 0
    assert "all agrees" in capsys.readouterr().out
    digest(broken)
    assert cli.main(["check", *where]) == 1
    out = capsys.readouterr().out
    assert broken.behind.box in out
    assert "7 folders, 99 objects, 00000000000000ff" in out
    assert "1 wrong, 1 of it can be mended" in out
    assert cli.main(["check", "--repair", *where]) == 0
    assert capsys.readouterr().out.startswith("mended: ")


def test_strays_alone_are_named_and_nothing_wrong(
    alone: LocalStack, broken: BrokenBox, capsys: pytest.CaptureFixture[str]
) -> None:
    orphan(broken)
    where = ["--data", str(alone.data)]
    assert cli.main(["check", *where]) == 0
    out = capsys.readouterr().out
    assert "stray: 8 bytes in the bucket" in out
    assert "all agrees; 1 stray of killed requests" in out
    digest(broken)
    assert cli.main(["check", *where]) == 1


def test_one_box_alone(alone: LocalStack, broken: BrokenBox, capsys: pytest.CaptureFixture[str]) -> None:
    digest(broken)
    with BoxClient(alone) as other:
        other.folder("well")
        assert cli.main(["check", "--data", str(alone.data), "--box", other.box]) == 0
    assert cli.main(["check", "--data", str(alone.data), "--box", broken.box.box, "--repair"]) == 0
    assert "mended" in capsys.readouterr().out


def test_where_no_store_is_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"onecopy check: no stack runs with its data in {tmp_path}\n"
