"""REST answers about the past. Trades and candles come from the ledger; funding and open interest from formulas."""

from typing import Any

import numpy as np

from sandbox.binance import wire
from sandbox.binance.queries import BadQuery, Query
from sandbox.binance.timers import FUNDING_MS, compact, funding_rate
from sandbox.binance.venue import Binance

AGG_TRADES_WINDOW_MS = 2 * 24 * 3600 * 1000
MINUTE = 60_000
INTERVALS_MS = {
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": 60 * MINUTE,
    "2h": 120 * MINUTE,
    "4h": 240 * MINUTE,
    "6h": 360 * MINUTE,
    "8h": 480 * MINUTE,
    "12h": 720 * MINUTE,
    "1d": 1440 * MINUTE,
}
OPEN_INTEREST_DAYS = 30


class History:
    def __init__(self, venue: Binance) -> None:
        self._venue = venue

    def _now_ms(self) -> int:
        return self._venue.clock.now_us() // 1000

    def trades(self, query: Query) -> bytes:
        symbol, limit = query.symbol(), query.limit(500, 1000)
        history = self._venue.history
        rows = history.by_id(symbol, max(1, history.latest_id(symbol) - limit + 1), limit)
        return wire.rest_trades(rows, self._venue.templates[symbol].rest_trade)

    def agg_trades(self, query: Query) -> bytes:
        symbol, limit = query.symbol(), query.limit(500, 1000)
        rows = self._agg_trades(query, symbol, limit)
        endless = self._venue.faults.first("endless_pages")
        if endless and len(rows) < limit:
            # the last full page again and again: nothing in it is invented, but no page is ever short
            endless.take()
            rows = self._latest(symbol, limit)
        return wire.rest_agg_trades(rows, self._venue.templates[symbol].rest_agg_trade)

    def _latest(self, symbol: int, limit: int) -> np.ndarray:
        history = self._venue.history
        return history.by_id(symbol, max(1, history.latest_id(symbol) - limit + 1), limit)

    def _agg_trades(self, query: Query, symbol: int, limit: int) -> np.ndarray:
        history, values = self._venue.history, query.values
        timed = "startTime" in values or "endTime" in values
        if "fromId" in values:
            if timed:
                raise BadQuery(-1128, "Combination of optional parameters invalid.")
            from_id = query.number("fromId", 1)
            return self._recent(history.by_id(symbol, from_id, limit), from_id)
        if not timed:
            return self._latest(symbol, limit)
        now_ms = self._now_ms()
        end_ms = query.number("endTime", now_ms)
        oldest_ms = max(now_ms - AGG_TRADES_WINDOW_MS, history.oldest_us // 1000)
        if min(end_ms, query.number("startTime", end_ms)) < oldest_ms:
            raise too_old()
        past_end = history.id_at(symbol, (end_ms + 1) * 1000)
        started = "startTime" in values
        first = history.id_at(symbol, query.number("startTime", 0) * 1000) if started else max(1, past_end - limit)
        return history.by_id(symbol, first, min(limit, max(0, past_end - first)))

    def _recent(self, rows: np.ndarray, from_id: int) -> np.ndarray:
        """Refuse what is older than the venue's window, or than the ledger keeps."""
        oldest_us = (self._now_ms() - AGG_TRADES_WINDOW_MS) * 1000
        if len(rows) and (rows["event_us"][0] < oldest_us or rows["id"][0] > max(1, from_id)):
            raise too_old()
        return rows

    def klines(self, query: Query) -> bytes:
        symbol, limit = query.symbol(), query.limit(500, 1500)
        interval_ms = INTERVALS_MS.get(query.values.get("interval", ""))
        if interval_ms is None:
            raise BadQuery(-1120, "Invalid interval.")
        now_ms = self._now_ms()
        self._venue.candles.roll(now_ms)
        end_ms = min(query.number("endTime", now_ms), now_ms)
        latest_ms = end_ms - end_ms % interval_ms - (limit - 1) * interval_ms
        start_ms = query.number("startTime", latest_ms)
        rows = self._venue.candles.rows(symbol, start_ms, end_ms, interval_ms, limit)
        return compact([self._kline(symbol, open_ms, interval_ms, row) for open_ms, row in rows])

    def _kline(self, symbol: int, open_ms: int, interval_ms: int, row: np.ndarray) -> list[Any]:
        instrument = self._venue.market.instruments[symbol]
        p, q = instrument.price_decimals, instrument.quantity_decimals
        prices = [exact(row[name], p) for name in ("open", "high", "low", "close")]
        takers = [exact(row["taker_volume"], q), exact(row["taker_quote_volume"], p + q)]
        volumes = [
            exact(row["volume"], q),
            open_ms + interval_ms - 1,
            exact(row["quote_volume"], p + q),
            int(row["trades"]),
        ]
        return [open_ms, *prices, *volumes, *takers, "0"]

    def funding_rate(self, query: Query) -> bytes:
        symbols, _ = query.symbols()
        limit, now_ms = query.limit(100, 1000), self._now_ms()
        end_ms = min(query.number("endTime", now_ms), now_ms)
        start_ms = query.number("startTime", end_ms - 7 * 24 * 3600 * 1000)
        start_ms = max(start_ms, now_ms - 365 * 24 * 3600 * 1000)
        rows = [
            self._funding(symbol, time_ms)
            for time_ms in range(start_ms + -start_ms % FUNDING_MS, end_ms + 1, FUNDING_MS)
            for symbol in symbols
            if not self._venue.listings[symbol].contract.endswith("QUARTER")
        ]
        return compact(rows[:limit] if "startTime" in query.values else rows[-limit:])

    def _funding(self, symbol: int, time_ms: int) -> dict[str, Any]:
        instrument = self._venue.market.instruments[symbol]
        mark = instrument.anchor_ticks * instrument.tick_units / 10**instrument.price_decimals
        rate, name = funding_rate(symbol, time_ms), self._venue.names[symbol]
        money = {"fundingRate": rate, "markPrice": f"{mark:.8f}", "rateType": "Regular"}
        # the venue's instants jitter by some milliseconds
        return {"symbol": name, "fundingTime": time_ms + (symbol + time_ms // FUNDING_MS) % 7, **money}

    def open_interest_hist(self, query: Query) -> bytes:
        symbol, limit = query.symbol(), query.limit(30, 500)
        period_ms = INTERVALS_MS.get(query.values.get("period", ""))
        if period_ms is None or period_ms < 5 * MINUTE:
            raise BadQuery(-1130, "Data sent for parameter 'period' is not valid.")
        now_ms = self._now_ms()
        oldest_ms = now_ms - OPEN_INTEREST_DAYS * 24 * 3600 * 1000
        start_ms, end_ms = query.number("startTime", 0), min(query.number("endTime", now_ms), now_ms)
        if "startTime" in query.values and start_ms < oldest_ms:
            raise BadQuery(-1130, "parameter 'startTime' is invalid.")
        end_ms -= end_ms % period_ms
        start_ms = max(start_ms, end_ms - (limit - 1) * period_ms)
        instrument = self._venue.market.instruments[symbol]
        price = instrument.anchor_ticks * instrument.tick_units / 10**instrument.price_decimals
        rows = []
        for time_ms in range(start_ms + -start_ms % period_ms, end_ms + 1, period_ms):
            amount = open_interest(symbol, time_ms, instrument.typical_steps / 10**instrument.quantity_decimals)
            sums = {"sumOpenInterest": f"{amount:.8f}", "sumOpenInterestValue": f"{amount * price:.8f}"}
            supply = {"CMCCirculatingSupply": "0.00000000", "timestamp": time_ms}
            rows.append({"symbol": self._venue.names[symbol], **sums, **supply})
        return compact(rows)


def too_old() -> BadQuery:
    return BadQuery(-4166, "Search window is restricted to recent 2 days only.")


def exact(value: Any, decimals: int) -> str:
    """An integer count of last decimals as text, without passing through a float."""
    whole, part = divmod(int(value), 10**decimals)
    return f"{whole}.{part:0{decimals}d}" if decimals else str(whole)


def open_interest(symbol: int, time_ms: int, typical: float) -> float:
    """A slow deterministic wave, so that snapshots and history agree."""
    return typical * 50_000 * (1 + 0.1 * float(np.sin(time_ms / 3_600_000 + symbol)))
