"""The seeded market model: which instrument moves next, and to which price, size and id.

Knows no venue, no socket and no file. A batch is a record array sorted by instrument; all its events carry one time.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

TRADE = np.dtype(
    [
        ("symbol", "<u4"),
        ("id", "<i8"),
        ("event_us", "<i8"),
        ("sent_us", "<i8"),
        ("price", "<f8"),
        ("quantity", "<f8"),
        ("quantity_no_rpi", "<f8"),
        ("first_id", "<i8"),
        ("last_id", "<i8"),
        ("buyer_maker", "u1"),
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)
QUOTE = np.dtype(
    [
        ("symbol", "<u4"),
        ("update_id", "<i8"),
        ("event_us", "<i8"),
        ("sent_us", "<i8"),
        ("bid", "<f8"),
        ("bid_quantity", "<f8"),
        ("ask", "<f8"),
        ("ask_quantity", "<f8"),
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)

MIN_TICKS = 50  # prices never fall to where a tick is a large part of them, nor to zero
TRADE_SHARE = 0.25
CATCH_UP_SECONDS = 1.0  # a stopped process does not make up for hours in one burst


@dataclass(frozen=True)
class Instrument:
    """One tradable thing: its grids, where its price starts, and how busy it is against the others."""

    name: str
    price_decimals: int
    tick_units: int  # a tick, counted in units of the last decimal: BTCUSDT shows 2 decimals and moves by 10 units
    quantity_decimals: int
    anchor_ticks: int
    typical_steps: int  # median size, in steps of the quantity grid
    activity: float
    trading: bool = True


class Clock:
    """Wall clock in µs that never runs backwards, so event times never decrease."""

    def __init__(self) -> None:
        self._last_us = 0

    def now_us(self) -> int:
        self._last_us = max(self._last_us, time.time_ns() // 1000)
        return self._last_us


class Pace:
    """Turns a rate into a number of events per tick, and chooses the length of a tick."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._owed = 0.0
        self._last = time.monotonic()

    def due(self) -> int:
        now = time.monotonic()
        self._owed += self.rate * min(now - self._last, CATCH_UP_SECONDS)
        self._last = now
        count = int(self._owed)
        self._owed -= count
        return count

    def interval_seconds(self) -> float:
        # below 4 ms the cost of a tick outweighs its events; above 50 ms a quiet market would look bunched
        return min(0.05, max(0.004, 4 / self.rate)) if self.rate > 0 else 0.05


@dataclass
class Runs:
    """Where each instrument's events begin and end in a batch sorted by instrument."""

    symbols: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, symbols: np.ndarray) -> "Runs":
        starts = np.flatnonzero(np.concatenate(([True], symbols[1:] != symbols[:-1])))
        return cls(symbols, starts, np.diff(np.append(starts, len(symbols))))

    @property
    def lasts(self) -> np.ndarray:
        return np.asarray(self.starts + self.lengths - 1)

    def rank(self) -> np.ndarray:
        return np.asarray(np.arange(len(self.symbols)) - np.repeat(self.starts, self.lengths))

    def cumulate(self, values: np.ndarray) -> np.ndarray:
        total = np.cumsum(values)
        return np.asarray(total - np.repeat(total[self.starts] - values[self.starts], self.lengths))


