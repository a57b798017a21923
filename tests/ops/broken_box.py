"""A box for `onecopy check` to examine, and the tools to break it."""

from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient, id_of
from tests.stack.behind import Behind, Row


class BrokenBox:
    """A box with some of everything, and tools to break it."""

    def __init__(self, stack: LocalStack, box: BoxClient) -> None:
        self.stack, self.box, self.behind = stack, box, Behind(stack, box.box)
        self.folder = box.folder("kept")
        self.inner = box.folder("inner", self.folder)
        self.text = box.text_object("hello", self.inner)
        self.copy = box.copy(self.folder, [self.text])[0]["success"]["resourceURL"]
        self.key = self.behind.content_key(id_of(self.text))

    @property
    def s3(self) -> tuple[object, str]:
        return self.stack.aws("s3"), self.stack.name("ContentBucket")

    def set(self, item: str, values: Row, partition: str | None = None) -> None:
        partition = partition or self.behind.box
        self.behind.put({**self.behind.row(partition, item), **values})


def count_too_high(broken: BrokenBox) -> None:
    broken.set("CONTENT", {"links": {"N": "7"}}, f"C#{broken.key}")
