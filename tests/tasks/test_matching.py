"""Looking for pairs and watching them, as a worker does it."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from core.records import Instrument, Market
from core.settings import ROOT
from db import instruments, markets
from db.paper import matches
from db.paper.matches import Decision
from tasks import matching

Query = Callable[..., list[tuple[Any, ...]]]

KANE = Market(
    "KXBALLONDOR-26-HKAN",
    "Who will win the Ballon d'Or in 2026?",
    "active",
    (("KXBALLONDOR-26-HKAN", "Harry Kane"),),
    "If Harry Kane wins, Yes.",
    attributes={"market_type": "binary", "can_close_early": True, "early_close_condition": "when the winner is announced"},
)
KANE_TOO = Market(
    "0x12dc2b61",
    "Will Harry Kane win the 2026 Ballon d'Or?",
    "active",
    (("71", "Yes"), ("72", "No")),
    "Resolves Yes if Harry Kane wins.",
    attributes={"negRisk": True, "groupItemTitle": "Harry Kane", "eventTitle": "Ballon d'Or Winner 2026"},
)
OTHER = replace(KANE_TOO, market_id="0x99", outcomes=(("73", "Yes"), ("74", "No")), attributes={"negRisk": True, "negRiskOther": True})
COMBO = replace(
    KANE, market_id="KXMVE-1", outcomes=(("KXMVE-1", "yes Harry Kane,yes France"),), attributes={"mve_collection_ticker": "KXMVE"}
)
RESOLVED = replace(KANE_TOO, market_id="0x98", status="resolved", outcomes=(("75", "Yes"), ("76", "No")))


@pytest.fixture
def listed(connection: RawConnection, worker: Callable[..., None]) -> Callable[..., None]:
    times = iter(range(1_795_300_000_000_000, 1_795_400_000_000_000, 60_000_000))

    def say(venue: str, *found: Market) -> None:
        at_us = next(times)
        with connection, connection.cursor() as cursor:
            tokens = [Instrument(symbol, one.status) for one in found for symbol, _ in one.outcomes]
            instruments.describe(cursor, venue, tokens, complete=False, at_us=at_us)
            markets.describe(cursor, venue, found, at_us=at_us)

    say("kalshi", KANE, COMBO)
    say("polymarket", KANE_TOO, OTHER, RESOLVED)
    return say


def test_what_two_venues_list_becomes_a_proposal(listed: Any, query: Query) -> None:
    done = matching.propose("polymarket", "kalshi")
    assert (done["markets"], done["new"]) == ([2, 2], 1)
    assert done["left_out"] == {"a combo of several markets": 1, "the Other of a set: what it covers changes when a name is added": 1}
    ((titles, yes_a, yes_b, cautions),) = query(
        "SELECT ARRAY[a.venue, a.market_id, b.venue, b.market_id], yes_symbol_a, yes_symbol_b, cautions FROM contract_matches m "
        "JOIN markets a ON a.market_key = market_key_a JOIN markets b ON b.market_key = market_key_b"
    )
    assert titles == ["kalshi", KANE.market_id, "polymarket", KANE_TOO.market_id]
    assert (yes_a, yes_b) == (KANE.market_id, "71")
    assert "may close early: when the winner is announced" in cautions and any("exactly one pays" in one for one in cautions)


def test_the_order_of_the_venues_makes_no_second_pair(listed: Any, query: Query) -> None:
    assert matching.propose("polymarket", "kalshi")["new"] == 1
    assert matching.propose("kalshi", "polymarket") | {"new": 0, "changed": 0} == matching.propose("kalshi", "polymarket")


def test_venues_without_questions_cannot_be_matched(worker: Callable[..., None]) -> None:
    with pytest.raises(ValueError, match="do not both have markets"):
        matching.propose("binance", "kalshi")


def test_those_of_the_collected_venues_that_have_questions_are_matched_every_hour() -> None:
    told = "import celeryconfig as c; print(*((e['args'], e['schedule']) for n, e in c.beat_schedule.items() if n.startswith('match-')))"
    environ = {**os.environ, "FARM_VENUES": "binance,polymarket,kalshi"}
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(('kalshi', 'polymarket'), 3600)"


def test_a_changed_text_is_seen_at_the_next_look(listed: Any, connection: RawConnection, query: Query) -> None:
    matching.propose("kalshi", "polymarket")
    ((number,),) = query("SELECT pair_id FROM contract_matches")
    with connection, connection.cursor() as cursor:
        matches.confirm(cursor, number, Decision("ada"))
    assert matching.watch() == {"changed": 0, "unequal": 0}
    listed("polymarket", replace(KANE_TOO, rules="Resolves Yes if Harry Kane is nominated."))
    assert matching.watch() == {"changed": 1, "unequal": 0}
    assert query("SELECT state, reason FROM contract_matches") == [("suspended", "the rules of polymarket 0x12dc2b61 have changed")]
    assert matching.watch() == {"changed": 0, "unequal": 0}
