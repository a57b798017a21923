"""The page of conformance: each clause of NMS has a test, and each route of NMS is a clause."""

from pathlib import Path

import pytest

from infra.docs.conformance import CLAUSES, held
from infra.docs.tables import every_route, path_of

NOTIFICATION = "POST {notifyURL}"
"""What the client answers and we send."""


def test_each_clause_is_held_by_a_test() -> None:
    every = {clause for clauses in CLAUSES.values() for clause in clauses}
    assert every - {one.clause for one in held()} == set()


def test_each_resource_of_nms_with_each_of_its_methods_is_a_clause() -> None:
    """What is Onecopy's own is JSON only."""
    routes = {f"{one.method} {path_of(one)}" for one in every_route() if not one.json_only}
    assert routes | {NOTIFICATION} == set(CLAUSES["resources"])


def test_no_clause_says_the_same_twice() -> None:
    said = [(one.clause, one.sentence) for one in held()]
    assert sorted(said) == sorted(set(said))


def test_a_sentence_is_the_tests_name_or_the_marks_own(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        '@pytest.mark.nms("path")\n@pytest.mark.nms("methods", "Own words")\n@pytest.mark.whole\n'
        "def test_what_it_does():\n    pass\n\n\ndef test_unmarked():\n    pass\n"
    )
    found = [(one.clause, one.sentence, one.test) for one in held(tmp_path)]
    assert found == [
        ("path", "What it does", "test_what_it_does"),
        ("methods", "Own words", "test_what_it_does"),
    ]


def test_a_clause_that_is_not_on_the_page_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text('@pytest.mark.nms("nothing")\ndef test_that():\n    pass\n')
    with pytest.raises(ValueError, match=r"test_it\.py: test_that: no such clause: nothing"):
        held(tmp_path)
