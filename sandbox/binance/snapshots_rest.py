"""REST answers about this moment: books, prices, marks, open interest and the last day."""

import time
from typing import Any

import numpy as np

from sandbox.binance.history_rest import exact, open_interest
from sandbox.binance.queries import BadQuery, Query
from sandbox.binance.timers import compact, funding_rate
from sandbox.binance.universe import decimal
from sandbox.binance.venue import Binance

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
DAY_CACHE_SECONDS = 2.0  # summing a day of candles takes some tens of milliseconds


class Snapshots:
    def __init__(self, venue: Binance) -> None:
        self._venue = venue
        self._day: tuple[float, np.ndarray] = (0.0, np.zeros(0))

    def _now_ms(self) -> int:
        return self._venue.clock.now_us() // 1000

    def _price(self, symbol: int, ticks: int) -> str:
        instrument = self._venue.market.instruments[symbol]
        return decimal(int(ticks) * instrument.tick_units, instrument.price_decimals)

    def _quantity(self, symbol: int, steps: int) -> str:
        return decimal(int(steps), self._venue.market.instruments[symbol].quantity_decimals)

    def time(self, query: Query) -> bytes:
        return compact({"serverTime": self._now_ms()})

    def depth(self, query: Query) -> bytes:
        symbol, limit, venue = query.symbol(), query.number("limit", 500), self._venue
        if limit not in DEPTH_LIMITS:
            raise BadQuery(-4021, "Invalid depth limit, valid: 5, 10, 20, 50, 100, 500, 1000.")
        book, now_ms = venue.books.book(symbol), self._now_ms()
        bids = sorted(book.bids.items(), reverse=True)[:limit]
        asks = sorted(book.asks.items())[:limit]
        head = {"lastUpdateId": book.last, "E": now_ms, "T": now_ms}
        return compact(head | {"bids": venue.levels(symbol, bids), "asks": venue.levels(symbol, asks)})

    def premium_index(self, query: Query) -> bytes:
        symbols, single = query.symbols()
        rows = [self._premium(symbol) for symbol in symbols]
        return compact(rows[0] if single else rows)

    def _premium(self, symbol: int) -> dict[str, Any]:
        now_ms, timers = self._now_ms(), self._venue.timers
        mark, funding_ms = timers.mark_price(symbol), timers.next_funding_ms(symbol, now_ms)
        prices = {"markPrice": mark, "indexPrice": mark * 0.9998, "estimatedSettlePrice": mark * 0.9999}
        return {
            "symbol": self._venue.names[symbol],
            **{name: f"{value:.8f}" for name, value in prices.items()},
            "lastFundingRate": funding_rate(symbol, funding_ms) if funding_ms else "",
            "interestRate": "0.00010000" if funding_ms else "",
            "nextFundingTime": funding_ms,
            "time": now_ms,
        }

    def funding_info(self, query: Query) -> bytes:
        """Only instruments with adjusted terms are listed; COIN-M ones among them."""
        terms = {"adjustedFundingRateCap": "0.02000000", "adjustedFundingRateFloor": "-0.02000000"}
        rest = {"fundingIntervalHours": 8, "disclaimer": False}
        return compact([{"symbol": name, **terms, **rest} for name in (*self._venue.names[2:6], "BTCUSD_PERP")])

    def open_interest(self, query: Query) -> bytes:
        symbol, now_ms = query.symbol(), self._now_ms()
        instrument = self._venue.market.instruments[symbol]
        amount = open_interest(symbol, now_ms, instrument.typical_steps / 10**instrument.quantity_decimals)
        text = f"{amount:.{instrument.quantity_decimals}f}"
        return compact({"openInterest": text, "symbol": self._venue.names[symbol], "time": now_ms})

    def price(self, query: Query) -> bytes:
        symbols, single = query.symbols()
        venue, now_ms = self._venue, self._now_ms()
        rows = [{"symbol": venue.names[symbol], "price": self._last_price(symbol), "time": now_ms} for symbol in symbols]
        return compact(rows[0] if single else rows)

    def _last_price(self, symbol: int) -> str:
        row = self._venue.candles.live[symbol]
        if row["trades"]:
            return exact(row["close"], self._venue.market.instruments[symbol].price_decimals)
        return self._price(symbol, self._venue.market.mid[symbol])

    def book_ticker(self, query: Query) -> bytes:
        symbols, single = query.symbols()
        rows = [self._book_ticker(symbol) for symbol in symbols]
        return compact(rows[0] if single else rows)

    def _book_ticker(self, symbol: int) -> dict[str, Any]:
        venue, market = self._venue, self._venue.market
        return {
            "symbol": venue.names[symbol],
            "bidPrice": self._price(symbol, market.mid[symbol]),
            "bidQty": self._quantity(symbol, market.bid_steps[symbol]),
            "askPrice": self._price(symbol, market.ask[symbol]),
            "askQty": self._quantity(symbol, market.ask_steps[symbol]),
            "time": int(venue.last_quote_us[symbol]) // 1000,
            "lastUpdateId": int(venue.last_quote_ids[symbol]),
        }

    def day_ticker(self, query: Query) -> bytes:
        symbols, single = query.symbols()
        made, rows = self._day
        if time.monotonic() - made > DAY_CACHE_SECONDS or len(rows) < len(self._venue.names):
            rows = self._venue.candles.day()
            self._day = (time.monotonic(), rows)
        tickers = [self._day_ticker(symbol, rows[symbol]) for symbol in symbols]
        return compact(tickers[0] if single else tickers)

    def _day_ticker(self, symbol: int, row: np.ndarray) -> dict[str, Any]:
        instrument, now_ms = self._venue.market.instruments[symbol], self._now_ms()
        p, q = instrument.price_decimals, instrument.quantity_decimals
        opened, change = int(row["open"]), int(row["close"] - row["open"])
        average = int(row["quote_volume"]) / int(row["volume"]) / 10**p if row["volume"] else 0.0
        return {
            "symbol": self._venue.names[symbol],
            "priceChange": decimal(change, p),
            "priceChangePercent": f"{100 * change / opened if opened else 0:.3f}",
            "weightedAvgPrice": f"{average:.{p}f}",
            "lastPrice": self._last_price(symbol),
            "lastQty": exact(instrument.typical_steps, q),
            "openPrice": exact(opened, p),
            "highPrice": exact(row["high"], p),
            "lowPrice": exact(row["low"], p),
            "volume": exact(row["volume"], q),
            "quoteVolume": exact(row["quote_volume"], p + q),
            "openTime": now_ms - 24 * 3600 * 1000,
            "closeTime": now_ms,
            "firstId": int(row["first_id"]),
            "lastId": int(row["last_id"]),
            "count": int(row["trades"]),
        }
