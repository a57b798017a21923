"""The tree is the architecture: which room may import which, and how large a room may grow. Each room says
what lives in it.
"""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = 15
"""A room with more modules than this should become several."""

DIRECTIONS = """
onecopy/domain ->
onecopy/wire -> onecopy/domain
onecopy/store/commit -> onecopy/domain
onecopy/store/view -> onecopy/domain onecopy/store/commit
onecopy/store/box -> onecopy/domain onecopy/store/commit onecopy/store/view
onecopy/store/search -> onecopy/domain onecopy/store/commit onecopy/store/box
onecopy/store/subscribers -> onecopy/domain onecopy/store/commit onecopy/store/box onecopy/store/view
onecopy/store -> onecopy/domain onecopy/store/*
onecopy/push -> onecopy onecopy/domain onecopy/wire onecopy/store*
onecopy/handlers/edge -> onecopy onecopy/domain onecopy/wire onecopy/store*
onecopy/handlers/routes/shared -> onecopy/handlers/edge onecopy/domain onecopy/wire onecopy/store*
onecopy/handlers/routes -> onecopy/handlers/* onecopy/domain onecopy/wire onecopy/store* onecopy/push
onecopy/handlers -> onecopy*
onecopy ->

infra ->
infra/aws ->
infra/aws/lint ->
infra/aws/lint/rules -> infra/aws/lint
infra/aws/bundle ->
infra/client ->
infra/contract -> infra/local
infra/receiver ->
infra/docs -> infra/aws onecopy*
infra/local/host ->
infra/local/emulator -> infra/aws infra/local/host
infra/local/functions -> infra/aws infra/local/host infra/local/emulator
infra/local/gateway -> infra/aws infra/local/host infra/local/functions
infra/local/sources -> infra/aws infra/local/host infra/local/functions infra/local/emulator
infra/local -> infra/aws infra/local/*
infra/pipeline -> infra/local/gateway infra/local/host
infra/ops/phone ->
infra/ops/importing -> infra/ops/phone
infra/ops/rows -> infra/local onecopy/*
infra/ops/check -> infra/ops/rows onecopy/*
infra/ops -> infra/aws infra/local infra/ops/* onecopy/*
infra/scale -> infra/aws infra/docs onecopy/*
infra/bench -> infra/aws infra/docs infra/scale infra/local* infra/client infra/receiver onecopy/*
infra/demo -> infra/local infra/client infra/receiver infra/ops*

tests -> tests/clients tests/stack infra* onecopy*
tests/clients -> infra/* onecopy/*
tests/stack -> tests/clients infra/* onecopy/*
tests/* -> tests/clients tests/stack infra* onecopy*
"""
"""Each room, and the rooms it may import; `*` stands for anything. The first line that matches counts."""


def rooms() -> Iterator[Path]:
    for top in (ROOT / "functions" / "onecopy", ROOT / "infra", ROOT / "tests"):
        yield from sorted({file.parent for file in top.rglob("*.py")})


def named(room: Path) -> str:
    return str(room.relative_to(ROOT)).removeprefix("functions/")


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import hides where it leads"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room_of(name: str) -> str | None:
    """The room of an imported name; None if it is not part of this project."""
    parts = name.split(".")
    if parts[0] not in ("onecopy", "infra", "tests"):
        return None
    top = ROOT / ("functions" if parts[0] == "onecopy" else "")
    while not top.joinpath(*parts).is_dir():
        parts.pop()
    return "/".join(parts)


ROOMS = list(rooms())


def fits(room: str, patterns: list[str]) -> bool:
    return any(fnmatch(room, pattern) for pattern in patterns)


def allowed(room: str) -> list[str]:
    lines = [line.split(" ->") for line in DIRECTIONS.splitlines() if line]
    return next(targets.split() for name, targets in lines if fnmatch(room, name))


def ways(room: Path) -> set[tuple[str, str]]:
    """Each module of a room, and the other rooms that it imports."""
    found = ((module.name, room_of(name)) for module in room.glob("*.py") for name in imported(module))
    return {(module, to) for module, to in found if to and to != named(room)}


@pytest.mark.parametrize("room", ROOMS, ids=named)
def test_a_room_imports_only_the_rooms_it_may(room: Path) -> None:
    may = allowed(named(room))

    assert {(module, to) for module, to in ways(room) if not fits(to, may)} == set()


def test_no_two_rooms_import_each_other() -> None:
    both = {(named(room), to) for room in ROOMS for _, to in ways(room)}

    assert {way for way in both if way[::-1] in both} == set()


@pytest.mark.parametrize("room", ROOMS, ids=named)
def test_a_room_says_what_lives_in_it(room: Path) -> None:
    assert ast.get_docstring(ast.parse((room / "__init__.py").read_text()))


@pytest.mark.parametrize("room", ROOMS, ids=named)
def test_no_room_is_crowded(room: Path) -> None:
    assert len([module for module in room.glob("*.py") if module.name != "__init__.py"]) <= MODULES


@pytest.mark.parametrize("folder", ["client", "receiver"])
def test_a_reference_can_be_copied_without_anything_else(folder: str) -> None:
    modules = list((ROOT / "infra" / folder).glob("*.py"))

    assert len(modules) == 2
    assert [to for module in modules for to in map(room_of, imported(module)) if to] == []
