"""Tickers: what the venue computes about an instrument at an instant, for the streams and for REST."""

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox.deribit.records import GREEKS, TICKER
from sandbox.deribit.wire import encode, notification
from sandbox.emission import Channel

if TYPE_CHECKING:
    from sandbox.deribit.venue import Deribit

DAY_CACHE_SECONDS = 2.0  # summing a day of candles takes some tens of milliseconds


def funding(base: int, us: int) -> float:
    """The instantaneous rate of eight hours, from coin and time alone, so history needs no store."""
    return round(5e-5 * math.sin(us / 7.2e9 + base), 8)


class Tickers:
    def __init__(self, venue: "Deribit") -> None:
        self._venue = venue
        self._number = 0
        self._day: tuple[float, np.ndarray] = (0.0, np.zeros(0))

    def records(self, symbols: np.ndarray, now_us: int, interval: int) -> np.ndarray:
        market, batch = self._venue.market, np.zeros(len(symbols), TICKER)
        pricing, option = market.pricing, market.pricing.option[symbols]
        batch["symbol"], batch["event_us"], batch["interval"] = symbols, now_us - now_us % 1000, interval
        batch["number"] = self._number + 1 + np.arange(len(symbols))
        self._number += len(symbols)
        batch["bid"], batch["ask"] = market.price(symbols, market.bid[symbols]), market.price(symbols, market.ask[symbols])
        batch["bid_quantity"], batch["ask_quantity"] = (
            market.amount(symbols, market.bid_lots[symbols]),
            market.amount(symbols, market.ask_lots[symbols]),
        )
        batch["mark_price"] = np.where(option, pricing.mark[symbols], np.round(pricing.mark[symbols], 4))
        batch["index_price"], batch["open_interest"] = pricing.index[symbols], market.open_interest[symbols]
        batch["last_price"] = np.where(market.last[symbols] > 0, market.price(symbols, market.last[symbols]), np.nan)
        batch["volume"] = [self.venue_day(symbol)["volume"] for symbol in symbols.tolist()]
        batch["funding"] = np.where(pricing.perpetual[symbols], [funding(base, now_us) for base in pricing.base[symbols].tolist()], np.nan)
        batch["underlying_price"] = np.where(option, pricing.forward[symbols], np.nan)
        batch["mark_iv"] = np.where(option, pricing.percent[symbols], np.nan)
        for name, side in (("bid_iv", "bid"), ("ask_iv", "ask")):
            batch[name] = np.where(option, pricing.implied(symbols, batch[side]), np.nan)
        for place, name in enumerate(GREEKS):
            batch[name] = np.where(option, pricing.greeks[place, symbols], np.nan)
        return batch

    def venue_day(self, symbol: int) -> dict[str, Any]:
        """`stats`: the last 24 hours; null where nothing traded."""
        candles, (made, rows) = self._venue.candles, self._day
        if time.monotonic() - made > DAY_CACHE_SECONDS or len(rows) < len(self._venue.names):
            rows = candles.day()
            self._day = (time.monotonic(), rows)
        row = rows[symbol]
        if not row["trades"]:
            return {"high": None, "low": None, "price_change": None, "volume": 0.0}
        opened, closed = candles.price(symbol, row["open"]), candles.price(symbol, row["close"])
        volume, cost = candles.sums(symbol, row)
        coin = float(self._venue.market.pricing.index[symbol]) if self._venue.listings[symbol].coin_priced else 1.0
        prices = {"high": candles.price(symbol, row["high"]), "low": candles.price(symbol, row["low"])}
        change = round(100 * (closed - opened) / opened, 4)
        return {**prices, "price_change": change, "volume": round(volume, 8), "volume_usd": round(cost * coin, 2)}

    def data(self, row: np.ndarray) -> dict[str, Any]:
        symbol = int(row["symbol"])
        listing, mark = self._venue.listings[symbol], float(row["mark_price"])
        body: dict[str, Any] = {
            "timestamp": int(row["event_us"]) // 1000,
            "state": listing.state,
            "stats": self.venue_day(symbol) | {"volume": float(row["volume"])},  # the day may have moved on since the record
            "index_price": float(row["index_price"]),
            "instrument_name": listing.name,
            "last_price": number(row["last_price"]),
            "min_price": round(mark * 0.985, 4) if listing.kind == "future" else 0.0001,
            "max_price": round(mark * 1.015 + (listing.kind != "future"), 4),
            "open_interest": float(row["open_interest"]),
            "mark_price": mark,
            "best_ask_price": float(row["ask"]) or None,
            "best_bid_price": float(row["bid"]) or None,
            "estimated_delivery_price": float(row["index_price"]),
            "best_ask_amount": float(row["ask_quantity"]),
            "best_bid_amount": float(row["bid_quantity"]),
        }
        return body | self._of_kind(row, symbol)

    def _of_kind(self, row: np.ndarray, symbol: int) -> dict[str, Any]:
        listing, venue = self._venue.listings[symbol], self._venue
        delivered = {} if listing.state == "open" else {"delivery_price": venue.expiry.delivery_price(symbol)}
        if listing.kind == "option":
            names = ("underlying_price", "mark_iv", "bid_iv", "ask_iv")
            greeks = {name: float(row[name]) for name in GREEKS}
            index = f"{listing.family}-{listing.name.split('-')[1]}"
            index = index if index in venue.index else f"SYN.{index}"
            values = {name: float(row[name]) for name in names}
            return {**values, "underlying_index": index, "interest_rate": 0.0, "greeks": greeks, **delivered}
        if listing.kind == "future":
            settled = {"settlement_price": round(float(venue.market.pricing.anchor[venue.market.pricing.base[symbol]]), 2)}
            if listing.period == "perpetual":
                rate = float(row["funding"])
                settled |= {"current_funding": rate, "funding_8h": round(rate * 0.8, 8), "interest_value": rate * 10}
            return settled | delivered
        return delivered


def number(value: Any) -> float | None:
    return None if math.isnan(value) else float(value)


class TickerChannel(Channel):
    """One interval of `ticker.*`; frames are built whole, since no two kinds of instruments have the same fields."""

    def of(self, venue: "Deribit", interval: str) -> "TickerChannel":
        self._venue, self._interval = venue, interval
        return self

    def add(self, template: bytes, prefix: bytes = b"") -> None:
        self.prefixes.append(b"")

    def payloads(self, batch: np.ndarray) -> list[bytes]:
        venue = self._venue
        frames = [
            notification(f"ticker.{venue.names[symbol]}.{self._interval}", encode(venue.tickers.data(row)))
            for symbol, row in zip(batch["symbol"].tolist(), batch, strict=True)
        ]
        return venue.troubles.disguised("ticker", batch, frames)
