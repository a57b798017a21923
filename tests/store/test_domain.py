"""The rules of the domain, tested without a table, a clock or a network."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from onecopy.domain.box import LONGEST_REQUEST, SETTLED, Box, BoxKey, Chain, Job, Moved
from onecopy.domain.errors import InvalidInput
from onecopy.domain.folder import check_name, split_path
from onecopy.domain.ids import ROOT, FolderId, ModSeq, compact, is_id, split_ids
from onecopy.domain.interest import Followed
from onecopy.domain.link import date_of, flag_set, has_flag, parse_date, with_flags, without_flags
from onecopy.domain.subscription import back_off
from onecopy.domain.token import LISTING_FOLDERS, LISTING_OBJECTS, BadToken, RestartToken, parse

BOX = BoxKey("main", "tel:+99911112222")
KEYS = (b"first secret", b"second secret")
NUMBERS = st.integers(1, 36**12 - 1)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
FLAGS = st.lists(st.text(min_size=1, max_size=8) | st.sampled_from(["\\Seen", "\\SEEN", "straße", "STRASSE"]))

# Ids -----------------------------------------------------------------------------------------------------


@given(NUMBERS, NUMBERS)
def test_ids_sort_as_they_were_given_out(one: int, other: int) -> None:
    assert (compact(one) < compact(other)) == (one < other)


@pytest.mark.nms("objectId, folderId", "The word operations is never an id")
@given(NUMBERS)
def test_an_id_is_one_and_the_word_operations_never(number: int) -> None:
    assert is_id(compact(number))
    assert compact(number) != "operations"


@given(st.text(max_size=16) | st.from_regex(r"[a-m][0-9a-zA-Z]{0,14}", fullmatch=True))
def test_what_was_never_given_out_is_no_id(text: str) -> None:
    """So no two spellings lead to the same object."""
    given_out = text[1:].isascii() and text[1:].isalnum() and compact(int(text[1:], 36)) == text
    assert is_id(text) == given_out


@given(st.just("") | NUMBERS.map(compact), st.just("") | NUMBERS.map(compact))
def test_two_ids_written_behind_each_other_come_apart_again(one: str, other: str) -> None:
    assume(one or not other)
    assert split_ids(one + other) == (one, other)


def test_a_modification_number_is_never_negative_and_goes_up_by_one() -> None:
    assert ModSeq(7).next() == 8
    with pytest.raises(ValueError, match="negative"):
        ModSeq(-1)


# Up to where the log is complete -------------------------------------------------------------------------

_PAUSES = st.lists(st.floats(0, 12) | st.just(60.0), min_size=1, max_size=40)


@given(_PAUSES, st.floats(0, 70))
def test_a_listing_starts_before_what_may_not_show_yet_and_not_long_before(
    pauses: list[float], wait: float
) -> None:
    """Each commit takes one number, and may show only in part until SETTLED after it began."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    box, begun = Box(BOX, ModSeq(), 0, "v"), []
    for pause in pauses:
        now += timedelta(seconds=pause)
        begun.append(now)
        box = replace(box, seq=box.seq.next(), at=now, marks=box.marked(now))
    now += timedelta(seconds=wait)
    start = box.shown_whole(now)
    assert len(box.marks) <= 2
    assert all(at <= now - SETTLED for at in begun[:start])
    assert all(at > now - LONGEST_REQUEST - 2 * SETTLED for at in begun[start:])


# Where a folder is, whatever was moved above it ----------------------------------------------------------


