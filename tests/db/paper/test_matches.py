"""db.paper.matches: what a person decides of a pair, what cannot be decided, and the history of both."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

from db import engine
from db.paper import matches, watching
from db.paper.matches import Decision, MatchError
from paper.matching import Candidate
from tests.db.paper.pairs import AT, BOTH, RAIN, RAIN_TOO, Markets

Query = Callable[..., list[tuple[Any, ...]]]


def candidate(a: int, b: int, score: float = 0.7, yes_b: str | None = "11") -> Candidate:
    return Candidate(a, b, "RAIN-1", yes_b, score, ("both say rain",), ("they end 9 days apart",))


def digest(text: str | None) -> str:
    return hashlib.sha256((text or "").encode()).hexdigest()


# --- proposals ------------------------------------------------------------------------------------------------------------
def test_a_proposal_is_kept_under_its_number_and_follows_the_machine(listed: Markets, query: Query) -> None:
    a, b = *listed.say("here", RAIN), *listed.say("there", RAIN_TOO)
    for score, told in ((0.7, (1, 0)), (0.7, (0, 0)), (0.8, (0, 1))):
        with listed.cursor() as cursor:
            assert matches.propose(cursor, [candidate(a, b, score)]) == told
    assert query("SELECT pair_id, state, score, why, cautions FROM contract_matches") == [
        (1, "proposed", 0.8, ["both say rain"], ["they end 9 days apart"])
    ]


def test_what_a_person_has_rejected_is_not_proposed_again(listed: Markets, state: Callable[[int], str]) -> None:
    number = listed.pair()
    with listed.cursor() as cursor:
        matches.reject(cursor, number, "ada", "snow is no rain")
    a, b = *listed.say("here", RAIN), *listed.say("there", RAIN_TOO)
    with listed.cursor() as cursor:
        assert matches.propose(cursor, [candidate(a, b)]) == (0, 0)
    assert state(number) == "rejected"


def test_a_proposal_goes_when_a_market_is_over_and_a_decision_stays(listed: Markets, query: Query) -> None:
    kept = listed.confirmed()
    a, b = *listed.say("here", replace(RAIN, market_id="RAIN-2")), *listed.say("there", replace(RAIN_TOO, market_id="0xdef"))
    with listed.cursor() as cursor:
        matches.propose(cursor, [candidate(a, b)])
    listed.say("here", replace(RAIN, market_id="RAIN-2", status="closed"), replace(RAIN, status="closed"))
    with listed.cursor() as cursor:
        matches.propose(cursor, [])
    assert query("SELECT pair_id FROM contract_matches") == [(kept,)]


def test_one_proposes_at_a_time(listed: Markets, fresh_database_url: str) -> None:
    with listed.cursor() as cursor, closing(engine.connect(fresh_database_url, name="test")) as other, other.cursor() as second:
        assert matches.lock(cursor) and not matches.lock(second)


# --- decisions ------------------------------------------------------------------------------------------------------------
def test_a_confirmed_pair_has_all_that_trading_it_needs(listed: Markets, query: Query) -> None:
    number = listed.confirmed(replace(BOTH, tails=("void/yes", "no/void"), notes="both by the same gauge"))
    ids = dict(query("SELECT symbol, instrument_id FROM instruments"))
    keys = dict(query("SELECT venue, market_key FROM markets"))
    with listed.cursor() as cursor:
        assert watching.confirmed(cursor) == [
            watching.Confirmed(
                number,
                watching.Side("here", keys["here"], ids["RAIN-1"], "active"),
                watching.Side("there", keys["there"], ids["11"], "active"),
                frozenset({"void/yes", "no/void"}),
                AT + 5,
            )
        ]
    assert query("SELECT rules_sha256_a, rules_sha256_b, yes_name_a, yes_name_b, notes, decided_by FROM contract_matches") == [
        (digest(RAIN.rules), digest(RAIN_TOO.rules), "Rain", "Yes", "both by the same gauge", "ada")
    ]


def test_only_confirmed_pairs_are_told(listed: Markets) -> None:
    number = listed.confirmed()
    for decide in (matches.suspend, matches.reject):
        with listed.cursor() as cursor:
            decide(cursor, number, "ada", "")
            assert watching.confirmed(cursor) == []


def test_a_pair_that_was_settled_long_ago_is_told_no_more(listed: Markets, query: Query) -> None:
    listed.confirmed()
    listed.say("here", replace(RAIN, status="resolved"))
    query("UPDATE markets SET updated_at = now() - INTERVAL '8 days'")
    with listed.cursor() as cursor:
        assert len(watching.confirmed(cursor)) == 1  # the other side is not resolved yet
    query("UPDATE markets SET status = 'resolved'")
    with listed.cursor() as cursor:
        assert (len(watching.confirmed(cursor)), len(watching.confirmed(cursor, settled_days=9))) == (0, 1)


def test_yes_is_named_by_outcome_or_symbol_or_as_it_was_proposed(listed: Markets, query: Query) -> None:
    a, b = *listed.say("here", RAIN), *listed.say("there", RAIN_TOO)
    with listed.cursor() as cursor:
        matches.propose(cursor, [candidate(a, b, yes_b="12")])
    for said, symbol in ((None, "12"), ("yes", "11"), ("12", "12")):
        with listed.cursor() as cursor:
            matches.confirm(cursor, 1, Decision("ada", None, said))
        assert query("SELECT yes_symbol_a, yes_symbol_b FROM contract_matches") == [("RAIN-1", symbol)]


@pytest.mark.parametrize(
    ("decision", "sentence"),
    [
        (Decision("ada", "Rain"), "Which outcome of there 0xabc is YES has to be said: Yes or No"),
        (Decision("ada", "Snow", "Yes"), "here RAIN-1 has no outcome 'Snow': Rain"),
        (replace(BOTH, tails=("yes/yes",)), "yes/yes is no tail case"),
        (replace(BOTH, tails=("void/maybe",)), "void/maybe is no tail case"),
        (replace(BOTH, rules=(digest(RAIN.rules)[:10], "0123456789")), "are other ones than were read"),
        (replace(BOTH, rules=("", "")), "are other ones than were read"),
    ],
)
def test_a_decision_that_cannot_be_made_changes_nothing(listed: Markets, query: Query, decision: Decision, sentence: str) -> None:
    number = listed.pair()
    with pytest.raises(MatchError, match=sentence), listed.cursor() as cursor:
        matches.confirm(cursor, number, decision)
    assert query("SELECT state, tails FROM contract_matches") == [("proposed", [])]
    assert query("SELECT count(*) FROM contract_match_history") == [(0,)]


@pytest.mark.parametrize(
    ("a", "sentence"),
    [
        (replace(RAIN, rules=None), "has no rules yet"),
        (replace(RAIN, status="resolved"), "is resolved"),
        (replace(RAIN, status="closed"), "is closed"),
    ],
)
def test_a_market_without_rules_or_without_a_future_is_not_confirmed(listed: Markets, a: Any, sentence: str) -> None:
    number = listed.pair(a)
    with pytest.raises(MatchError, match=sentence), listed.cursor() as cursor:
        matches.confirm(cursor, number, BOTH)


def test_a_pair_whose_instruments_nobody_has_listed_is_not_confirmed(listed: Markets, query: Query) -> None:
    number = listed.pair()
    query("DELETE FROM instruments WHERE symbol = '11'")
    with pytest.raises(MatchError, match="are not listed yet"), listed.cursor() as cursor:
        matches.confirm(cursor, number, BOTH)
    assert query("SELECT state, yes_symbol_a FROM contract_matches") == [("proposed", None)]


def test_the_mark_of_the_texts_that_were_read_is_enough(listed: Markets, state: Callable[[int], str]) -> None:
    number = listed.confirmed(replace(BOTH, rules=(digest(RAIN.rules)[:10], digest(RAIN_TOO.rules)[:10])))
    assert state(number) == "confirmed"


def test_what_is_not_there_or_not_confirmed_is_told_so(listed: Markets) -> None:
    number = listed.pair()
    with pytest.raises(MatchError, match="There is no pair 99"), listed.cursor() as cursor:
        matches.reject(cursor, 99, "ada", "")
    with pytest.raises(MatchError, match="only what is confirmed can be suspended"), listed.cursor() as cursor:
        matches.suspend(cursor, number, "ada", "")


def test_every_decision_is_a_row_of_history(listed: Markets, query: Query) -> None:
    number = listed.confirmed(replace(BOTH, tails=("void/yes",), reason="read twice"))
    with listed.cursor() as cursor:
        matches.suspend(cursor, number, "bob", "looks odd")
    with listed.cursor() as cursor:
        matches.confirm(cursor, number, replace(BOTH, yes_b="No"))
    with listed.cursor() as cursor:
        matches.reject(cursor, number, "ada", "two gauges")
    assert query("SELECT decided_by, state, reason, yes_symbol_b, tails FROM contract_match_history ORDER BY history_id") == [
        ("ada", "confirmed", "read twice", "11", ["void/yes"]),
        ("bob", "suspended", "looks odd", "11", ["void/yes"]),
        ("ada", "confirmed", "", "12", []),
        ("ada", "rejected", "two gauges", "12", []),
    ]


def test_the_database_itself_refuses_a_confirmed_pair_without_orientation(listed: Markets, query: Query) -> None:
    listed.pair()
    with pytest.raises(psycopg2.errors.CheckViolation):
        query("UPDATE contract_matches SET state = 'confirmed', decided_at = now(), decided_by = 'ada'")
