"""What every instrument is worth: seeded coin prices, forwards, marks, volatilities and greeks, as arrays per instrument."""

import numpy as np

from sandbox.deribit.surface import LEAST_YEARS, YEAR_US, implied_percent, valued
from sandbox.deribit.universe import COINS, PERPETUAL_MS, Listing

CARRY = 0.04  # a year; futures stand above the index by it
PULL = 2e-4  # a second; keeps a coin near where it began, however long the run
DAY_SECONDS = 86_400.0
BASES = tuple(COINS)


class Pricing:
    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 7])
        self.anchor = np.array([coin.spot for coin in COINS.values()])
        self.spot = self.anchor.copy()
        self.at_us = 0
        self.base, self.side = np.zeros((2, 0), np.int64)
        self.strike, self.expiry_us = np.zeros((2, 0))
        self.perpetual, self.coin_priced, self.option = np.zeros((3, 0), bool)
        self.index, self.forward, self.mark, self.percent = np.zeros((4, 0))  # mark in the instrument's own unit
        self.greeks = np.zeros((5, 0))  # delta gamma vega theta rho
        self._legs: list[tuple[int, int, int]] = []

    def extend(self, added: list[Listing], index: dict[str, int]) -> None:
        size = len(self.base)
        columns: dict[str, list[float]] = {
            "base": [BASES.index(row.base) for row in added],
            "side": [{"C": 1, "P": -1}.get(row.side, 0) for row in added],
            "strike": [row.strike for row in added],
            "expiry_us": [row.expiry_ms * 1000.0 for row in added],
            "perpetual": [row.expiry_ms == PERPETUAL_MS for row in added],
            "coin_priced": [row.coin_priced for row in added],
            "option": [row.kind == "option" for row in added],
            **{name: [0.0] * len(added) for name in ("index", "forward", "mark", "percent")},
        }
        for name, values in columns.items():
            old = getattr(self, name)
            setattr(self, name, np.append(old, np.array(values, old.dtype)))
        self.greeks = np.concatenate((self.greeks, np.zeros((5, len(added)))), axis=1)
        legs = [(size + n, row.legs) for n, row in enumerate(added) if row.legs]
        self._legs += [(symbol, index[low], index[high]) for symbol, (low, high) in legs]

    def advance(self, now_us: int) -> None:
        """Coins wander as long as time has passed; a sleeping process does not leap."""
        seconds = min(now_us - self.at_us, 5_000_000) / 1e6 if self.at_us else 0.0
        volatility = np.array([coin.volatility for coin in COINS.values()])
        steps = volatility * np.sqrt(seconds / (365 * DAY_SECONDS)) * self._rng.standard_normal(len(self.spot))
        self.spot *= np.exp(steps - PULL * seconds * np.log(self.spot / self.anchor))
        self.at_us = now_us
        self.value(now_us)

    def value(self, now_us: int) -> None:
        """Marks and greeks of all at one instant, from numbers rounded as they are shown."""
        years = np.maximum((self.expiry_us - now_us) / YEAR_US, LEAST_YEARS)
        self.index = np.round(self.spot, 4)[self.base]
        premium = 1e-4 * np.sin(now_us / 3.6e9 + self.base)
        self.forward = np.round(self.index * np.where(self.perpetual, 1 + premium, np.exp(CARRY * np.minimum(years, 5))), 4)
        self.mark = self.forward.copy()
        chosen = np.flatnonzero(self.option)
        if len(chosen):
            self._value_options(chosen, years[chosen], now_us)
        for symbol, low, high in self._legs:
            self.mark[symbol] = round(abs(self.mark[low] - self.mark[high]), 6)

    def _value_options(self, chosen: np.ndarray, years: np.ndarray, now_us: int) -> None:
        coins, phase = list(COINS.values()), now_us / 6e8
        levels = np.array([coin.volatility * (1 + 0.03 * np.sin(phase + coin.volatility_phase)) for coin in coins])
        strike, forward = self.strike[chosen], self.forward[chosen]
        percent = implied_percent(strike, forward, years, levels[self.base[chosen]])
        worth = valued(strike, forward, years, percent, self.side[chosen].astype(float))
        unit = np.where(self.coin_priced[chosen], forward, 1.0)
        self.mark[chosen], self.percent[chosen] = np.round(worth.price / unit, 6), percent
        self.greeks[:, chosen] = np.round(worth[1:], 5)

    def implied(self, symbols: np.ndarray, prices: np.ndarray) -> np.ndarray:
        """Volatility of a bid or ask, from the mark's by its vega; 0 where there is none."""
        unit = np.where(self.coin_priced[symbols], self.forward[symbols], 1.0)
        vega = np.maximum(self.greeks[2, symbols], 1e-3)
        away = (prices - self.mark[symbols]) * unit / vega
        return np.where(prices > 0, np.round(np.clip(self.percent[symbols] + away, 0.0, 999.0), 2), 0.0)
