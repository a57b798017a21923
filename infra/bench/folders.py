"""What folders cost in `make bench`: copying and deleting a whole conversation, moves in boxes of any size.

Jobs run in this process, step by step, and every call of theirs is counted.
"""

from datetime import timedelta

from infra.bench.in_process import Api
from infra.bench.meter import Counts, meter
from onecopy.domain.box import BoxKey
from onecopy.domain.ids import RCS_MESSAGE_STORE, FolderId
from onecopy.store.box import copies, folders, jobs
from onecopy.store.commit import table
from onecopy.store.commit.kinds import JobRow, LinkRow
from onecopy.store.commit.outcome import Outcome
from onecopy.store.commit.transact import Store

MESSAGES = 5_000
FEW, MANY = 10, 10_000
_STEPS, _TIME = 100, timedelta(seconds=60)


def conversation(api: Api, store: Store, box: str) -> tuple[int, Counts]:
    """How many messages the copy has in the end, and what it all cost, including the jobs."""
    key = BoxKey("main", box)
    source = api.folder(box, "conversation")
    first = api.store(box, "a subject", "a message")
    made = 0
    while made < MESSAGES:
        made += len(api.copy(box, [first] * min(980, MESSAGES - made), source))
    folder, target = (
        FolderId(source.rsplit("/", 1)[1]),
        folders.create(store, key, RCS_MESSAGE_STORE, "archive", (), False),
    )
    with meter() as counts:
        [copied] = copies.copy_folders(store, key, [folder], target.folder_id, False)
        folders.delete(store, key, folder)
        _run_all(store, key)
    if not isinstance(copied, Outcome):
        raise RuntimeError("the folder was not copied")
    links = table.every(LinkRow, str(key), LinkRow.item.startswith("O#"))
    return sum(link.parent == copied.thing_id for link in links), counts


def _run_all(store: Store, key: BoxKey) -> None:
    while waiting := list(table.every(JobRow, str(key), JobRow.item.startswith("J#"))):
        for row in waiting:
            jobs.run(store, key, row.item.removeprefix("J#"), _STEPS, _TIME)


def move(api: Api, store: Store, box: str, others: int) -> Counts:
    """Move one folder in a box with so many other folders."""
    key = BoxKey("main", box)
    for number in range(others):
        folders.create(store, key, RCS_MESSAGE_STORE, f"folder {number}", (), False)
    moved, target = api.folder(box, "moved"), api.folder(box, "target")
    body = {
        "targetSourceRef": {
            "targetRef": {"resourceURL": target},
            "sourceRefs": {"folders": {"folderReference": [{"resourceURL": moved}]}},
        }
    }
    with meter() as counts:
        api.ask("POST", box, "/folders/operations/moveToFolder", body)
    return counts
