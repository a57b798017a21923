"""Which test holds which clause of NMS 1.0. The tests say so themselves, with the mark `nms`:

    @pytest.mark.nms("GET /objects/{objectId}")
    def test_a_deleted_object_is_gone(...

The sentence in the table is the test's name. A name that is not clear outside its module gets a sentence as
the mark's second argument. The marks are read from the source: no test is imported.
"""

import ast
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from infra.docs.pages import table

TESTS = Path(__file__).parents[2] / "tests"

CLAUSES = {
    "base": [
        "base URL",
        "acr:auth",
        "URL variables",
        "objectId, folderId",
        "path",
        "JSON and XML",
        "methods",
    ],
    "resources": [
        "POST /objects",
        "GET /objects/{objectId}",
        "DELETE /objects/{objectId}",
        "GET /objects/{objectId}/flags",
        "PUT /objects/{objectId}/flags",
        "GET /objects/{objectId}/flags/{flagName}",
        "PUT /objects/{objectId}/flags/{flagName}",
        "DELETE /objects/{objectId}/flags/{flagName}",
        "GET /objects/{objectId}/payload",
        "GET /objects/{objectId}/payloadParts/{partId}",
        "POST /objects/operations/search",
        "GET /objects/operations/pathToId",
        "POST /objects/operations/pathToId",
        "POST /objects/operations/bulkCreation",
        "POST /objects/operations/bulkUpdate",
        "POST /objects/operations/bulkDelete",
        "DELETE /objects/operations/bulkDelete",
        "POST /folders",
        "GET /folders/{folderId}",
        "DELETE /folders/{folderId}",
        "GET /folders/{folderId}/folderName",
        "PUT /folders/{folderId}/folderName",
        "POST /folders/operations/search",
        "GET /folders/operations/pathToId",
        "POST /folders/operations/pathToId",
        "POST /folders/operations/copyToFolder",
        "POST /folders/operations/moveToFolder",
        "GET /subscriptions",
        "POST /subscriptions",
        "GET /subscriptions/{subscriptionId}",
        "POST /subscriptions/{subscriptionId}",
        "DELETE /subscriptions/{subscriptionId}",
        "POST {notifyURL}",
    ],
    "structures": [
        *"object attributes flags payloadPart folder objectList folderList reference targetSourceRef".split(),
        *"selectionCriteria searchCriteria sortCriteria nmsSubscription nmsSubscriptionUpdate".split(),
        *"nmsSubscriptionList nmsEventList changedObject deletedObject expiredObject changedFolder".split(),
        *"deletedFolder resetBox bulkResponseList requestError numbers".split(),
    ],
    "changes": ["what is a change", "lastModSeq", "restartToken", "index", "deletion and expiry", "cursor"],
    "faults": [
        *"SVC0001 SVC0002 SVC0004 SVC2008 POL0001 POL1030 POL1031".split(),
        *"401 413 503".split(),
        "OAuth scopes",
    ],
    "names": [
        "names of flags",
        "attributes of objects",
        "attributes of folders",
        "root",
        "/Default",
        "/RCSMessageStore",
        "session history",
    ],
}
"""The clauses of each table on the page, in its order: a resource with its method, a structure, a messageId,
or another word of the standard.
"""


class Held(NamedTuple):
    clause: str
    sentence: str
    test: str
    file: Path


@cache
def held(tests: Path = TESTS) -> tuple[Held, ...]:
    """What the tests say they hold. Raises ValueError for a clause that is not in CLAUSES."""
    found = tuple(one for file in sorted(tests.rglob("test_*.py")) for one in _in(file))
    known = {clause for clauses in CLAUSES.values() for clause in clauses}
    for one in found:
        if one.clause not in known:
            raise ValueError(f"{one.file.name}: {one.test}: no such clause: {one.clause}")
    return found


def _in(file: Path) -> Iterator[Held]:
    text = file.read_text()
    if ".nms(" not in text:
        return
    for test in (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)):
        for mark in test.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.nms":
                clause, *own = (ast.literal_eval(argument) for argument in mark.args)
                yield Held(clause, own[0] if own else sentence_of(test.name), test.name, file)


def sentence_of(name: str) -> str:
    words = name.removeprefix("test_").replace("_", " ")
    return words[:1].upper() + words[1:]


def clause_table(section: str) -> str:
    """A clause with several tests is named in the first of its rows."""
    rows: list[tuple[str, str, str]] = []
    for clause in CLAUSES[section]:
        those = [one for one in held() if one.clause == clause]
        named = [f"`{clause}`", *[""] * (len(those) - 1)]
        rows += ((name, one.sentence, _link(one)) for name, one in zip(named, those, strict=False))
    return table(["Clause", "What Onecopy does", "Test"], rows)


def _link(one: Held) -> str:
    return f"[`{one.test}`](../../tests/{one.file.relative_to(TESTS).as_posix()})"


TABLES: dict[str, Callable[[], str]] = {section: partial(clause_table, section) for section in CLAUSES}