class Market:
    """Prices, sizes and ids of every instrument; `quotes` moves prices, `trades` executes at them."""

    def __init__(self, instruments: list[Instrument], seed: int) -> None:
        self.seed = seed
        self.instruments: list[Instrument] = []
        self.update_id = 429_012_276_615  # venues count in 1e11 and up; small ids would hide an overflow
        self._unit, self._step, self._tick_units, self._anchor, self._typical, self._activity = np.zeros((6, 0))
        self.mid, self.ask, self.bid_steps, self.ask_steps = np.zeros((4, 0), np.int64)
        self.next_id, self.next_raw_id = np.zeros((2, 0), np.int64)
        self.trading = np.zeros(0, bool)
        self.extend(instruments)
        self.reseed()

    def reseed(self) -> None:
        """Start the random stream anew; after a restart it must not repeat the one before."""
        self.rng = np.random.default_rng([self.seed, self.update_id])

    def extend(self, added: list[Instrument]) -> None:
        self.instruments += added
        columns: dict[str, Any] = {
            "_unit": [10.0**i.price_decimals for i in added],
            "_step": [10.0**i.quantity_decimals for i in added],
            "_tick_units": [float(i.tick_units) for i in added],
            "_anchor": [float(i.anchor_ticks) for i in added],
            "_typical": [float(i.typical_steps) for i in added],
            "_activity": [i.activity for i in added],
            "mid": [i.anchor_ticks for i in added],
            "ask": [i.anchor_ticks + 1 for i in added],
            "bid_steps": [i.typical_steps for i in added],
            "ask_steps": [i.typical_steps for i in added],
            "next_id": [1] * len(added),
            "next_raw_id": [1] * len(added),
            "trading": [i.trading for i in added],
        }
        for name, values in columns.items():
            old = getattr(self, name)
            setattr(self, name, np.append(old, np.array(values, old.dtype)))
        self._weigh()

    def set_trading(self, symbol: int, *, trading: bool) -> None:
        self.trading[symbol] = trading
        self._weigh()

    def _weigh(self) -> None:
        weight = np.where(self.trading, self._activity, 0.0)
        total = weight.sum()
        self._cumulative = np.cumsum(weight) / total if total else None

    def draw(self, count: int, forced: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Instruments of the next trades and of the next quotes, each sorted; `forced` ones trade in any case."""
        if self._cumulative is None:
            return np.array(sorted(forced), np.int64), np.zeros(0, np.int64)
        # side="right": a uniform 0.0 must not choose an instrument that is not trading
        drawn = np.searchsorted(self._cumulative, self.rng.random(count), side="right")
        is_trade = self.rng.random(count) < TRADE_SHARE
        return np.sort(np.append(drawn[is_trade], np.array(forced, np.int64))), np.sort(drawn[~is_trade])

    def quotes(self, symbols: np.ndarray, event_us: int) -> np.ndarray:
        runs, n = Runs.of(symbols), len(symbols)
        steps = self.rng.integers(-1, 2, n)
        # a weak pull to the anchor keeps prices within some hundred ticks of it, however long the run
        pull = np.sign(self._anchor[symbols] - self.mid[symbols]) * (self.rng.random(n) < 0.005)
        bid = np.maximum(self.mid[symbols] + runs.cumulate(steps + pull.astype(np.int64)), MIN_TICKS)
        ask = bid + 1 + (self.rng.random(n) < 0.1) * self.rng.integers(1, 4, n)
        bid_steps, ask_steps = self._sizes(symbols, 4.0), self._sizes(symbols, 4.0)
        ids = self.update_id + np.cumsum(self.rng.integers(1, 9, n))
        self.update_id = int(ids[-1])
        last = symbols[runs.lasts]
        for state, values in (
            (self.mid, bid),
            (self.ask, ask),
            (self.bid_steps, bid_steps),
            (self.ask_steps, ask_steps),
        ):
            state[last] = values[runs.lasts]
        batch = np.zeros(n, QUOTE)
        batch["symbol"], batch["update_id"], batch["event_us"] = symbols, ids, event_us
        batch["bid"], batch["ask"] = self.price(symbols, bid), self.price(symbols, ask)
        batch["bid_quantity"], batch["ask_quantity"] = bid_steps / self._step[symbols], ask_steps / self._step[symbols]
        return batch

    def trades(self, symbols: np.ndarray, event_us: int) -> np.ndarray:
        runs, n = Runs.of(symbols), len(symbols)
        maker = self.rng.random(n) < 0.5
        slip = (self.rng.random(n) < 0.2) * self.rng.integers(1, 4, n)
        ticks = np.where(maker, np.maximum(self.mid[symbols] - slip, 1), self.ask[symbols] + slip)
        steps = self._sizes(symbols, 1.0)
        hidden = (self.rng.random(n) < 0.03) * self.rng.random(n)
        fills = self.rng.geometric(0.6, n)
        # liquidations and insurance fills take raw ids and are never published: the ids of aggregates have holes
        holes = (self.rng.random(n) < 0.02) * self.rng.integers(1, 4, n)
        taken = runs.cumulate(fills + holes)
        batch = np.zeros(n, TRADE)
        batch["symbol"], batch["event_us"] = symbols, event_us
        batch["id"] = self.next_id[symbols] + runs.rank()
        batch["last_id"] = self.next_raw_id[symbols] + taken - 1
        batch["first_id"] = batch["last_id"] - fills + 1
        batch["price"], batch["buyer_maker"] = self.price(symbols, ticks), maker
        batch["quantity"] = steps / self._step[symbols]
        batch["quantity_no_rpi"] = (steps - (steps * hidden).astype(np.int64)) / self._step[symbols]
        last = symbols[runs.lasts]
        self.next_id[last] = batch["id"][runs.lasts] + 1
        self.next_raw_id[last] = batch["last_id"][runs.lasts] + 1
        return batch

    def _sizes(self, symbols: np.ndarray, scale: float) -> np.ndarray:
        drawn = self._typical[symbols] * scale * np.exp(0.9 * self.rng.standard_normal(len(symbols)))
        return np.asarray(np.maximum(drawn.astype(np.int64), 1))

    def price(self, symbols: np.ndarray, ticks: np.ndarray) -> np.ndarray:
        """The double nearest to the decimal text: one correctly rounded division of two exact numbers."""
        return np.asarray(ticks * self._tick_units[symbols] / self._unit[symbols])

    def ticks(self, symbols: np.ndarray, prices: np.ndarray) -> np.ndarray:
        return np.asarray(np.rint(prices * self._unit[symbols] / self._tick_units[symbols]), np.int64)
