"""The seeded market: which instrument moves next, to which best prices, and what trades at them.

Prices are whole units of an instrument's last decimal, amounts whole lots; every double is one correctly rounded division.
"""

from typing import Any

import numpy as np

from sandbox.deribit import records
from sandbox.deribit.pricing import Pricing
from sandbox.deribit.records import QUOTE, TRADE
from sandbox.deribit.universe import WIDE_ABOVE, Listing
from sandbox.engine import Runs

TRADE_SHARE = 0.125  # 175 quotes and 25 trades a second at the usual rate of 200
WIDE = 5
CURRENCIES = ("BTC", "ETH", "USDC")  # each counts its own trade ids


class Market:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.pricing = Pricing(seed)
        self.quote_number = 0
        self.trade_numbers = np.ones(len(CURRENCIES), np.int64)
        self.change_id = 118_850_965_713  # one counter for all books, as the venue's
        self.unit, self.step, self.open_interest = np.zeros((3, 0))
        self.tick, self.lot, self.typical, self.wide_above, self.currency = np.zeros((5, 0), np.int64)
        self.bid, self.ask, self.bid_lots, self.ask_lots, self.quoted_ms = np.zeros((5, 0), np.int64)
        self.next_id, self.last, self.rising = np.zeros((3, 0), np.int64)
        self._quote_share, self._trade_share = np.zeros((2, 0))
        self.trading = np.zeros(0, bool)
        self.reseed()

    def reseed(self) -> None:
        """Start the random stream anew; after a restart it must not repeat the one before."""
        self.rng = np.random.default_rng([self.seed, self.quote_number])

    def extend(self, added: list[Listing], index: dict[str, int]) -> None:
        count = len(added)
        columns: dict[str, Any] = {
            "unit": [10.0**row.grid.decimals for row in added],
            "step": [10.0**row.grid.amount_decimals for row in added],
            "tick": [row.grid.tick for row in added],
            "lot": [row.grid.lot for row in added],
            "typical": [row.grid.typical for row in added],
            "wide_above": [round(WIDE_ABOVE * 10**row.grid.decimals) if row.coin_priced else 2**62 for row in added],
            "currency": [CURRENCIES.index(row.currency) for row in added],
            "open_interest": [row.grid.typical * row.grid.lot * 1000.0 / 10**row.grid.amount_decimals for row in added],
            "next_id": [1] * count,
            "rising": [1] * count,
            "trading": [row.state == "open" for row in added],
            "_quote_share": [row.quote_share for row in added],
            "_trade_share": [row.trade_share for row in added],
            **{name: [0] * count for name in ("bid", "ask", "bid_lots", "ask_lots", "quoted_ms", "last")},
        }
        for name, values in columns.items():
            old = getattr(self, name)
            setattr(self, name, np.append(old, np.array(values, old.dtype)))
        self.pricing.extend(added, index)
        self._weigh()

    def set_trading(self, symbols: list[int], *, trading: bool) -> None:
        self.trading[symbols] = trading
        self._weigh()

    def _weigh(self) -> None:
        self._quoted, self._traded = (
            np.cumsum(np.where(self.trading, share, 0.0)) / max(share[self.trading].sum(), 1e-9)
            for share in (self._quote_share, self._trade_share)
        )

    def draw_quotes(self, count: int, forced: list[int]) -> np.ndarray:
        return self._draw(self._quoted, count, forced)

    def draw_trades(self, count: int, forced: list[int]) -> np.ndarray:
        return self._draw(self._traded, count, forced)

    def _draw(self, cumulative: np.ndarray, count: int, forced: list[int]) -> np.ndarray:
        if not self.trading.any():
            return np.zeros(0, np.int64)
        drawn = np.searchsorted(cumulative, self.rng.random(count), side="right")
        return np.sort(np.append(drawn, np.array(forced, np.int64)))

    def quotes(self, symbols: np.ndarray, now_ms: int) -> np.ndarray:
        """One quote a row; those of one instrument take milliseconds of their own, and what finds none is left out."""
        runs = Runs.of(symbols)
        event_ms = now_ms - np.repeat(runs.lengths, runs.lengths) + 1 + runs.rank()
        free = event_ms > self.quoted_ms[symbols]
        symbols, event_ms = symbols[free], event_ms[free]
        if not len(symbols):
            return np.zeros(0, QUOTE)
        bid, ask = self._best(symbols)
        bid_lots, ask_lots = self._lots(symbols, 4.0) * (bid > 0), self._lots(symbols, 4.0) * (ask > 0)
        last = Runs.of(symbols).lasts
        states = ((self.bid, bid), (self.ask, ask), (self.bid_lots, bid_lots), (self.ask_lots, ask_lots), (self.quoted_ms, event_ms))
        for state, values in states:
            state[symbols[last]] = values[last]
        batch = np.zeros(len(symbols), QUOTE)
        batch["symbol"], batch["event_us"] = symbols, event_ms * 1000
        batch["number"] = self.quote_number + 1 + np.arange(len(symbols))
        self.quote_number += len(symbols)
        batch["bid"], batch["ask"] = self.price(symbols, bid), self.price(symbols, ask)
        batch["bid_quantity"], batch["ask_quantity"] = self.amount(symbols, bid_lots), self.amount(symbols, ask_lots)
        return batch

    def _best(self, symbols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Around the mark, on the grid; 0 where nobody bids, as for options worth less than a tick."""
        count = len(symbols)
        fair, wide = self.pricing.mark[symbols] * self.unit[symbols], self.wide_above[symbols]
        tick = np.where(fair >= wide, WIDE, self.tick[symbols])
        option = self.pricing.option[symbols]
        half = np.where(option, np.maximum(tick, fair * 0.015), tick * 0.5)
        jitter = self.rng.integers(-1, 2, count) * tick
        bid = np.floor((fair - half) / tick).astype(np.int64) * tick + jitter
        ask = np.maximum(np.ceil((fair + half) / tick).astype(np.int64) * tick + jitter, np.maximum(bid, 0) + tick)
        ask = np.where(ask >= wide, -(-ask // WIDE) * WIDE, ask)
        ask[option & (self.rng.random(count) < 0.01)] = 0
        return np.maximum(bid, 0), ask

    def trades(self, symbols: np.ndarray, event_us: int) -> np.ndarray:
        runs, count, pricing = Runs.of(symbols), len(symbols), self.pricing
        sold = self.rng.random(count) < 0.5
        bid, ask, tick = self.bid[symbols], self.ask[symbols], self.tick[symbols]
        fair = np.maximum(np.rint(pricing.mark[symbols] * self.unit[symbols] / tick).astype(np.int64), 1) * tick
        sold = np.where(bid == 0, False, np.where(ask == 0, True, sold))
        prices = np.where(sold, bid, np.where(ask > 0, ask, fair))
        slip = (self.rng.random(count) < 0.2) * self.rng.integers(1, 4, count) * tick
        prices = np.where(prices >= self.wide_above[symbols], prices, np.maximum(prices + np.where(sold, -slip, slip), tick))
        batch = np.zeros(count, TRADE)
        batch["symbol"], batch["event_us"], batch["buyer_maker"] = symbols, event_us, sold
        batch["quantity_no_rpi"], batch["first_id"], batch["last_id"] = np.nan, -1, -1
        batch["price"], batch["quantity"] = self.price(symbols, prices), self.amount(symbols, self._lots(symbols, 1.0))
        batch["mark_price"], batch["index_price"] = pricing.mark[symbols], pricing.index[symbols]
        batch["iv"] = np.where(pricing.option[symbols], pricing.implied(symbols, batch["price"]), np.nan)
        batch["tick_direction"] = self._directions(symbols, prices, runs)
        batch["flags"] = self._flags(symbols)
        self._number(batch, symbols, runs)
        self.open_interest[symbols] += batch["quantity"] * self.rng.choice((-0.5, 0.0, 0.5), count)
        return batch

    def _directions(self, symbols: np.ndarray, prices: np.ndarray, runs: Runs) -> np.ndarray:
        """0 rose, 1 as before after a rise, 2 fell, 3 as before after a fall."""
        before = np.concatenate(([0], prices[:-1]))
        before[runs.starts] = self.last[symbols[runs.starts]]
        change = np.sign(prices - before)
        flat = np.where(self.rising[symbols] > 0, 1, 3)
        last = symbols[runs.lasts]
        self.last[last] = prices[runs.lasts]
        self.rising[last] = np.where(change[runs.lasts] == 0, self.rising[last], change[runs.lasts])
        return np.asarray(np.where(change > 0, 0, np.where(change < 0, 2, flat)))

    def _flags(self, symbols: np.ndarray) -> np.ndarray:
        chance, option = self.rng.random(len(symbols)), self.pricing.option[symbols]
        special = np.where(chance < 0.01, records.BLOCK, np.where(chance < 0.02, records.COMBO, 0))
        return np.where(option, special, np.where(chance < 0.005, records.LIQUIDATION, 0))

    def _number(self, batch: np.ndarray, symbols: np.ndarray, runs: Runs) -> None:
        batch["id"] = self.next_id[symbols] + runs.rank()
        self.next_id[symbols[runs.lasts]] = batch["id"][runs.lasts] + 1
        for currency in range(len(CURRENCIES)):
            own = np.flatnonzero(self.currency[symbols] == currency)
            batch["trade_number"][own] = self.trade_numbers[currency] + np.arange(len(own))
            self.trade_numbers[currency] += len(own)

    def _lots(self, symbols: np.ndarray, scale: float) -> np.ndarray:
        drawn = self.typical[symbols] * scale * np.exp(0.9 * self.rng.standard_normal(len(symbols)))
        return np.asarray(np.maximum(drawn.astype(np.int64), 1))

    def price(self, symbols: np.ndarray, units: np.ndarray) -> np.ndarray:
        return np.asarray(units / self.unit[symbols])

    def amount(self, symbols: np.ndarray, lots: np.ndarray) -> np.ndarray:
        return np.asarray(lots * self.lot[symbols] / self.step[symbols])
