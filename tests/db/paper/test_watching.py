"""db.paper.watching: a confirmed pair is suspended as soon as it is not what was confirmed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from db.paper import matches, watching
from paper import sums
from tests.db.paper.pairs import BOTH, RAIN, RAIN_TOO, Markets

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def look(listed: Markets) -> Callable[[], list[tuple[int, str]]]:
    def look() -> list[tuple[int, str]]:
        with listed.cursor() as cursor:
            return watching.suspend_unequal(cursor)

    return look


@pytest.fixture
def quote(query: Query) -> Callable[..., None]:
    """(symbol, bid, ask): the newest of the instrument."""
    numbers = iter(range(1, 1000))

    def quote(symbol: str, bid: float, ask: float, age_minutes: float = 0) -> None:
        query(
            "INSERT INTO quotes (event_at, received_at, instrument_id, update_id, bid_price, bid_quantity, ask_price, ask_quantity) "
            "SELECT now() - %s * INTERVAL '1 minute', now(), instrument_id, %s, %s, 5, %s, 5 FROM instruments WHERE symbol = %s",
            (age_minutes, next(numbers), bid, ask, symbol),
        )

    return quote


# --- texts ----------------------------------------------------------------------------------------------------------------
CHANGES = [
    ("here", replace(RAIN, rules="Ten drops count."), "the rules of here RAIN-1 have changed"),
    ("there", replace(RAIN_TOO, rules=RAIN_TOO.rules + " "), "the rules of there 0xabc have changed"),
    ("there", replace(RAIN_TOO, rules=None), "the rules of there 0xabc have changed"),
    ("there", replace(RAIN_TOO, outcomes=(("11", "No"), ("12", "Yes"))), "the outcomes of there 0xabc have changed"),
    ("there", replace(RAIN_TOO, outcomes=(("13", "Yes"), ("12", "No"))), "the outcomes of there 0xabc have changed"),
    ("here", replace(RAIN, outcomes=(("RAIN-1", "Snow"),)), "the outcomes of here RAIN-1 have changed"),
]


@pytest.mark.parametrize(("venue", "market", "reason"), CHANGES)
def test_another_text_or_outcome_suspends_the_pair_once(
    listed: Markets, query: Query, state: Callable[[int], str], venue: str, market: Any, reason: str
) -> None:
    number = listed.confirmed()
    listed.say(venue, market)
    for told in ([(number, reason)], []):
        with listed.cursor() as cursor:
            assert watching.suspend_changed(cursor) == told
    assert state(number) == "suspended"
    assert query("SELECT decided_by, state, reason FROM contract_match_history ORDER BY history_id")[1:] == [("farm", "suspended", reason)]


def test_what_says_nothing_of_the_question_suspends_nothing(listed: Markets, state: Callable[[int], str]) -> None:
    number = listed.confirmed()
    listed.say("here", replace(RAIN, attributes={"fee": 1}, status="paused"))
    listed.say("there", replace(RAIN_TOO, outcomes=tuple(reversed(RAIN_TOO.outcomes)), closes_at_us=1))
    with listed.cursor() as cursor:
        assert watching.suspend_changed(cursor) == []
    assert state(number) == "confirmed"


def test_confirmed_anew_the_new_text_counts(listed: Markets, state: Callable[[int], str]) -> None:
    number = listed.confirmed()
    listed.say("here", replace(RAIN, rules="Ten drops count."))
    with listed.cursor() as cursor:
        watching.suspend_changed(cursor)
        matches.confirm(cursor, number, BOTH)
        assert watching.suspend_changed(cursor) == []
    listed.say("here", RAIN)
    with listed.cursor() as cursor:
        assert len(watching.suspend_changed(cursor)) == 1


# --- sums -----------------------------------------------------------------------------------------------------------------
def test_an_inverted_pair_is_suspended_after_some_looks(
    listed: Markets, look: Callable[[], Any], quote: Callable[..., None], query: Query, state: Callable[[int], str]
) -> None:
    number = listed.confirmed()
    quote("RAIN-1", 0.80, 0.82)
    quote("11", 0.19, 0.21)
    assert [look() for _ in range(sums.LOOKS - 1)] == [[]] * (sums.LOOKS - 1)
    assert query("SELECT last_sum, sums_off FROM contract_matches") == [(pytest.approx(1.61), sums.LOOKS - 1)]
    ((pair, reason),) = look()
    assert (pair, state(number)) == (number, "suspended") and reason.startswith("perhaps inverted: YES of a and NO of b cost 1.61")
    assert look() == []


def test_the_right_way_round_costs_one(listed: Markets, look: Callable[[], Any], quote: Callable[..., None], query: Query) -> None:
    listed.confirmed()
    quote("RAIN-1", 0.80, 0.82)
    quote("11", 0.75, 0.77)
    assert [look() for _ in range(2 * sums.LOOKS)] == [[]] * (2 * sums.LOOKS)
    assert query("SELECT sums_off FROM contract_matches") == [(0,)]


def test_the_sum_of_a_proposal_is_told_where_yes_is_known(listed: Markets, quote: Callable[..., None], query: Query) -> None:
    number = listed.pair()
    quote("RAIN-1", 0.80, 0.82)
    quote("12", 0.19, 0.21)
    for yes, total in ((None, None), ("12", pytest.approx(1.61)), ("11", None)):
        query("UPDATE contract_matches SET yes_symbol_a = 'RAIN-1', yes_symbol_b = %s", (yes,))
        with listed.cursor() as cursor:
            assert watching.sum_now(cursor, number) == total


def test_looks_have_to_be_off_in_a_row(listed: Markets, look: Callable[[], Any], quote: Callable[..., None], query: Query) -> None:
    listed.confirmed()
    quote("RAIN-1", 0.80, 0.82)
    quote("11", 0.19, 0.21)
    for _ in range(sums.LOOKS - 1):
        look()
    quote("11", 0.80, 0.82)
    look()
    assert query("SELECT sums_off FROM contract_matches") == [(0,)]


@pytest.mark.parametrize(
    ("bid", "ask", "age"), [(0.10, 0.31, 0), (0, 0.21, 0), (0.19, 0, 0), (0.19, 0.21, 16)], ids=["wide", "no bids", "no asks", "old"]
)
def test_a_book_that_says_little_is_not_judged_by(
    listed: Markets, look: Callable[[], Any], quote: Callable[..., None], query: Query, bid: float, ask: float, age: float
) -> None:
    listed.confirmed()
    quote("RAIN-1", 0.80, 0.82)
    quote("11", bid, ask, age)
    assert look() == []
    assert query("SELECT last_sum FROM contract_matches") == [(None,)]


@pytest.mark.parametrize(
    ("mid_a", "mid_b", "off"), [(0.5, 0.5, 0), (0.5, 0.64, 0), (0.5, 0.66, 1), (0.34, 0.5, 1), (0.9, 0.1, 1), (0.0, 1.0, 1)]
)
def test_near_one_is_fifteen_cents(mid_a: float, mid_b: float, off: int) -> None:
    assert sums.looked(mid_a, mid_b, 0) == (pytest.approx(1 + mid_a - mid_b), off)
    assert sums.looked(mid_a, mid_b, 3)[1] == (4 if off else 0)


def test_the_verdict_says_which_mistake_it_looks_like() -> None:
    assert sums.verdict(0.8, 0.2).startswith("perhaps inverted")
    assert sums.verdict(0.8, 0.6).startswith("perhaps not one question")
