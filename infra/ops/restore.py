"""`onecopy restore`: puts the rows of the store, or of one box, back as a restored table has them.

DynamoDB restores a point in time into another table. This command copies its rows into the store's table,
where functions, stream and alarms are, and deletes what came since: box by box, some in parallel. Each box
gets a new validity, because its numbers may now mean something else: every client lists the box anew, and
every subscriber gets a resetBox. The box's ids and numbers continue from those of the present box.

Content belongs to the box whose links and uploads name it. Content that nothing names is left to the sweep.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from botocore.exceptions import ClientError

from infra.ops.rows import empty_box, reading
from infra.ops.rows.batch import Batch
from infra.ops.rows.box_file import BoxFile
from infra.ops.rows.deployed import Deployed, Unreachable
from infra.ops.rows.reading import AT_ONCE, Key, Raw
from onecopy.domain.box import BoxKey
from onecopy.store.commit import table
from onecopy.store.subscribers import subscriptions

_ANSWERED = "K#"


@dataclass
class Restored:
    """Rows put and deleted, or that would be; `boxes` counts those put back."""

    put: int = 0
    deleted: int = 0
    boxes: int = 0

    def __add__(self, other: "Restored") -> "Restored":
        return Restored(self.put + other.put, self.deleted + other.deleted, self.boxes + other.boxes)


Told = Callable[[Restored], None]


def restore(
    deployed: Deployed,
    source: str,
    box: str | None,
    do: bool,
    at_once: int = AT_ONCE,
    told: Told = lambda _: None,
) -> Restored:
    """`box` as rows name it, None for all. Without `do` it only counts. If interrupted, run it again."""
    if source == deployed.table:
        raise Unreachable("that is the store's own table")
    done, now = Restored(), deployed.store().now
    try:
        with TemporaryDirectory(prefix="onecopy-restore-") as folder:

            def one(name: str) -> Restored:
                part = _restore(deployed, source, name, do, Path(folder))
                if do and part.boxes:  # any earlier, subscribers would still see the old box
                    subscriptions.tell_anew(BoxKey.parse(name), now())
                return part

            for part in reading.in_parallel(one, _boxes(deployed, source, box, at_once), at_once):
                done += part
                told(done)
    except ClientError as error:
        raise Unreachable(str(error)) from None
    return done


def _boxes(deployed: Deployed, source: str, box: str | None, at_once: int) -> Iterator[str]:
    """The boxes that existed then, and then those that came since, which are to be emptied."""
    there = [box] if box else reading.boxes(deployed, source, at_once)
    some = False
    for name in there:
        if not box or _is_in(deployed, source, name):
            some = True
            yield name
    if not some:  # an empty table would otherwise empty the store
        raise Unreachable(f"no {'such ' if box else ''}box in {source}")
    if not box:
        for name in reading.boxes(deployed, deployed.table, at_once):
            if not _is_in(deployed, source, name):
                yield name


def _is_in(deployed: Deployed, name: str, box: str) -> bool:
    return bool(reading.row(deployed, name, (box, table.BOX)))


def _restore(deployed: Deployed, source: str, box: str, do: bool, folder: Path) -> Restored:
    """First put rows back, then delete: content before the links that name it, or a second run would not find
    it.
    """
    done, batch = Restored(), Batch(deployed, do)
    with BoxFile(folder) as past, BoxFile(folder) as present:
        past.add(reading.box(deployed, source, box))
        present.add(reading.box(deployed, deployed.table, box))
        for row in _to_put(deployed, source, box, past, present):
            batch.put(row)
            done.put += 1
            done.boxes += row["item"]["S"] == table.BOX
            present.forget(_key_of(row))
        if not done.boxes and (anew := empty_box.anew(present, box)):
            batch.put(anew)
            for key in empty_box.keys(box):
                present.forget(key)
        for key in _left_over(deployed, present, bool(done.boxes)):
            batch.delete(key)
            done.deleted += 1
        batch.send()
    return done


def _to_put(deployed: Deployed, source: str, box: str, past: BoxFile, present: BoxFile) -> Iterator[Raw]:
    """The rows to put. They overwrite the content rows that are still needed; the others are left over."""
    for part in past.contents():
        yield from reading.rows(deployed, source, part)
    now = _Now(box, present)
    for row in past.rows():
        if _is_put_back(row, present):
            if row["item"]["S"] == table.BOX:
                now.renew(row)
            yield row


def _is_put_back(row: Raw, present: BoxFile) -> bool:
    """Not the log, which nobody can follow. Not the answers to repeated requests, whose work may be undone.
    An existing subscription stays as it is: it is its owner's present wish, and its index has moved on.
    """
    partition, item = _key_of(row)
    if _is_log(item) or item.startswith(_ANSWERED):
        return False
    if not table.is_subscription_partition(partition):
        return True
    for under_way in ("in_flight", "flight", "work", "due"):
        row.pop(under_way, None)
    return not present.has((partition, item))


def _left_over(deployed: Deployed, present: BoxFile, is_put_back: bool) -> Iterator[Key]:
    """All rows that were not put back, except the subscriptions of a box that was."""
    for part in present.contents():
        yield from map(_key_of, reading.rows(deployed, deployed.table, part))
    for key in present.every_key():
        if not (is_put_back and table.is_subscription_partition(key[0])):
            yield key


class _Now:
    """How far the present box has come, by its log if its row is gone."""

    def __init__(self, box: str, present: BoxFile) -> None:
        self._row = present.row((box, table.BOX))
        seq = int(self._row["seq"]["N"]) if self._row else 0
        self._seq = max(seq, max((int(item) for _, item in present.every_key() if _is_log(item)), default=0))

    def renew(self, row: Raw) -> None:
        """Make it another box with the same contents. No id or number that was given out since is given out
        again, and a box that was closed or opened since stays so.
        """
        ids = int(self._row["ids"]["N"]) if self._row else 0
        row["validity"] = {"S": secrets.token_hex(6)}
        row["seq"] = {"N": str(max(int(row["seq"]["N"]), self._seq))}
        row["ids"] = {"N": str(max(int(row["ids"]["N"]), ids))}
        if "due" not in row and "due" in self._row:  # there was no retention then
            row |= {"work": self._row["work"], "due": self._row["due"]}
        for past in ("at", "marks", "trace", *(["closed"] if self._row else ())):
            row.pop(past, None)
        if "closed" in self._row:
            row["closed"] = self._row["closed"]


def _key_of(row: Raw) -> Key:
    return row["box"]["S"], row["item"]["S"]


def _is_log(item: str) -> bool:
    """An item of digits only, as only a log's row has it."""
    return item.isdigit() and len(item) == len(table.log_item(0))
