"""The model's promises, without a process: texts, mirrors, hashes, an order flow that keeps books sound."""

import hashlib
import json
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.config import Config
from sandbox.polymarket.books import ASK, BID, MICRO, Book, exact_text, last_trade_text, size_text
from sandbox.polymarket.flow import LEVELS, Flow, Step
from sandbox.polymarket.universe import FAMILIES, UNIT, Market, listed, restored, stored, universe
from sandbox.polymarket.venue import MOST_AT_ONCE, Polymarket

NOW_MS = 1_795_300_000_000


@pytest.mark.parametrize(
    ("micro", "shown", "exact"),
    [(5 * MICRO, "5", "5"), (1_500_000, "1.5", "1.5"), (216_216_215, "216.21", "216.216215"), (12_340_000, "12.34", "12.34")],
)
def test_sizes(micro: int, shown: str, exact: str) -> None:
    assert (size_text(micro), exact_text(micro)) == (shown, exact)


@pytest.mark.parametrize(("units", "text"), [(0, ""), (9250, "0.925"), (6600, "0.660"), (25, "0.0025"), (1, "0.0001")])
def test_last_trades_have_three_decimals_at_least(units: int, text: str) -> None:
    assert last_trade_text(units) == text


def test_the_second_token_mirrors_the_first() -> None:
    book = Book({4800: 10 * MICRO, 4700: 5 * MICRO}, {5200: 7 * MICRO})
    assert book.top(0) == (4800, 10 * MICRO, 5200, 7 * MICRO)
    assert book.top(1) == (4800, 7 * MICRO, 5200, 10 * MICRO)
    assert book.levels(0) == ([(4700, 5 * MICRO), (4800, 10 * MICRO)], [(5200, 7 * MICRO)])
    assert book.levels(1) == ([(4800, 7 * MICRO)], [(5300, 5 * MICRO), (5200, 10 * MICRO)])
    assert Book().top(0) == Book().top(1) == (0, 0, UNIT, 0)


def test_the_hash_is_the_one_of_the_summary() -> None:
    """The recipe of the sheet, written down here anew."""
    (market,) = listed(7, 3, "single", 1, NOW_MS)
    market.last_trade = 4500
    book = Book({4400: 10 * MICRO}, {4600: 3_330_000})
    book.stamp(market, NOW_MS)
    for token in (0, 1):
        summary = json.loads(book.summary(market, token, book.hashes[token]))
        assert list(summary)[:4] == ["market", "asset_id", "timestamp", "hash"]
        emptied = json.dumps(summary | {"hash": ""}, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha1(emptied.encode(), usedforsecurity=False).hexdigest() == summary["hash"]
    assert summary["last_trade_price"] == "0.450", "of the market, whichever token was printed"


def test_a_universe_is_made_of_families_and_stored() -> None:
    rows = universe(1, 200, NOW_MS)
    assert len(rows) == 200 and {market.family for market in rows} == set(FAMILIES)
    tokens = [token for market in rows for token in market.tokens]
    assert len(set(tokens)) == 400 and max(map(len, tokens)) >= 77 and all(token.isdigit() for token in tokens)
    assert restored(json.loads(json.dumps(stored(rows))), 1) == rows
    assert universe(2, 1, NOW_MS)[0].tokens != rows[0].tokens


@pytest.mark.parametrize("family", FAMILIES)
def test_the_order_flow_keeps_books_sound(family: str) -> None:
    market = listed(5, 0, family, 0, NOW_MS)[0]
    flow = Flow(11)
    book, traded = flow.book(market, NOW_MS), 0
    for _ in range(3000):
        step = flow.step(market, NOW_MS)
        for change in step.changes:
            before = book.size(change.side, change.units)
            book.set(*change)
            assert size_text(before) != size_text(book.size(change.side, change.units)), "a change changes something"
        for fill in step.fills:
            traded += 1
            assert fill.micro > 0 and 0 < fill.units < UNIT
        assert book.best_bid < book.best_ask
        assert all(Decimal(units) % market.tick == 0 and 0 < units < UNIT for units in (*book.bids, *book.asks))
        assert max(len(book.bids), len(book.asks)) <= LEVELS + 1
    assert traded > 100 and len(book.bids) > 3 and len(book.asks) > 3


def test_a_price_that_settles_empties_a_side() -> None:
    (market,) = listed(5, 0, "single", 0, NOW_MS)
    flow = Flow(3)
    flow.settle_at(market, 0.9985 * UNIT)
    for _ in range(400):
        for change in flow.step(market, NOW_MS).changes:
            flow.book(market, NOW_MS).set(*change)
    book = flow.book(market, NOW_MS)
    assert book.top(0)[2:] == (UNIT, 0) and book.top(1)[:2] == (0, 0)
    assert book.best_bid == 9900


def test_same_seed_same_flow() -> None:
    (market,) = listed(5, 0, "single", 0, NOW_MS)
    steps = []
    for flow in (Flow(1), Flow(1)):
        for _ in range(200):
            step = flow.step(market, NOW_MS)
            steps.append(step)
            for change in step.changes:
                flow.book(market, NOW_MS).set(*change)
    assert steps[:200] == steps[200:] and {change.side for step in steps for change in step.changes} == {BID, ASK}


def test_a_sandbox_that_is_late_gives_no_market_a_third_event_in_a_millisecond(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = Polymarket(Config(tmp_path, 0, markets=2))
    now_us = time.time_ns() // 1000 + 3_600_000_000
    monkeypatch.setattr(venue.clock, "now_us", lambda: now_us)
    monkeypatch.setattr(venue.pace, "due", lambda: 100)
    happened: Counter[tuple[int, int]] = Counter()
    happen = venue.market_feed.happen

    def noted(market: Market, step: Step, now_ms: int) -> None:
        happened[market.number, now_ms] += 1
        happen(market, step, now_ms)

    monkeypatch.setattr(venue.market_feed, "happen", noted)
    venue._events()
    now_us += 1_000
    venue._events()
    venue.close()
    venue.ledger.close()
    assert len(happened) == 4 and set(happened.values()) == {MOST_AT_ONCE}
