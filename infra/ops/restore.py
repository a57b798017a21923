"""`onecopy restore`: the rows of the store, or of one box, as a restored table has them.

DynamoDB restores a point in time into a table of another name; this puts its rows back where the store's
functions, stream and alarms are, and takes away what came since: box by box, some side by side. Each box gets
a new validity, so that no client goes on from a number that now means something else: every one of them lists
anew, and every subscriber hears of it. Its ids and numbers go on from where the present box has come to.

Content belongs to a box by the links and uploads that name it. What nothing names is left to the sweep.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from botocore.exceptions import ClientError

from infra.ops.rows import beginning, reading
from infra.ops.rows.batch import Batch
from infra.ops.rows.deployed import Deployed, Unreachable
from infra.ops.rows.kept import Kept
from infra.ops.rows.reading import AT_ONCE, Key, Raw
from onecopy.domain.box import BoxKey
from onecopy.store.commit import table
from onecopy.store.subscribers import subscriptions

_ANSWERED = "K#"


@dataclass
class Restored:
    """Rows put and deleted, or that would be; `boxes` that were put back."""

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
    """`box` as rows name it, None for all. Without `do` only counted. Broken off, it can be run again."""
    if source == deployed.table:
        raise Unreachable("that is the store's own table")
    done, now = Restored(), deployed.store().now
    try:
        with TemporaryDirectory(prefix="onecopy-restore-") as folder:

            def one(name: str) -> Restored:
                part = _restore(deployed, source, name, do, Path(folder))
                if do and part.boxes:  # told before all is in place, they would still see the old box
                    subscriptions.tell_anew(BoxKey.parse(name), now())
                return part

            for part in reading.in_parallel(one, _boxes(deployed, source, box, at_once), at_once):
                done += part
                told(done)
    except ClientError as error:
        raise Unreachable(str(error)) from None
    return done


def _boxes(deployed: Deployed, source: str, box: str | None, at_once: int) -> Iterator[str]:
    """Those that were there, and then those that came since, to be taken away."""
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
    """What is put back, then what goes: content before the links that name it, or a second run would not find
    it.
    """
    done, batch = Restored(), Batch(deployed, do)
    with Kept(folder) as past, Kept(folder) as present:
        past.add(reading.box(deployed, source, box))
        present.add(reading.box(deployed, deployed.table, box))
        for row in _to_put(deployed, source, box, past, present):
            batch.put(row)
            done.put += 1
            done.boxes += row["item"]["S"] == table.BOX
            present.forget(_key_of(row))
        if not done.boxes and (anew := beginning.anew(present, box)):
            batch.put(anew)
            for key in beginning.keys(box):
                present.forget(key)
        for key in _left_over(deployed, present, bool(done.boxes)):
            batch.delete(key)
            done.deleted += 1
        batch.send()
    return done


def _to_put(deployed: Deployed, source: str, box: str, past: Kept, present: Kept) -> Iterator[Raw]:
    """The present content rows that are wanted are overwritten; those that are not are left over."""
    for part in past.contents():
        yield from reading.rows(deployed, source, part)
    now = _Now(box, present)
    for row in past.rows():
        if _is_put_back(row, present):
            if row["item"]["S"] == table.BOX:
                now.renew(row)
            yield row


def _is_put_back(row: Raw, present: Kept) -> bool:
    """Not the log, which nobody can follow; not what answers a repeated request, whose work may be undone.
    A subscription that is there stays as it is: it is its owner's present wish, and its index has moved on.
    """
    partition, item = _key_of(row)
    if _is_log(item) or item.startswith(_ANSWERED):
        return False
    if not table.is_subscription_partition(partition):
        return True
    for under_way in ("in_flight", "flight", "work", "due"):
        row.pop(under_way, None)
    return not present.has((partition, item))


def _left_over(deployed: Deployed, present: Kept, is_put_back: bool) -> Iterator[Key]:
    """All that was not put back; of a box that was, not its subscriptions."""
    for part in present.contents():
        yield from map(_key_of, reading.rows(deployed, deployed.table, part))
    for key in present.every_key():
        if not (is_put_back and table.is_subscription_partition(key[0])):
            yield key


class _Now:
    """How far the present box has come; by its log where its row is gone."""

    def __init__(self, box: str, present: Kept) -> None:
        self._row = present.row((box, table.BOX))
        seq = int(self._row["seq"]["N"]) if self._row else 0
        self._seq = max(seq, max((int(item) for _, item in present.every_key() if _is_log(item)), default=0))

    def renew(self, row: Raw) -> None:
        """Another box with the same contents. No id and no number that was given out since is given out
        again, and whether it is closed was decided since, too.
        """
        ids = int(self._row["ids"]["N"]) if self._row else 0
        row["validity"] = {"S": secrets.token_hex(6)}
        row["seq"] = {"N": str(max(int(row["seq"]["N"]), self._seq))}
        row["ids"] = {"N": str(max(int(row["ids"]["N"]), ids))}
        for past in ("at", "marks", "trace", *(["closed"] if self._row else ())):
            row.pop(past, None)
        if "closed" in self._row:
            row["closed"] = self._row["closed"]


def _key_of(row: Raw) -> Key:
    return row["box"]["S"], row["item"]["S"]


def _is_log(item: str) -> bool:
    """Numbers alone, as no other row's item is."""
    return item.isdigit() and len(item) == len(table.log_item(0))