class Tree(RuleBasedStateMachine):
    """Folders are made and moved; the rows below a moved folder are corrected later, or not yet.

    In any order, the box can tell every folder's true chain from the chain that was written in its row.
    """

    @initialize()
    def empty(self) -> None:
        self.parents: dict[FolderId, FolderId] = {}
        self.written: dict[FolderId, Chain] = {ROOT: ()}
        self.box = Box(BOX, ModSeq(), 1, "0" * 12)

    def below(self, parent: FolderId) -> Chain:
        return (*self.box.chain(self.written[parent]), parent)

    def true_chain(self, folder: FolderId) -> Chain:
        parent = self.parents.get(folder)
        return (*self.true_chain(parent), parent) if parent else ()

    def pick(self, data: Any, among: Any) -> FolderId:
        return FolderId(data.draw(st.sampled_from(sorted(among))))

    @precondition(lambda self: len(self.written) < 12)
    @rule(data=st.data())
    def make(self, data: Any) -> None:
        folder, parent = FolderId(compact(len(self.written) + 1)), self.pick(data, self.written)
        self.written[folder], self.parents[folder] = self.below(parent), parent

    @precondition(lambda self: self.parents)
    @rule(data=st.data())
    def move(self, data: Any) -> None:
        folder = self.pick(data, self.parents)
        parent = self.pick(data, (f for f in self.written if folder not in (*self.true_chain(f), f)))
        seq = self.box.seq.next()
        chain = self.below(parent)
        self.written[folder], self.parents[folder] = chain, parent
        self.box = replace(self.box, seq=seq, moved={**self.box.moved, folder: Moved(seq, chain)})

    @precondition(lambda self: self.box.moved)
    @rule(data=st.data())
    def put_one_right(self, data: Any) -> None:
        folder = self.pick(data, self.written)
        self.written[folder] = self.box.chain(self.written[folder])

    @precondition(lambda self: self.box.moved)
    @rule(data=st.data())
    def settle(self, data: Any) -> None:
        moved = self.pick(data, self.box.moved)
        for folder, chain in self.written.items():
            if moved in chain:
                self.written[folder] = self.box.chain(chain)
        self.box = replace(self.box, moved=self.box.settled(moved))

    @invariant()
    def the_box_knows_where_every_folder_is(self) -> None:
        for folder, chain in self.written.items():
            assert self.box.chain(chain) == self.true_chain(folder)


TestTree = Tree.TestCase


def test_all_that_lies_below_a_folder_being_deleted_is_hidden_and_nothing_else() -> None:
    a, b, c = (FolderId(compact(number)) for number in (10, 11, 12))
    moved = {b: Moved(5, (ROOT, a))}
    box = Box(BOX, ModSeq(9), 12, "0" * 12, (Job("b9", "delete", 1, (a,)),), moved)
    assert box.hides(a, (ROOT,))
    assert box.hides(c, (ROOT, b))  # as written before b was moved below a
    assert not box.hides(FolderId(compact(13)), (ROOT,))


# Names and paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\x00", "a\x1fb", "a\x7f", "a\x85b", "x" * 256])
def test_a_name_that_no_folder_may_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_name(name)


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1)))
def test_a_path_is_its_names(names: list[str]) -> None:
    assume(not {".", ".."} & set(names))
    assert split_path("/" + "/".join(names), "path") == tuple(names)


# Flags and dates -----------------------------------------------------------------------------------------


@given(FLAGS, st.randoms())
def test_flags_are_a_set_without_case_and_order(flags: list[str], random: Any) -> None:
    shuffled = random.sample(flags, len(flags))
    kept = flag_set(flags)
    assert flag_set(kept) == kept
    assert [flag.casefold() for flag in kept] == [flag.casefold() for flag in flag_set(shuffled)]
    assert all(has_flag(kept, flag.swapcase()) for flag in ["\\Seen"] if "\\Seen" in flags)
    assert {flag.casefold() for flag in kept} == {flag.casefold() for flag in flags}


@given(FLAGS, st.text(min_size=1))
def test_a_flag_taken_away_is_absent_and_the_others_stay(flags: list[str], name: str) -> None:
    before = flag_set([*flags, name])
    after = without_flags(before, [name])
    assert not has_flag(after, name)
    assert len(after) == len(before) - 1


