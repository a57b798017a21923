"""The model of many users: it keeps its rules, and its page holds what it prints."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as running
from hypothesis import strategies as st

from infra.docs import pages
from infra.scale import __main__ as command
from infra.scale import bill, breaks, limits, report
from infra.scale.breaks import CHECKS, Check
from infra.scale.prices import OUT, PRICES, Price
from infra.scale.report import SIZES
from infra.scale.settings import Settings
from onecopy.handlers.edge import measure

ROOT = Path(__file__).parents[2]
MODEL = report.model()
BLOCKS = report.blocks(MODEL)
RULE = running(deadline=None, max_examples=50)
FEWER = st.floats(1, 1e8)
MORE = st.floats(1, 100)
FACTOR = st.floats(1, 100)
BOUNDS = (
    "requests_per_second request_burst deliveries_at_once stream_batches due_shards sweep_timeout "
    "api_requests concurrency table_writes table_reads fifo"
).split()
"""The settings that limit something: a higher value lets more through."""

DEMANDS = "messages pictures flags deletes copies syncs devices subscribers failing busy_hour rush".split()


def first_break(settings: Settings) -> float:
    return breaks.breaks(MODEL.profile, MODEL.measured, settings)[0].users or breaks.MOST


def break_of(what: str, settings: Settings) -> float:
    found = breaks.breaks(MODEL.profile, MODEL.measured, settings)
    [users] = [one.users for one in found if one.check.what == what]
    return users or breaks.MOST


# The figures that are promised -------------------------------------------------------------------------


def test_nothing_breaks_at_a_hundred_thousand_users_with_the_defaults() -> None:
    load = MODEL.load(100_000)

    assert [check.what for check in CHECKS if check.usage(load) > 1] == []


@pytest.mark.parametrize("users", SIZES)
def test_nothing_breaks_at_any_size_in_the_cells_that_are_advised(users: int) -> None:
    load = MODEL.load(users / MODEL.cells(users), MODEL.after)

    assert [check.what for check in CHECKS if check.usage(load) > 1] == []


def test_ten_million_users_break_one_stack_however_it_is_set() -> None:
    """Otherwise the page would advise cells for nothing."""
    assert breaks.broken(MODEL.breaks_after(), 10_000_000)
    assert MODEL.cells(10_000_000) > 1
    assert MODEL.cells(1_000_000) == 1


# Its rules ---------------------------------------------------------------------------------------------


@RULE
@given(users=FEWER, more=MORE, check=st.sampled_from(CHECKS))
def test_more_users_never_use_less_of_a_limit(users: float, more: float, check: Check) -> None:
    few, many = MODEL.load(users), MODEL.load(users * more)

    assert check.usage(many) >= check.usage(few) * (1 - 1e-9)


@RULE
@given(users=FEWER, more=MORE)
def test_more_users_never_cost_less_and_never_more_each(users: float, more: float) -> None:
    few, many = bill.month(MODEL.load(users)).total, bill.month(MODEL.load(users * more)).total

    assert many >= few * (1 - 1e-9)
    assert many / (users * more) <= few / users * (1 + 1e-9)


@RULE
@given(name=st.sampled_from(DEMANDS), factor=st.floats(1, 3), check=st.sampled_from(CHECKS))
def test_who_does_more_asks_no_less_of_any_limit(name: str, factor: float, check: Check) -> None:
    load = MODEL.load(1_000_000)
    profile = replace(load.profile, **{name: getattr(load.profile, name) * factor})
    if name == "pictures":  # the number of texts stays the same
        more = profile.pictures - load.profile.pictures
        profile = replace(profile, messages=load.profile.messages + more)

    assert check.asked(replace(load, profile=profile)) >= check.asked(load) * (1 - 1e-9)


@RULE
@given(name=st.sampled_from(BOUNDS), factor=FACTOR)
def test_a_larger_setting_never_breaks_earlier(name: str, factor: float) -> None:
    """More deliveries at once bring other limits nearer, but none ahead of the first."""
    settings = replace(MODEL.before, **{name: getattr(MODEL.before, name) * factor})

    assert first_break(settings) >= first_break(MODEL.before) * (1 - 1e-5)


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("requests that the API lets in", "requests_per_second"),
        ("API Gateway, the account's requests", "api_requests"),
        ("deliveries", "deliveries_at_once"),
        ("SQS FIFO, calls of a kind", "fifo"),
        ("DynamoDB, the table's writes", "table_writes"),
        ("DynamoDB, the table's reads", "table_reads"),
        ("DynamoDB, a key of by-due", "due_shards"),
        ("Lambda, runs a second in the account", "concurrency"),
    ],
)
def test_a_limit_doubled_bears_twice_the_users(what: str, name: str) -> None:
    doubled = replace(MODEL.before, **{name: 2 * getattr(MODEL.before, name)})

    assert break_of(what, doubled) == pytest.approx(2 * break_of(what, MODEL.before), rel=1e-4)


def test_rings_one_after_another_are_too_slow_for_a_young_table() -> None:
    """This is why the template processes several batches of a shard at once."""
    one_by_one = replace(MODEL.before, stream_batches=1)

    assert break_of("the stream, rings", one_by_one) < 100_000
    assert break_of("the stream, rings", MODEL.before) == breaks.MOST


@pytest.mark.parametrize("found", [MODEL.breaks_before(), MODEL.breaks_after()], ids=["before", "after"])
def test_a_break_is_where_it_begins_to_be_too_much(found: list[breaks.Break]) -> None:
    settings = MODEL.before if found == MODEL.breaks_before() else MODEL.after
    for one in found:
        if one.users is not None:
            assert one.check.usage(MODEL.load(one.users * 0.999, settings)) <= 1
            assert one.check.usage(MODEL.load(one.users * 1.001 + 1, settings)) > 1


# What it costs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [*PRICES.values(), OUT], ids=[*PRICES, "sent out"])
@RULE
@given(quantity=st.floats(0, 1e13), more=st.floats(0, 1e12))
def test_a_band_is_paid_for_what_lies_in_it(price: Price, quantity: float, more: float) -> None:
    least, most = price.bands[-1][1], price.bands[0][1]
    step = price.of(quantity + more) - price.of(quantity)
    slack = 1e-9 * (1 + price.of(quantity + more))

    assert least * more - slack <= step <= most * more + slack


def test_the_second_band_begins_where_the_first_ends() -> None:
    assert OUT.of(10_240 + 100) == pytest.approx(10_240 * 0.09 + 100 * 0.085)


def test_what_is_paid_for_each_cell_is_paid_in_each() -> None:
    load = MODEL.load(1_000_000)
    one, six = bill.month(load).dollars, bill.month(load, cells=6).dollars
    of_each = {name for name in one if six[name] != pytest.approx(one[name])}

    assert {"Lambda, SnapStart's cache", "SQS, idle polling", "Dashboard", "Alarms"} <= of_each
    assert all(six[name] == pytest.approx(6 * one[name]) for name in of_each)
    assert not of_each & {"DynamoDB, write units", "S3, PUT requests", "Sent out: bodies"}


def test_a_store_that_nobody_uses_costs_a_few_dollars() -> None:
    """Only SnapStart's snapshot, polls, the dashboard, metrics, alarms and the secret cost anything."""
    dollars = bill.month(MODEL.load(0)).dollars
    idle = {name for name, cost in dollars.items() if cost > 0.2}

    assert sum(dollars.values()) < 20
    assert idle == {
        "Lambda, SnapStart's cache",
        "SQS, idle polling",
        "Dashboard",
        "Metrics of its own",
        "Alarms",
        "Secrets",
    }


