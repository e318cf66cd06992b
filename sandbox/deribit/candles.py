"""Candles of Deribit's trades: inverse contracts are counted in USD, so that their volume in coins needs the price."""

import numpy as np

from sandbox.candles import MINUTE_MS, Candles
from sandbox.deribit.universe import Listing

COIN_UNITS = 100_000_000  # volumes in coins are kept to the eighth decimal, as the venue shows them
MAX_BARS = 5000


class CoinCandles(Candles):
    def __init__(self) -> None:
        super().__init__(np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._inverse = np.zeros(0, bool)

    def take_in(self, listings: list[Listing]) -> None:
        """All instruments, old and new."""
        self._inverse = np.array([row.kind == "future" and not row.linear for row in listings])
        prices = np.array([10**row.grid.decimals for row in listings], np.int64)
        self.extend(prices, np.array([10**row.grid.amount_decimals for row in listings], np.int64))

    def _turnover(self, symbols: np.ndarray, steps: np.ndarray, price: np.ndarray) -> np.ndarray:
        coins = np.rint(steps * self._price_units[symbols] / np.maximum(price, 1) * COIN_UNITS).astype(np.int64)
        return np.asarray(np.where(self._inverse[symbols], coins, steps * price))

    def _fills(self, batch: np.ndarray) -> np.ndarray:
        return np.ones(len(batch), np.int64)

    def sums(self, symbol: int, row: np.ndarray) -> tuple[float, float]:
        """(volume in coins or contracts, cost in USD, USDC or coin)."""
        steps = int(row["volume"]) / int(self._quantity_units[symbol])
        if self._inverse[symbol]:
            return int(row["quote_volume"]) / COIN_UNITS, steps
        unit = int(self._quantity_units[symbol]) * int(self._price_units[symbol])
        return steps, int(row["quote_volume"]) / unit

    def price(self, symbol: int, value: np.ndarray) -> float:
        return int(value) / int(self._price_units[symbol])

    def bars(self, symbol: int, start_ms: int, end_ms: int, minutes: int) -> list[dict[str, float]]:
        """Bars as the venue's charts have them: intervals without trades repeat the last close."""
        found = []
        for open_ms, row in self.rows(symbol, start_ms - start_ms % MINUTE_MS, end_ms, minutes * MINUTE_MS, MAX_BARS):
            volume, cost = self.sums(symbol, row)
            prices = {name: self.price(symbol, row[name]) for name in ("open", "high", "low", "close")}
            found.append({"tick": open_ms, **prices, "volume": volume, "cost": cost})
        return found
