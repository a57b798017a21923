"""`onecopy wipe`: closes a box and erases everything in it, including every old version of its content.

The box's row and its system folders stay, and the box stays closed: its ids and numbers are never given out
twice. Bytes that a delivery has put into other boxes, too, stay for these; this box's share of them goes. It
does not reach the backups of DynamoDB and AWS Backup, which expire by themselves.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.expressions.update import Action

from infra.ops.rows import empty_box, reading
from infra.ops.rows.batch import Batch
from infra.ops.rows.box_file import BoxFile
from infra.ops.rows.deployed import Deployed, Unreachable
from infra.ops.rows.reading import Key
from onecopy.domain.box import BoxKey
from onecopy.domain.content import split_share
from onecopy.store.box import shares
from onecopy.store.closed_boxes import close
from onecopy.store.commit import table
from onecopy.store.commit.conditional import held
from onecopy.store.commit.kinds import ContentRow

_ROUNDS = 5
"""The network may still store in a closed box: so many times what came meanwhile is erased, too."""


@dataclass
class Wiped:
    """Rows and contents erased, or that would be.

    `shared`: contents that stay, because another box links to them. `miscounted`: contents that stay because
    they have more links than this box holds.
    """

    rows: int = 0
    contents: int = 0
    shared: int = 0
    miscounted: int = 0


def wipe(deployed: Deployed, key: BoxKey, do: bool) -> Wiped:
    """Without `do` it only counts. If interrupted, run it again. Raises Unreachable if there is no box."""
    if not reading.row(deployed, deployed.table, (str(key), table.BOX)):
        raise Unreachable(f"there is no box {key.box_id}")
    done, store = Wiped(), deployed.store()
    try:
        if do:
            close(store, key)
        with TemporaryDirectory(prefix="onecopy-wipe-") as folder:
            for _ in range(_ROUNDS):
                with BoxFile(Path(folder)) as present:
                    present.add(reading.box(deployed, deployed.table, str(key)))
                    _round(deployed, str(key), present, do, done)
                    if not do or _begun_anew(deployed, str(key), present):
                        return done
    except ClientError as error:
        raise Unreachable(str(error)) from None
    raise Unreachable(f"{key.box_id} is written to all the time; run it again")


def _round(deployed: Deployed, box: str, present: BoxFile, do: bool, done: Wiped) -> None:
    """Delete bytes before the rows that name them, or a second run would not find them."""
    batch = Batch(deployed, do)
    linked = Counter(row["content_key"]["S"] for row in present.rows() if "content_key" in row)
    for part in present.contents():
        for row in reading.rows(deployed, deployed.table, part):
            key = row["box"]["S"], row["item"]["S"]
            content = table.content_key_of(*key)
            if int(row.get("links", {"N": "0"})["N"]) > linked[content]:
                done.miscounted += 1
                continue
            bytes_go = _bytes_go(deployed, key, do)
            if bytes_go is None:  # a delivery under way holds it, and the sweep deletes it afterwards
                done.shared += 1
                continue
            if do and bytes_go:
                _erase(deployed, f"{split_share(content)[0]}/")
            batch.delete(key)
            done.contents += bytes_go
            done.shared += not bytes_go
    stay = set(empty_box.keys(box))
    for key in present.every_key():
        if key not in stay:
            batch.delete(key)
            done.rows += 1
    batch.send()


def _bytes_go(deployed: Deployed, key: Key, do: bool) -> bool | None:
    """Whether nothing else links the bytes; as `shares.may_go` says for content that several boxes share.

    A share first loses its links, as with a deletion: of two boxes that are wiped at the same time, at least
    the later one then finds no other share.
    """
    content = table.content_key_of(*key)
    if not shares.is_share(content):
        return True
    if do:
        row, work = ContentRow(*key), table.work(table.DUE, key[0])
        due = table.time_text(deployed.store().now())
        actions: list[Action] = [ContentRow.links.set(0), ContentRow.work.set(work), ContentRow.due.set(due)]
        held(lambda: row.update(actions, ContentRow.item.exists()))
    return shares.may_go(content)


def _begun_anew(deployed: Deployed, box: str, present: BoxFile) -> bool:
    """Write the box's row anew if nothing came meanwhile; returns whether it did."""
    row = empty_box.anew(present, box)
    if not row:
        raise Unreachable(f"{box} lacks its system folders: run onecopy check")
    names: Any = {"#seq": "seq", "#ids": "ids"}
    try:
        deployed.dynamodb.put_item(
            TableName=deployed.table,
            Item=row,
            ConditionExpression="#seq = :seq AND #ids = :ids",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":seq": row["seq"], ":ids": row["ids"]},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _erase(deployed: Deployed, prefix: str) -> None:
    for part in _versions(deployed, prefix):
        answer = deployed.s3.delete_objects(Bucket=deployed.bucket, Delete={"Objects": part, "Quiet": True})
        if answer.get("Errors"):
            raise Unreachable(f"content could not be deleted: {answer['Errors'][0].get('Code')}")


def _versions(deployed: Deployed, prefix: str) -> Iterator[list[dict[str, str]]]:
    """Every version and delete marker below a key, a thousand at a time."""
    pages = deployed.s3.get_paginator("list_object_versions").paginate(Bucket=deployed.bucket, Prefix=prefix)
    for page in pages:
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if found:
            yield [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
