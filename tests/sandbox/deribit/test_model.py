"""The model's promises, without a process: names, calendar, channels, surface, and exact doubles on their grids."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from sandbox.deribit.channels import parse
from sandbox.deribit.credits import Credits
from sandbox.deribit.market import Market
from sandbox.deribit.names import strike_of, strike_text
from sandbox.deribit.surface import valued
from sandbox.deribit.universe import BadName, expiries, named, restored, stored, universe
from sandbox.deribit.wire import with_exponents

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.mark.parametrize(("strike", "text"), [(3000.0, "3000"), (0.62, "0d62"), (1.85, "1d85"), (100000.0, "100000")])
def test_strikes_in_names(strike: float, text: str) -> None:
    assert strike_text(strike) == text and strike_of(text) == strike


NAMED = [
    ("ETH-26DEC26-3000-C", ("option", "ETH", 3000.0, "C", False)),
    ("XRP_USDC-26DEC26-0d62-P", ("option", "XRP", 0.62, "P", True)),
    ("BTC-5JUN27", ("future", "BTC", 0.0, "", False)),
    ("SOL_USDC-PERPETUAL", ("future", "SOL", 0.0, "", True)),
]


@pytest.mark.parametrize(("name", "meaning"), NAMED)
def test_an_instrument_follows_from_its_name(name: str, meaning: tuple[object, ...]) -> None:
    row = named(name, NOW)
    assert (row.kind, row.base, row.strike, row.side, row.linear) == meaning


@pytest.mark.parametrize("name", ["DOGE-PERPETUAL", "ETH-31FEB27-1-C", "ETH-26DEX26-1-C", "eth-perpetual", "SOL_USDC-26DEC26-1-C"])
def test_names_of_nothing(name: str) -> None:
    with pytest.raises(BadName):
        named(name, NOW)


def test_the_calendar() -> None:
    days = [(when.strftime("%Y-%m-%d"), period) for when, period in expiries(NOW)]
    assert days == [
        ("2026-11-23", "day"),
        ("2026-11-24", "day"),
        ("2026-11-25", "day"),
        ("2026-11-26", "day"),
        ("2026-11-27", "month"),
        ("2026-12-04", "week"),
        ("2026-12-11", "week"),
        ("2026-12-25", "month"),
        ("2027-01-29", "month"),
        ("2027-02-26", "month"),
    ]


CHANNELS = [
    ("quote.A", "quote"),
    ("quote.A.raw", None),
    ("quote.B", None),
    ("ticker.A.agg2", "ticker"),
    ("ticker.A.10ms", None),
    ("book.A.raw", "book"),
    ("book.A.none.20.100ms", "grouped"),
    ("book.A.none.20.raw", None),
    ("trades.A.100ms", "trades"),
    ("trades.option.any.raw", "trades"),
    ("trades.option.DOGE.raw", None),
    ("instrument.state.any.any", "state"),
    ("deribit_price_index.eth_usd", "index"),
    ("deribit_price_index.doge_usd", None),
    ("chart.trades.A.1D", "chart"),
    ("chart.trades.A.2", None),
]


@pytest.mark.parametrize(("name", "feed"), CHANNELS)
def test_channels(name: str, feed: str | None) -> None:
    found = parse(name, {"A": 0})
    assert (found.feed if found else None) == feed


def test_calls_less_puts_are_the_forward() -> None:
    strikes, forward, years, percent = np.array([2500.0, 3000.0]), np.array([2900.0, 2900.0]), np.array([0.1, 0.1]), np.array([70.0, 70.0])
    call, put = (valued(strikes, forward, years, percent, np.array([sign, sign])) for sign in (1.0, -1.0))
    assert np.allclose(call.price - put.price, forward - strikes) and np.allclose(call.delta - put.delta, 1)
    bumped = valued(strikes, forward + 0.01, years, percent, np.array([1.0, 1.0]))
    assert np.allclose((bumped.price - call.price) / 0.01, call.delta, atol=1e-4)
    assert np.allclose(valued(strikes, forward, years, percent + 0.01, np.array([1.0, 1.0])).price - call.price, call.vega / 100, rtol=1e-2)


def market() -> tuple[Market, list[str]]:
    rows = universe(NOW)
    assert restored(stored(rows)) == rows
    made = Market(3)
    made.extend(rows, {row.name: number for number, row in enumerate(rows)})
    made.pricing.advance(NOW_MS * 1000)
    return made, [row.name for row in rows]


def test_same_seed_same_market() -> None:
    batches = []
    for made in (market()[0], market()[0]):
        quotes = made.quotes(made.draw_quotes(500, []), NOW_MS)
        batches.append((quotes, made.trades(made.draw_trades(200, []), NOW_MS * 1000)))
    for one, other in zip(*batches, strict=True):
        assert one.tobytes() == other.tobytes()


def test_quotes_lie_on_the_grid_and_apart_in_time() -> None:
    made, names = market()
    seen: dict[int, list[int]] = {}
    for turn in range(20):
        batch = made.quotes(made.draw_quotes(400, []), NOW_MS + turn * 4)
        assert np.all((batch["bid"] < batch["ask"]) | (batch["ask"] == 0))
        for row in batch:
            symbol = int(row["symbol"])
            seen.setdefault(symbol, []).append(int(row["event_us"]))
            tick = Decimal(int(made.tick[symbol])) / Decimal(int(made.unit[symbol]))
            assert Decimal(repr(float(row["ask"]))) % tick == 0, names[symbol]
    assert all(times == sorted(set(times)) for times in seen.values())
    coin = np.flatnonzero(made.pricing.option & made.pricing.coin_priced)
    wide = coin[made.ask[coin] >= made.wide_above[coin]]
    assert len(wide) and not np.any(made.ask[wide] % 5)


def test_sequences_have_no_holes() -> None:
    made, _ = market()
    rows = np.concatenate([made.trades(made.draw_trades(300, [0]), NOW_MS * 1000) for _ in range(20)])
    for symbol in np.unique(rows["symbol"]):
        own = rows["id"][rows["symbol"] == symbol]
        assert np.array_equal(own, np.arange(1, len(own) + 1))
    for currency in range(3):
        numbers = np.sort(rows["trade_number"][made.currency[rows["symbol"]] == currency])
        assert np.array_equal(numbers, np.arange(1, len(numbers) + 1))


def test_exponents_keep_the_digits() -> None:
    assert with_exponents(b'{"a":85500.0,"b":[["new",0.0065,10.0]],"c":3}') == b'{"a":8.55000e4,"b":[["new",6.5e-3,1.00e1]],"c":3}'


def test_credits_run_out_pool_by_pool() -> None:
    credits = Credits(refill=0.0)
    assert [credits.charge("a", "public/subscribe") for _ in range(11)] == [True] * 10 + [False]
    assert [credits.charge("a", "public/test") for _ in range(101)] == [True] * 100 + [False]
    assert credits.charge("b", "public/test") and credits.charge("a", "public/get_instruments")
    assert math.isclose(sum(pool.left for pool in credits._pools.values()), 49_500 + 490_000)
