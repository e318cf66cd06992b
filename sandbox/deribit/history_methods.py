"""Methods about the past. Trades and candles come from the ledger; funding and old deliveries from formulas."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sandbox.deribit import rpc, wire
from sandbox.deribit.candles import MAX_BARS
from sandbox.deribit.channels import CURRENCIES, INDICES, RESOLUTIONS, TRADE_KINDS
from sandbox.deribit.pricing import BASES
from sandbox.deribit.rpc import Params
from sandbox.deribit.tickers import funding
from sandbox.deribit.universe import COINS, utc
from sandbox.deribit.venue import Deribit

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
EIGHT_MS = 8 * HOUR_MS
GONE_AFTER_MS = HOUR_MS  # expired instruments vanish from the main host; the archive keeps them
FUNDING_ROWS = 744
DELIVERY_DAYS = 365
FOREVER = 2**62


class History:
    def __init__(self, venue: Deribit) -> None:
        self._venue = venue

    def _now_ms(self) -> int:
        return self._venue.clock.now_us() // 1000

    # --- trades

    def _symbol(self, params: Params) -> int:
        found = self._venue.index.get(params.text("instrument_name"))
        if found is None or (self._venue.listings[found].expiry_ms < self._now_ms() - GONE_AFTER_MS and "archive" not in params):
            raise rpc.not_found()
        return found

    def by_instrument(self, params: Params) -> dict[str, Any]:
        symbol = self._symbol(params)
        first, last = params.number("start_seq", 1), params.number("end_seq", FOREVER)
        return self._of_instrument(params, symbol, first, last, ascending="start_seq" in params)

    def by_instrument_and_time(self, params: Params) -> dict[str, Any]:
        symbol, history = self._symbol(params), self._venue.history
        first = history.id_at(symbol, params.number("start_timestamp", 0) * 1000)
        last = history.id_at(symbol, (params.number("end_timestamp", FOREVER // 10_000) + 1) * 1000) - 1
        return self._of_instrument(params, symbol, first, last, ascending="start_timestamp" in params)

    def _of_instrument(self, params: Params, symbol: int, first: int, last: int, *, ascending: bool) -> dict[str, Any]:
        history, count = self._venue.history, params.count()
        first, last = max(first, 1), min(last, history.latest_id(symbol))
        size = min(count, max(last - first + 1, 0))
        upwards = self._upwards(params, ascending=ascending)
        rows = history.by_id(symbol, first if upwards else last - size + 1, size)
        rows = rows[(rows["id"] >= first) & (rows["id"] <= last)]
        return self._page(rows if upwards else rows[::-1], more=last - first + 1 > size, count=count)

    def _upwards(self, params: Params, *, ascending: bool) -> bool:
        order = params.text("sorting", "default", ("asc", "desc", "default"))
        return ascending if order == "default" else order == "asc"

    def by_currency(self, params: Params) -> dict[str, Any]:
        bounds = [self._number(params, name, default) for name, default in (("start_id", 0), ("end_id", FOREVER))]
        return self._of_currency(params, "trade_number", bounds[0], bounds[1], ascending="start_id" in params)

    def by_currency_and_time(self, params: Params) -> dict[str, Any]:
        start, end = params.number("start_timestamp", 0), params.number("end_timestamp", FOREVER // 10_000)
        return self._of_currency(params, "event_us", start * 1000, end * 1000 + 999, ascending="start_timestamp" in params)

    def _number(self, params: Params, name: str, default: int) -> int:
        """The digits of a trade id: `ETH-15` is the fifteenth of ETH."""
        text = str(params.values.get(name, default)).rpartition("-")[2]
        if not text.isdigit():
            raise rpc.invalid(name, "invalid format")
        return int(text)

    def _of_currency(self, params: Params, column: str, low: int, high: int, *, ascending: bool) -> dict[str, Any]:
        currency = params.text("currency", None, CURRENCIES)
        kinds = TRADE_KINDS[params.text("kind", "any", tuple(TRADE_KINDS))]
        gone = 0 if "archive" in params else self._now_ms() - GONE_AFTER_MS
        rows = self._venue.listings
        wanted = np.array([row.kind in kinds and currency in ("any", row.currency) and row.expiry_ms >= gone for row in rows])
        count = params.count()
        upwards = self._upwards(params, ascending=ascending)
        found = self._scan(lambda records: wanted[records["symbol"]] & (records[column] >= low) & (records[column] <= high), column, low)
        chosen = found[:count] if upwards else found[::-1][:count]
        return self._page(chosen, more=len(found) > count, count=count)

    def _scan(self, fits: Callable[[np.ndarray], np.ndarray], column: str, low: int) -> np.ndarray:
        """Matching records in the order of emission; stops at the block before which everything is older."""
        parts: list[np.ndarray] = []
        for records in self._venue.history.newest_first():
            parts.append(records[fits(records)])
            if column == "event_us" and len(records) and int(records[column].min()) < low:
                break
        found = np.concatenate(parts[::-1])
        return np.asarray(found[np.argsort(found["event_us"], kind="stable")])

    def _page(self, rows: np.ndarray, *, more: bool, count: int) -> dict[str, Any]:
        faults = self._venue.faults
        short, endless = faults.first("short_page"), faults.first("endless_pages")
        if short and len(rows) > 1:
            short.take()
            rows, more = rows[: len(rows) // 2], True
        if endless:
            endless.take()
            more = True
        return {"trades": wire.trades(rows, self._venue.listings), "has_more": more}

    # --- candles

    def chart(self, params: Params) -> dict[str, Any]:
        symbol = self._symbol(params)
        resolution = params.text("resolution", None, tuple(RESOLUTIONS))
        start_ms, end_ms = params.number("start_timestamp"), params.number("end_timestamp")
        bars = self._venue.candles.bars(symbol, start_ms, end_ms, RESOLUTIONS[resolution])[-MAX_BARS:]
        columns = {name: [bar[name] for bar in bars] for name in ("open", "high", "low", "close", "volume", "cost")}
        return {"ticks": [bar["tick"] for bar in bars], **columns, "status": "ok" if bars else "no_data"}

    # --- money

    def funding_rates(self, params: Params) -> list[dict[str, Any]]:
        symbol = self._symbol(params)
        listing, now_ms = self._venue.listings[symbol], self._now_ms()
        if listing.period != "perpetual":
            raise rpc.invalid("instrument_name", "must be a perpetual")
        start_ms, end_ms = params.number("start_timestamp"), min(params.number("end_timestamp"), now_ms)
        hours = range(start_ms + -start_ms % HOUR_MS, end_ms + 1, HOUR_MS)
        return [self._funding(listing.base, hour_ms) for hour_ms in hours[-FUNDING_ROWS:]]

    def _funding(self, base: str, hour_ms: int) -> dict[str, Any]:
        number = BASES.index(base)
        rates = [funding(number, (hour_ms - n * HOUR_MS) * 1000) / 8 for n in range(8)]
        prices = [past_index(base, hour_ms - n * HOUR_MS) for n in range(2)]
        rest = {"index_price": prices[0], "prev_index_price": prices[1]}
        return {"timestamp": hour_ms, "interest_8h": sum(rates), "interest_1h": rates[0], **rest}

    def delivery_prices(self, params: Params) -> dict[str, Any]:
        """A row a day, latest first; days on which this venue delivered something have the price of it."""
        index = params.text("index_name", None, tuple(INDICES))
        base, offset, count = INDICES[index], params.number("offset", 0), params.count()
        real = {utc(row["expiry_ms"]).date(): row["price"] for row in self._venue.expiry.deliveries if row["base"] == base}
        now_ms = self._now_ms()
        last_ms = now_ms - now_ms % DAY_MS + EIGHT_MS
        days = [
            last_ms - n * DAY_MS for n in range(DELIVERY_DAYS) if last_ms - n * DAY_MS <= now_ms or utc(last_ms - n * DAY_MS).date() in real
        ]
        rows = [{"date": utc(day).date().isoformat(), "delivery_price": real.get(utc(day).date(), past_index(base, day))} for day in days]
        return {"data": rows[offset : offset + count], "records_total": len(rows)}

    def settlements(self, params: Params) -> dict[str, Any]:
        currency = params.text("currency", None, CURRENCIES)
        kind = params.text("type", "settlement", ("settlement", "delivery", "bankruptcy"))
        count = params.count(20)
        until_ms = params.number("search_start_timestamp", self._now_ms())
        continuation = params.text("continuation", "none")
        first = int(continuation) if continuation.isdigit() else 0
        rows = [
            row
            for row in (self._deliveries(currency) if kind == "delivery" else self._settlements(currency, kind))
            if row["timestamp"] <= until_ms
        ]
        rows.sort(key=lambda row: (-row["timestamp"], row["instrument_name"]))
        more = first + count < len(rows)
        return {"settlements": rows[first : first + count], "continuation": str(first + count) if more else "none"}

    def _deliveries(self, currency: str) -> list[dict[str, Any]]:
        venue = self._venue
        rows = []
        for symbol, listing in enumerate(venue.listings):
            if listing.state in ("settlement", "delivered") and currency in ("any", listing.currency):
                price = venue.expiry.delivery_price(symbol)
                paid = max((price - listing.strike) * (1 if listing.side == "C" else -1), 0.0) if listing.strike else price
                mark = round(paid / price, 6) if listing.coin_priced else paid
                body = {"type": "delivery", "timestamp": listing.expiry_ms, "instrument_name": listing.name}
                rows.append(
                    {**body, "index_price": price, "mark_price": mark, "position": 1.0, "profit_loss": 0.0, "session_profit_loss": 0.0}
                )
        return rows

    def _settlements(self, currency: str, kind: str) -> list[dict[str, Any]]:
        """Perpetuals and futures are settled daily; bankruptcies do not happen here."""
        now_ms = self._now_ms()
        last_ms = (now_ms - EIGHT_MS) // DAY_MS * DAY_MS + EIGHT_MS
        futures = [
            row for row in self._venue.listings if row.kind == "future" and row.state == "open" and currency in ("any", row.currency)
        ]
        rows = []
        for day_ms in [last_ms - n * DAY_MS for n in range(7)] if kind == "settlement" else []:
            for listing in futures:
                price = past_index(listing.base, day_ms)
                body = {"type": kind, "timestamp": day_ms, "instrument_name": listing.name, "index_price": price, "mark_price": price}
                rows.append({**body, "position": 1000.0, "profit_loss": 0.0, "funding": 0.0, "session_profit_loss": 0.0})
        return rows


def past_index(base: str, ms: int) -> float:
    """A slow wave around where the coin begins: the past before this sandbox was started."""
    return round(COINS[base].spot * (1 + 0.02 * math.sin(ms / DAY_MS + BASES.index(base))), COINS[base].decimals)
