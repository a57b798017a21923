"""What every box begins with. It stays when all else is deleted, so the box's ids and numbers continue."""

import json
import secrets

from infra.ops.rows.box_file import BoxFile
from infra.ops.rows.reading import Key, Raw
from onecopy.domain.digest import Digest
from onecopy.domain.ids import ROOT, SYSTEM_FOLDERS, ModSeq
from onecopy.store.commit import rows, table

_STAY = ("box", "item", "seq", "ids", "closed")


def keys(box: str) -> list[Key]:
    """The keys of the box's row, its system folders and their names."""
    named = [table.name_item(ROOT, name) for folder, name in SYSTEM_FOLDERS.items() if folder != ROOT]
    return [(box, item) for item in (table.BOX, *map(table.folder_item, SYSTEM_FOLDERS), *named)]


def anew(present: BoxFile, box: str) -> Raw:
    """The row of a box in which only this is left; empty if some of this is missing."""
    if not all(present.has(key) for key in keys(box)):
        return {}
    digest = Digest()
    for folder in SYSTEM_FOLDERS:
        written = present.row((box, table.folder_item(folder)))["last_mod_seq"]["N"]
        digest = digest.plus("folder", folder, ModSeq(int(written)))
    row = present.row((box, table.BOX))
    return {name: row[name] for name in _STAY if name in row} | {
        "validity": {"S": secrets.token_hex(6)},
        "digest": {"S": json.dumps(rows.digest_json(digest))},
    }
