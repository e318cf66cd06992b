"""Channels that follow the clock instead of the market: depth, mark prices, candles, and the all-market arrays.

They are made only for instruments that somebody listens to, and are not in the ledger.
"""

import json
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.binance import wire
from sandbox.binance.streams import ALL_SYMBOLS
from sandbox.binance.universe import COIN_M, decimal
from sandbox.candles import MINUTE_MS
from sandbox.sockets import Socket
from sandbox.wsframes import text_frame

if TYPE_CHECKING:
    from sandbox.binance.venue import Binance

DEPTH_PERIODS_MS = {"depth@100ms": 100, "depth": 250, "depth@500ms": 500}
FUNDING_MS = 8 * 3600 * 1000


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def funding_rate(symbol: int, funding_ms: int) -> str:
    """Known from the instrument and the instant alone, so history needs no store."""
    return f"{0.0001 * math.sin(symbol + funding_ms / FUNDING_MS):.8f}"


class Timers:
    def __init__(self, venue: "Binance") -> None:
        self._venue = venue
        self._last_ms = 0
        self._closed_minute_ms = 0

    def run(self, now_ms: int) -> None:
        """Everything that fell due since the last call; missed beats are not made up for."""
        before, self._last_ms = self._last_ms, now_ms
        if not before:
            return

        def due(period_ms: int) -> bool:
            return now_ms // period_ms > before // period_ms

        if due(50):
            self._depth(now_ms, due)
        if due(250):
            self._klines(now_ms)
        if due(1000):
            self._marks(now_ms, due)
        if due(5000):
            self._all_quotes(now_ms)
            self._forget_books()

    def _send(self, sockets: Iterable[Socket], channel: str, symbol: int, payload: bytes) -> None:
        venue = self._venue
        if (symbol != ALL_SYMBOLS and venue.troubles.is_frozen(symbol)) or (symbol == ALL_SYMBOLS and venue.troubles.all_frozen):
            return
        name = channel if symbol == ALL_SYMBOLS else f"{venue.stream_names[symbol]}@{channel}"
        raw, combined = text_frame(payload), text_frame(wire.wrapped(name, payload))
        for socket in sockets:
            if not venue.troubles.silenced(channel, socket):
                socket.out.append(combined if socket.combined else raw)
                venue.extra[channel] = venue.extra.get(channel, 0) + 1

    def _everyone(self, channel: str, payload: Callable[[], bytes]) -> None:
        sockets = list(self._venue.hub.listeners(channel).get(ALL_SYMBOLS, ()))
        if sockets:
            self._send(sockets, channel, ALL_SYMBOLS, payload())

    def _depth(self, now_ms: int, due: Callable[[int], bool]) -> None:
        venue = self._venue
        wanted = {speed: list(venue.hub.subscribed(speed)) for speed in DEPTH_PERIODS_MS}
        for symbol in {symbol for listed in wanted.values() for symbol, _ in listed if venue.market.trading[symbol]}:
            venue.books.book(symbol)
            venue.books.step(symbol)
        for speed, listed in wanted.items():
            for symbol, sockets in listed:
                venue.books.watch(symbol, speed)
                diff = venue.books.diff(symbol, speed) if due(DEPTH_PERIODS_MS[speed]) else None
                if diff:
                    head = {"e": "depthUpdate", "E": now_ms, "T": now_ms, "s": venue.names[symbol]}
                    ids = {"ps": venue.listings[symbol].pair, "U": diff.first, "u": diff.last, "pu": diff.previous}
                    sides = {"b": self._levels(symbol, diff.bids, -1), "a": self._levels(symbol, diff.asks, 1)}
                    self._send(sockets, speed, symbol, compact(head | ids | sides | {"st": 1}))

    def _levels(self, symbol: int, levels: dict[int, int], order: int) -> list[list[str]]:
        return self._venue.levels(symbol, sorted(levels.items(), key=lambda level: level[0] * order))

    def _forget_books(self) -> None:
        hub = self._venue.hub
        self._venue.books.forget({symbol for speed in DEPTH_PERIODS_MS for symbol, _ in hub.subscribed(speed)})

    def _klines(self, now_ms: int) -> None:
        venue = self._venue
        minute_ms = now_ms - now_ms % MINUTE_MS
        closing = self._closed_minute_ms and minute_ms > self._closed_minute_ms
        for symbol, sockets in venue.hub.subscribed("kline_1m"):
            if closing:
                for open_ms in range(self._closed_minute_ms, minute_ms, MINUTE_MS):
                    self._kline(symbol, sockets, now_ms, open_ms, closed=True)
            self._kline(symbol, sockets, now_ms, minute_ms, closed=False)
        self._closed_minute_ms = minute_ms

    def _kline(self, symbol: int, sockets: list[Socket], now_ms: int, open_ms: int, *, closed: bool) -> None:
        rows = self._venue.candles.rows(symbol, open_ms, open_ms + MINUTE_MS - 1, MINUTE_MS, 1)
        if not rows:
            return
        row, price, step = rows[0][1], self._venue.price_units[symbol], self._venue.quantity_units[symbol]
        ids = (int(row["first_id"]), int(row["last_id"])) if row["trades"] else (-1, -1)
        prices = [row[name] / price for name in ("open", "close", "high", "low")]
        volumes = [
            row["quote_volume"] / (price * step),
            row["taker_volume"] / step,
            row["taker_quote_volume"] / (price * step),
        ]
        body = self._venue.templates[symbol].kline % (
            *(now_ms, open_ms, open_ms + MINUTE_MS - 1, *ids, *prices, row["volume"] / step),
            *(row["trades"], wire.BOOL[closed], *volumes),
        )
        self._send(sockets, "kline_1m", symbol, body)

    def mark_price(self, symbol: int) -> float:
        venue = self._venue
        middle = float(venue.market.mid[symbol] + venue.market.ask[symbol]) / 2
        return middle * venue.market.instruments[symbol].tick_units / float(venue.price_units[symbol])

    def next_funding_ms(self, symbol: int, now_ms: int) -> int:
        """0 where no funding is scheduled: dated contracts."""
        dated = self._venue.listings[symbol].contract.endswith("QUARTER")
        return 0 if dated else now_ms - now_ms % FUNDING_MS + FUNDING_MS

    def _mark(self, symbol: int, now_ms: int) -> bytes:
        mark, funding_ms = self.mark_price(symbol), self.next_funding_ms(symbol, now_ms)
        rate = funding_rate(symbol, funding_ms).encode() if funding_ms else b"0"
        row = (now_ms, mark, mark * 1.00001, mark * 0.9999, mark * 0.9998, rate, funding_ms)
        return self._venue.templates[symbol].mark_price % row

    def _coin_mark(self, position: int, name: str, now_ms: int) -> bytes:
        mark = self.mark_price(min(position, len(self._venue.names) - 1))
        prices = {key: f"{mark * factor:.8f}" for key, factor in (("p", 1.0), ("ap", 1.00001), ("P", 0.9999), ("i", 0.9998))}
        tail = {"r": "0.00010000", "T": now_ms - now_ms % FUNDING_MS + FUNDING_MS, "st": 2}
        return compact({"e": "markPriceUpdate", "E": now_ms, "s": name} | prices | tail)

    def _marks(self, now_ms: int, due: Callable[[int], bool]) -> None:
        for channel, period_ms in (("markPrice@1s", 1000), ("markPrice", 3000)):
            if due(period_ms):
                for symbol, sockets in self._venue.hub.subscribed(channel):
                    self._send(sockets, channel, symbol, self._mark(symbol, now_ms))
                # TradFi perpetuals come in a message of their own
                for tradifi in (False, True):
                    name = "!markPrice@arr@1s" if channel.endswith("@1s") else "!markPrice@arr"
                    self._everyone(name, partial(self._mark_array, now_ms, tradifi=tradifi))

    def _mark_array(self, now_ms: int, *, tradifi: bool) -> bytes:
        venue = self._venue
        rows = [
            self._mark(symbol, now_ms)
            for symbol, listing in enumerate(venue.listings)
            if (listing.contract == "TRADIFI_PERPETUAL") == tradifi and not venue.troubles.is_frozen(symbol)
        ]
        if not tradifi:
            rows += [self._coin_mark(position, name, now_ms) for position, name in enumerate(COIN_M)]
        return b"[" + b",".join(rows) + b"]"

    def _all_quotes(self, now_ms: int) -> None:
        venue, market = self._venue, self._venue.market
        for symbol in range(len(venue.names)):
            if market.trading[symbol] and not venue.troubles.is_frozen(symbol) and venue.last_quote_ids[symbol]:
                self._everyone("!bookTicker", partial(self._quote, symbol, now_ms))
        for position, name in enumerate(COIN_M):
            self._everyone("!bookTicker", partial(self._coin_quote, position, name, now_ms))

    def _quote(self, symbol: int, now_ms: int) -> bytes:
        market, step = self._venue.market, self._venue.quantity_units[symbol]
        unit = market.instruments[symbol].tick_units / self._venue.price_units[symbol]
        quote_us = self._venue.last_quote_us[symbol] // 1000
        sides = (market.mid[symbol] * unit, market.bid_steps[symbol] / step)
        others = (market.ask[symbol] * unit, market.ask_steps[symbol] / step)
        row = (int(self._venue.last_quote_ids[symbol]), *sides, *others, quote_us, now_ms)
        return self._venue.templates[symbol].book_ticker % row

    def _coin_quote(self, position: int, name: str, now_ms: int) -> bytes:
        price = self.mark_price(min(position, len(self._venue.names) - 1))
        self._venue.market.update_id += 1
        head = {"e": "bookTicker", "u": self._venue.market.update_id, "s": name, "ps": name.split("_")[0]}
        sides = {"b": f"{price:.4f}", "B": "120", "a": f"{price * 1.0001:.4f}", "A": "95"}
        return compact(head | sides | {"T": now_ms, "E": now_ms, "st": 2})

    def contract_info(self, symbol: int, now_ms: int) -> None:
        listing = self._venue.listings[symbol]
        dates = {"ps": listing.pair, "ct": listing.contract, "dt": listing.delivery_ms, "ot": listing.onboard_ms}
        row = {"e": "contractInfo", "E": now_ms, "s": listing.symbol, **dates, "cs": listing.status, "st": 1}
        self._everyone("!contractInfo", lambda: compact(row))


def level(ticks: int, steps: int, tick_units: int, decimals: tuple[int, int]) -> list[str]:
    """[price, size] as text; a deleted level has size "0" in any number of decimals."""
    return [decimal(ticks * tick_units, decimals[0]), decimal(steps, decimals[1])]
