"""Turns of the paper engine on a real Redis and a real database."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any

import pytest

from core.board import Board
from core.journal import Journal
from core.matched import Matched
from core.settings import Settings
from db import engine
from db.paper import said, store
from paper.rules import Latency, Rules
from tasks import paper, paper_turn
from tasks.paper_turn import LockTaken, Trading, Turn
from tests.tasks.trading import VENUE, confirm, market, tell

Query = Callable[..., list[tuple[Any, ...]]]
CASH = Decimal(1000)
RULES = Rules(cash={VENUE: CASH}, any_latency=Latency(1.0, 2.0))


@pytest.fixture
def matched(journal: Journal, key_prefix: str) -> Matched:
    return Matched(journal.client, key_prefix)


@pytest.fixture
def pair(query: Query) -> tuple[int, int]:
    """Instruments of a confirmed pair."""
    numbers = market(query, "A"), market(query, "B")
    confirm(query, "A", "B")
    return numbers


@pytest.fixture
def trading(farm: Settings, matched: Matched, board: Board) -> Callable[..., Any]:
    @contextmanager
    def begin(rules: Rules = RULES) -> Iterator[tuple[Trading, Turn]]:
        turn = Turn()
        with closing(Trading(dataclasses.replace(farm, paper=rules), matched, board, turn)) as attempt:
            attempt.open()
            yield attempt, turn

    return begin


def now_us() -> int:
    return time.time_ns() // 1000


def run(attempt: Trading, seconds: float = 0.3) -> None:
    attempt.run(time.monotonic() + seconds)


def lock(matched: Matched, pair: tuple[int, int], shares: float = 10.0) -> None:
    """YES of a at 0.40, and NO of b at 1 - 0.60."""
    tell(matched, now_us(), (pair[0], 0.38, 0.40, shares), (pair[1], 0.60, 0.62, shares))


def ask(farm: Settings, what: str, scope: str) -> None:
    with closing(engine.connect(farm.database_url, name="test")) as connection, connection, connection.cursor() as cursor:
        said.ask(cursor, what, scope, "a test", "somebody")


def declined(query: Query) -> list[tuple[Any, ...]]:
    return query("SELECT details ->> 'reason' FROM audit_logs WHERE kind = 'declined' ORDER BY number")


def test_a_farm_without_pairs_does_nothing(worker: Callable[..., None], matched: Matched, query: Query) -> None:
    assert paper.trade()["ended"] == "nothing to trade"
    assert matched.watched() == frozenset()
    assert query("SELECT count(*) FROM paper_state") == [(0,)]


def test_what_the_books_offer_is_stored_and_taken(trading: Any, matched: Matched, pair: tuple[int, int], query: Query) -> None:
    with trading() as (attempt, turn):
        assert matched.watched() == set(pair)
        lock(matched, pair)
        run(attempt)
    assert query("SELECT yes_leg, capacity, taken FROM opportunities") == [("a", Decimal(10), True)]
    assert query("SELECT outcome, sum(quantity) FROM fills GROUP BY 1 ORDER BY 1") == [("no", Decimal(10)), ("yes", Decimal(10))]
    assert turn.books == 2 and turn.commits > 0


def test_books_of_before_the_turn_are_known(trading: Any, matched: Matched, pair: tuple[int, int], query: Query) -> None:
    lock(matched, pair)
    with trading() as (attempt, _):
        run(attempt, 0.1)
    assert query("SELECT count(*) FROM opportunities") == [(1,)]


def test_who_pulls_the_switch_is_heard_first(trading: Any, matched: Matched, pair: tuple[int, int], query: Query, farm: Settings) -> None:
    ask(farm, said.HALT, "all")
    lock(matched, pair)
    with trading() as (attempt, _):
        run(attempt, 0.1)
    assert declined(query) == [("halted: all",)]
    assert query("SELECT count(*) FROM orders") == [(0,)]
    assert query("SELECT count(*) FROM paper_asks WHERE taken_at IS NULL") == [(0,)]
    assert query("SELECT value ->> 'reason' FROM system_metadata WHERE key = 'halt:paper'") == [("all: a test (somebody)",)]
    ask(farm, said.RESUME, "all")
    with trading() as (attempt, _):
        run(attempt, 0.1)
    assert query("SELECT taken FROM opportunities") == [(True,)]
    assert query("SELECT value ->> 'reason' FROM system_metadata WHERE key = 'halt:paper'") == [(None,)]


def test_what_was_asked_is_done_once(trading: Any, matched: Matched, pair: tuple[int, int], query: Query, farm: Settings) -> None:
    ask(farm, said.HALT, "all")
    for _ in range(2):
        with trading() as (attempt, _):
            run(attempt, 0.1)
    assert query("SELECT count(*) FROM audit_logs WHERE kind = 'halt'") == [(1,)]


def test_a_commit_that_fails_leaves_nothing_and_is_done_again(
    trading: Any, matched: Matched, pair: tuple[int, int], query: Query, farm: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(farm, said.HALT, f"venue {VENUE}")
    lock(matched, pair)
    save = store.save

    def fails(*arguments: Any, **more: Any) -> None:
        save(*arguments, **more)
        raise engine.UNREACHABLE[0]("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr(paper_turn.store, "save", fails)
        with pytest.raises(engine.UNREACHABLE), trading():
            pass
    assert query("SELECT count(*) FROM audit_logs") == [(0,)]
    with trading() as (attempt, _):
        run(attempt, 0.1)
    assert query("SELECT count(*) FROM audit_logs WHERE kind = 'halt'") == [(1,)]
    assert declined(query) == [(f"halted: venue {VENUE}",)]


def test_one_trades_at_a_time(trading: Any, pair: tuple[int, int]) -> None:
    with trading(), pytest.raises(LockTaken), trading():
        pass


def test_a_pair_that_is_suspended_is_not_watched_any_more(trading: Any, matched: Matched, pair: tuple[int, int], query: Query) -> None:
    with trading() as (attempt, turn):
        query("UPDATE contract_matches SET state = 'suspended'")
        attempt._news._rare_at = attempt._looked_at = 0.0  # some seconds later
        run(attempt)
        assert turn.ended == "nothing to trade"
    assert matched.watched() == frozenset()


def test_what_is_under_way_when_its_pair_is_suspended_comes_to_its_end(
    trading: Any, matched: Matched, pair: tuple[int, int], query: Query
) -> None:
    with trading(dataclasses.replace(RULES, any_latency=Latency(1_500.0, 1_501.0))) as (attempt, _):
        lock(matched, pair)
        run(attempt, 0.1)
        assert query("SELECT DISTINCT state FROM orders") == [("under way",)]
        query("UPDATE contract_matches SET state = 'suspended'")
        attempt._news._rare_at = attempt._looked_at = 0.0
        run(attempt, 0.1)
    with trading() as (attempt, turn):
        run(attempt, 2.5)
    assert query("SELECT DISTINCT state FROM orders") == [("filled",)]
    assert turn.ended == "turn over" and query("SELECT count(*) FROM open_positions") == [(2,)]


def test_a_market_that_pauses_is_not_traded(trading: Any, matched: Matched, pair: tuple[int, int], query: Query) -> None:
    query("UPDATE markets SET status = 'paused' WHERE market_id = 'B'")
    with trading() as (attempt, _):
        lock(matched, pair)
        run(attempt, 0.1)
        assert query("SELECT count(*) FROM opportunities") == [(0,)]
        query("UPDATE markets SET status = 'active' WHERE market_id = 'B'")
        attempt._looked_at = 0.0
        run(attempt, 0.1)
    assert query("SELECT count(*) FROM opportunities") == [(1,)]


def test_a_pause_of_the_venue_halts_it(trading: Any, matched: Matched, pair: tuple[int, int], query: Query) -> None:
    query(
        "INSERT INTO planned_pauses (venue, since_at, reason, told_at) VALUES (%s, now() - INTERVAL '1 minute', 'upkeep', now())", (VENUE,)
    )
    with trading() as (attempt, _):
        lock(matched, pair)
        run(attempt, 0.1)
    assert query("SELECT halted FROM risk_states WHERE scope = %s", (f"venue {VENUE}",)) == [(["exchange pause"],)]


def test_positions_are_settled_when_their_markets_end(trading: Any, matched: Matched, pair: tuple[int, int], query: Query) -> None:
    with trading() as (attempt, _):
        lock(matched, pair)
        run(attempt)
    for number in pair:
        query(
            "INSERT INTO resolutions (instrument_id, event_at, received_at, source, status, payout) VALUES (%s, now(), now(), 'venue', 'resolved', 1)",
            (number,),
        )
    query("UPDATE contract_matches SET state = 'suspended'")
    with trading() as (attempt, _):
        run(attempt, 0.1)
        attempt._looked_at = 0.0
        run(attempt, 0.1)
    assert query("SELECT outcome, payout FROM paper_settlements ORDER BY 1") == [("no", 0), ("yes", 1)]
    assert query("SELECT count(*) FROM open_positions") == [(0,)]
    [(cash, realised)] = query("SELECT cash, realised FROM risk_states WHERE scope = 'all'")
    assert cash == CASH + realised and realised > 0
