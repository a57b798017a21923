"""A box in which nothing runs by itself: a test runs the jobs, step by step."""

from datetime import timedelta

from infra.local.stack import LocalStack
from onecopy.domain.box import BoxKey
from onecopy.domain.ids import RCS_MESSAGE_STORE, FolderId, ObjectId
from onecopy.domain.link import NewObject
from onecopy.store.box import copies, folders, jobs, objects
from onecopy.store.box.objects import Item
from onecopy.store.commit.outcome import Outcome
from tests.clients.box_client import BoxClient
from tests.stack.at_table import store_of
from tests.stack.behind import Behind

Tree = dict[str, list[str]]
"""The paths below a folder, each with the tags and flags of its objects."""

_LONG = timedelta(seconds=60)


class Desk:
    def __init__(self, stack: LocalStack, box: BoxClient) -> None:
        self.store, self.box, self.key = store_of(stack), box, BoxKey("main", box.box)
        self.behind = Behind(stack, box.box)

    def folder(self, name: str, parent: FolderId = RCS_MESSAGE_STORE) -> FolderId:
        return folders.create(self.store, self.key, parent, name, (), False).folder_id

    def fill(self, folder: FolderId, *tags: str) -> list[ObjectId]:
        items = [Item(folder, NewObject(correlation_tag=tag)) for tag in tags]
        made = objects.create(self.store, self.key, items, False, None)
        return [ObjectId(one.thing_id) for one in made if isinstance(one, Outcome)]

    def copy(self, source: FolderId, target: FolderId) -> Outcome:
        [copied] = copies.copy_folders(self.store, self.key, [source], target, False)
        assert isinstance(copied, Outcome)
        return copied

    def move(self, folder: FolderId, target: FolderId) -> Outcome:
        [moved] = copies.move_folders(self.store, self.key, [folder], target, False)
        assert isinstance(moved, Outcome)
        return moved

    def move_object(self, object_id: ObjectId, target: FolderId) -> None:
        copies.move_objects(self.store, self.key, [object_id], target, False)

    def step(self, job_id: str | None, steps: int = 1) -> None:
        jobs.run(self.store, self.key, job_id or "", steps, _LONG)

    def run_all(self) -> None:
        """Runs all jobs that are left to their end, the newest first, to test that their order holds."""
        for _ in range(50):
            waiting = self.jobs()
            if not waiting:
                return
            for job_id in reversed(waiting):
                self.step(job_id, 1000)
        raise AssertionError("the jobs do not come to their end")

    def jobs(self) -> list[str]:
        return [row["item"]["S"][2:] for row in self.behind.rows(self.behind.box, "J#")]

    def tree(self, folder: FolderId) -> Tree:
        """Read from the rows themselves, hidden or not."""
        inside: Tree = {"": []}
        for row in self.behind.rows(self.behind.box, "O#"):
            if row["parent"]["S"] == folder:
                inside[""].append(row["correlation_tag"]["S"] + row["flags"]["S"].removesuffix("[]"))
        inside[""].sort()
        for row in self.behind.rows(self.behind.box, "F#"):
            if row.get("parent", {}).get("S") == folder:
                below = self.tree(FolderId(row["item"]["S"][2:]))
                inside |= {f"{row['name']['S']}/{path}": tags for path, tags in below.items()}
        return inside