@given(FLAGS, FLAGS)
def test_flags_added_are_all_there_and_adding_them_again_changes_nothing(
    flags: list[str], added: list[str]
) -> None:
    after = with_flags(flag_set(flags), added)
    assert all(has_flag(after, name) for name in (*flags, *added))
    assert with_flags(after, [name.swapcase() for name in added if name.isascii()]) == after


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_a_date_is_the_same_moment_in_any_time_zone(moment: datetime, minutes: int) -> None:
    sign, offset = "+" if minutes >= 0 else "-", abs(minutes)
    local = (moment + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat()
    assert parse_date(f"{local}{sign}{offset // 60:02}:{offset % 60:02}") == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T10:00:00",
        "2026-13-01T00:00:00Z",
        "23.11.2026",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_is_no_date_time_stamp_leaves_the_time_of_creation(text: str) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert date_of((("Date", (text,)),), now) == now


def test_the_date_attribute_is_found_whatever_its_case() -> None:
    attributes = (("Subject", ("x",)), ("DATE", ("2020-02-29T12:00:00Z",)))
    assert date_of(attributes, datetime.now(UTC)) == datetime(2020, 2, 29, 12, tzinfo=UTC)


# Restart tokens ------------------------------------------------------------------------------------------

VERSIONS = st.from_regex(r"([0-9a-f]{8})?", fullmatch=True)
FOLLOWED = st.builds(Followed, st.from_regex(r"[a-z0-9-]{0,64}", fullmatch=True), VERSIONS, VERSIONS)
TOKENS = (
    st.builds(
        RestartToken,
        validity=st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
        position=st.integers(0, 10**17).map(ModSeq),
        given=MOMENTS.map(lambda moment: moment.replace(microsecond=0)),
        listing=st.sampled_from(["", LISTING_FOLDERS, LISTING_OBJECTS]),
    )
    .flatmap(
        lambda token: (
            (st.just("") | NUMBERS.map(compact)).map(lambda after: replace(token, after=after))
            if token.listing
            else st.just(token)
        )
    )
    .flatmap(
        lambda token: (
            st.just(token)
            | st.builds(
                lambda followed, seen: replace(token, followed=followed, seen=seen),
                FOLLOWED.filter(lambda followed: followed != Followed()),
                st.integers(0, 10**17),
            )
        )
    )
)


@given(TOKENS)
def test_a_token_says_again_what_was_signed(token: RestartToken) -> None:
    assert parse(token.sign(BOX, KEYS), BOX, KEYS) == token


@given(TOKENS, st.data())
def test_a_token_with_any_character_changed_is_none(token: RestartToken, data: Any) -> None:
    text = token.sign(BOX, KEYS)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters() | st.sampled_from("0123456789abcdefo-_A٣"))
    assume(other != text[place])
    with pytest.raises(BadToken):
        parse(text[:place] + other + text[place + 1 :], BOX, KEYS)


@given(TOKENS, st.data())
def test_a_token_cut_short_or_added_to_is_none(token: RestartToken, data: Any) -> None:
    text = token.sign(BOX, KEYS)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    for bad in (cut, text + "A", " " + text, text + "\n"):
        with pytest.raises(BadToken):
            parse(bad, BOX, KEYS)


@given(TOKENS, st.sampled_from([BoxKey("main", "tel:+99911112223"), BoxKey("other", BOX.box_id)]))
def test_a_token_of_another_box_is_none(token: RestartToken, other: BoxKey) -> None:
    with pytest.raises(BadToken):
        parse(token.sign(other, KEYS), BOX, KEYS)


@given(TOKENS)
def test_the_first_key_signs_and_every_key_verifies(token: RestartToken) -> None:
    old, new = KEYS
    assert parse(token.sign(BOX, [old]), BOX, [new, old]) == token
    assert parse(token.sign(BOX, [new, old]), BOX, [new]) == token
    with pytest.raises(BadToken):
        parse(token.sign(BOX, [old]), BOX, [new])


@given(TOKENS)
def test_while_keys_change_whoever_learnt_earlier_and_later_take_each_others_tokens(
    token: RestartToken,
) -> None:
    """See the operator's guide: every environment knows the new key before any signs with it."""
    old, new = KEYS
    steps = [[old], [old, new], [new, old]]
    for earlier, later in pairwise(steps):
        assert parse(token.sign(BOX, earlier), BOX, later) == token
        assert parse(token.sign(BOX, later), BOX, earlier) == token


# Back-off ------------------------------------------------------------------------------------------------


@given(st.integers(1, 10_000), st.integers(1, 1000))
def test_a_back_off_doubles_from_a_second_up_to_its_ceiling(tries: int, seconds: int) -> None:
    longest = timedelta(seconds=seconds)
    wait, next_wait = back_off(tries, longest), back_off(tries + 1, longest)
    assert wait <= longest
    assert next_wait == min(2 * wait, longest)