# Where its figures come from -----------------------------------------------------------------------------


def test_every_limit_and_price_has_a_source() -> None:
    sources = [one.source for one in [*limits.LIMITS.values(), *PRICES.values(), OUT]]

    assert all(source.page and source.read for source in sources)
    assert all(one.metadata["source"] for one in fields(MODEL.profile))


def test_the_metrics_that_are_paid_for_are_those_that_are_told() -> None:
    assert MODEL.profile.metrics == len(measure.METRICS)


def test_every_operation_of_the_load_has_been_measured() -> None:
    assert MODEL.load(1).daily.keys() <= MODEL.measured.operations.keys()


@pytest.mark.parametrize("name", command.TITLES)
def test_the_page_holds_what_the_model_prints(name: str) -> None:
    """`python -m infra.scale --write` writes it to the page."""
    assert pages.get(command.PAGE, name) == BLOCKS[name]


def test_the_readme_says_what_a_user_costs_in_a_month() -> None:
    line = BLOCKS["costs"].splitlines()[-1]
    cents = [round(100 * float(each)) for each in re.findall(r"0\.\d+", line)]
    [said] = re.findall(r"(\d+) to (\d+) cents at AWS for each user", (ROOT / "README.md").read_text())

    assert len(cents) == len(SIZES)
    assert [min(cents), max(cents)] == list(map(int, said))


def test_a_command_prints_every_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0

    printed = capsys.readouterr().out
    assert all(f"{title}\n" in printed for title in command.TITLES.values())


def test_a_table_is_put_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- one -->\nold\n<!-- /one -->\nafter\n")

    pages.put(page, {"one": r"new \1"})

    assert page.read_text() == "before\n<!-- one -->\nnew \\1\n<!-- /one -->\nafter\n"
    with pytest.raises(KeyError):
        pages.put(page, {"two": "new"})
