"""db.markets: questions, the hash of their rules, and which of them wait for a result."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from core.records import Market
from db import markets

AT = 1_795_300_000_000_000
MINUTE = 60_000_000
RAIN = Market(
    "0xabc", "Will it rain?", "active", (("1", "Yes"), ("2", "No")), "Any drop counts. 币", closes_at_us=AT, attributes={"fee": "0.02"}
)
SNOW = Market("0xdef", "Will it snow?", "active", (("3", "Yes"), ("4", "No")))

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def describe(connection: RawConnection) -> Callable[[Sequence[Market], int], int]:
    def describe(listed: Sequence[Market], at_us: int) -> int:
        with connection, connection.cursor() as cursor:
            return markets.describe(cursor, "somewhere", listed, at_us=at_us)

    return describe


@pytest.fixture
def unresolved(connection: RawConnection) -> Callable[..., list[str]]:
    def unresolved(sources: int = 2, limit: int = 10) -> list[str]:
        with connection, connection.cursor() as cursor:
            return markets.unresolved(cursor, "somewhere", sources=sources, limit=limit)

    return unresolved


def test_a_market_is_stored_with_the_hash_of_its_rules(describe: Any, query: Query) -> None:
    assert describe([RAIN, SNOW], AT) == 2
    stored = query("SELECT market_id, title, status, outcomes, rules_sha256, attributes FROM markets ORDER BY market_id")
    assert stored[0] == (
        "0xabc",
        "Will it rain?",
        "active",
        [["1", "Yes"], ["2", "No"]],
        hashlib.sha256("Any drop counts. 币".encode()).hexdigest(),
        {"fee": "0.02"},
    )
    assert stored[1][4] is None


def test_every_change_is_a_version_and_a_repeat_is_none(describe: Any, query: Query) -> None:
    describe([RAIN], AT)
    assert describe([RAIN], AT + MINUTE) == 0
    assert describe([replace(RAIN, rules="Ten drops count.")], AT + 2 * MINUTE) == 1
    versions = query("SELECT rules, valid_to IS NULL FROM market_history ORDER BY valid_from")
    assert versions == [("Any drop counts. 币", False), ("Ten drops count.", True)]


def test_a_market_that_a_page_leaves_out_stays_as_it_is(describe: Any, query: Query) -> None:
    describe([RAIN, SNOW], AT)
    assert describe([SNOW], AT + MINUTE) == 0
    assert query("SELECT count(*) FROM markets WHERE status = 'active'") == [(2,)]


def test_an_older_reply_does_not_undo_a_newer_one(describe: Any, query: Query) -> None:
    describe([replace(RAIN, status="closed")], AT + MINUTE)
    assert describe([RAIN], AT) == 0
    assert query("SELECT status FROM markets") == [("closed",)]


def test_a_market_waits_until_enough_sources_agree(describe: Any, unresolved: Any, query: Query) -> None:
    query("INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('somewhere', '1', 'unknown', now(), now())")
    describe([replace(RAIN, status="closed"), SNOW], AT)
    say = "INSERT INTO resolutions SELECT now(), now(), instrument_id, %s, %s, %s FROM instruments WHERE symbol = '1'"
    assert unresolved() == ["0xabc"], "trading in the other goes on"
    query(say, ("one", "proposed", 1.0))
    query(say, ("one", "resolved", 1.0))
    assert unresolved(sources=1) == [] and unresolved() == ["0xabc"]
    query(say, ("two", "resolved", 0.0))
    assert unresolved() == ["0xabc"], "two sources that contradict each other are no agreement"
    query(say, ("three", "resolved", 1.0))
    assert unresolved() == []


def test_of_too_many_markets_that_wait_each_has_its_turn(describe: Any, unresolved: Any) -> None:
    waiting = [replace(RAIN, market_id=f"0x{number}", status="closed") for number in range(3)]
    describe(waiting, AT)
    asked = [unresolved(limit=2) for _ in range(60)]
    assert {len(set(some)) for some in asked} == {2} and {market for some in asked for market in some} == {"0x0", "0x1", "0x2"}


def test_the_outcomes_of_active_markets_are_what_trades(describe: Any, connection: RawConnection) -> None:
    describe([RAIN, SNOW], AT)
    describe([replace(SNOW, title="Will it snow much?")], AT + MINUTE)
    describe([replace(SNOW, market_id="0x3", status="closed", outcomes=(("5", "Yes"),))], AT + MINUTE)
    with connection, connection.cursor() as cursor:
        assert markets.traded(cursor, "somewhere", limit=9) == ["3", "4", "1", "2"]
        assert markets.traded(cursor, "somewhere", limit=1) == ["3", "4"]
        assert markets.traded(cursor, "elsewhere", limit=9) == []


def test_a_result_that_was_told_of_lets_the_others_be_asked_while_the_market_still_passes_for_active(
    describe: Any, unresolved: Any, query: Query
) -> None:
    describe([RAIN], AT)
    say = (
        "INSERT INTO resolutions (event_at, received_at, instrument_id, source, status, payout) "
        "SELECT now(), now(), instrument_id, %s, 'resolved', 1 FROM instruments WHERE symbol = '1'"
    )
    query("INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('somewhere', '1', 'active', now(), now())")
    query("UPDATE markets SET closes_at = now() + INTERVAL '1 day'")
    assert unresolved() == []
    query(say, ("one",))
    assert unresolved() == ["0xabc"]
    query(say, ("two",))
    assert unresolved() == []


def test_a_provisional_word_describes_a_new_market_and_changes_none_that_is_known(connection: RawConnection, query: Query) -> None:
    poorer = replace(RAIN, title="Rain?", rules=None, closes_at_us=None)
    with connection, connection.cursor() as cursor:
        assert markets.describe(cursor, "somewhere", [RAIN], at_us=AT) == 1
        assert markets.describe(cursor, "somewhere", [poorer, SNOW], at_us=AT + MINUTE, provisional=True) == 1
    assert query("SELECT market_id, title FROM markets ORDER BY 1") == [("0xabc", "Will it rain?"), ("0xdef", "Will it snow?")]
    assert query("SELECT count(*) FROM market_history") == [(2,)]
