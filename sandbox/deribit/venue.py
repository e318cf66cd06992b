"""The simulated Deribit as a whole: its universe, its market, its ledger, and what happens on every tick."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from sandbox.config import Config
from sandbox.deribit import records, wire
from sandbox.deribit.book_feed import BookFeed
from sandbox.deribit.books import Books
from sandbox.deribit.candles import CoinCandles
from sandbox.deribit.channels import INTERVALS, Hub
from sandbox.deribit.channels import Channel as Name
from sandbox.deribit.expiry import Expiry
from sandbox.deribit.market import TRADE_SHARE, Market
from sandbox.deribit.quotes import QuoteChannel
from sandbox.deribit.resume import checkpoint, resume
from sandbox.deribit.tickers import TickerChannel, Tickers
from sandbox.deribit.timers import Timers
from sandbox.deribit.trade_feed import TradeFeed
from sandbox.deribit.troubles import KINDS, Troubles
from sandbox.deribit.universe import Listing, named, restored, stored, universe, utc
from sandbox.emission import Channel, Counts, afflict, send, settle
from sandbox.engine import Clock, Pace
from sandbox.faults import Faults
from sandbox.history import TradeHistory
from sandbox.ledger import Ledger
from sandbox.sockets import Socket
from sandbox.wsframes import text_frame

NAME = "deribit"
BEAT_MS = {"raw": 50, "100ms": 100, "agg2": 1000}
TICKER_MS = 1000  # a ticker whose quote stands still comes this often
MARKS_MS, STILL_MARKS_MS = 200, 5000


class Deribit:
    name = NAME

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = Clock()
        folder = config.root / "ledger" / NAME
        self.ledger = Ledger(folder, records.KINDS, segment_bytes=config.segment_bytes, keep=config.keep_segments)
        self.hub = Hub()
        self.troubles = Troubles(self)
        self.faults = Faults(KINDS, note=self.troubles.note, changed=self.troubles.changed)
        self.quotes = QuoteChannel("quote", wire.quote_columns, wire.corrupted)
        self.quotes.troubles = self.troubles
        self.ticker_channels = {name: TickerChannel("ticker", lambda _: [], wire.corrupted).of(self, name) for name in INTERVALS}
        self.trade_feed, self.book_feed = TradeFeed(self), BookFeed(self)
        self.counts = {kind: Counts() for kind in records.KINDS}
        self.extra: dict[str, int] = {}  # frames of channels that are not in the ledger
        self.listings: list[Listing] = []
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self.told_ms = {name: np.zeros(0, np.int64) for name in INTERVALS}  # last ticker of each instrument
        self.market, self.candles = Market(config.seed), CoinCandles()
        rows = restored(self.ledger.load("instruments.json") or []) or universe(utc(self.clock.now_us() // 1000))
        self.history = TradeHistory(self.ledger.kinds["trades"], len(rows))
        self.books, self.tickers, self.timers, self.expiry = Books(self.market), Tickers(self), Timers(self), Expiry(self)
        self.ledger.sockets.add(self.clock.now_us(), "started")  # socket numbers begin anew with a process
        self.list_rows(rows)
        resume(self)
        self.beat_us = self.clock.now_us()
        self._marked_ms = self._owed_trades = 0
        self.market.pricing.advance(self.beat_us)
        self.pace = Pace(config.rate)
        self.keep_house: Callable[[], None] = lambda: None  # set by whoever opens the socket door

    # --- universe

    def list_rows(self, rows: list[Listing]) -> None:
        for row in rows:
            self.index[row.name] = len(self.names)
            self.names.append(row.name)
            self.listings.append(row)
            self.quotes.add(wire.quote_template(row.name))
            for channel in self.ticker_channels.values():
                channel.add(b"")
        self.book_feed.extend(len(rows))
        self.market.extend(rows, self.index)
        self.candles.take_in(self.listings)
        self.history.extend(len(self.names))
        self.told_ms = {name: np.append(told, np.zeros(len(rows), np.int64)) for name, told in self.told_ms.items()}
        self.troubles.freeze()
        self.hub.dirty = True
        self._save_universe()
        now_ms = self.clock.now_us() // 1000
        self.market.pricing.value(now_ms * 1000)
        for row in rows:
            self.timers.state(row, now_ms)

    def _save_universe(self) -> None:
        self.ledger.save("symbols.json", self.names)
        self.ledger.save("instruments.json", stored(self.listings))

    def list_symbol(self, name: str) -> None:
        """Bring an instrument to trading; an unknown one is made from its name. Raises BadName."""
        if name in self.index:
            self.set_state([self.index[name]], "open")
        else:
            self.list_rows([named(name, utc(self.clock.now_us() // 1000))])

    def delist_symbol(self, name: str) -> None:
        self.set_state([self.index[name]], "inactive")

    def set_state(self, symbols: list[int], state: str) -> None:
        now_ms = self.clock.now_us() // 1000
        for symbol in symbols:
            self.listings[symbol] = replace(self.listings[symbol], state=state)
            self.timers.state(self.listings[symbol], now_ms)
        self.market.set_trading(symbols, trading=state == "open")
        self._save_universe()

    @property
    def open_index(self) -> dict[str, int]:
        """What can be subscribed."""
        return {name: symbol for name, symbol in self.index.items() if self.market.trading[symbol]}

    # --- the tick

    def tick(self) -> None:
        now_us = self.clock.now_us()
        before_ms, now_ms = self.beat_us // 1000, now_us // 1000
        self.beat_us = now_us

        def due(period_ms: int) -> bool:
            return now_ms // period_ms > before_ms // period_ms

        if self.faults.active:
            self.faults.sweep(now_us)
        if due(1000):
            self.expiry.run(now_ms)
        if self.hub.dirty:
            self._route()
        if now_ms - self._marked_ms >= (MARKS_MS if self.pace.rate else STILL_MARKS_MS):
            self._marked_ms = now_ms
            self.market.pricing.advance(now_us)
        self._market_events(now_us, due)
        self._beats(now_us, due)
        self.timers.run(now_ms, due)
        self.troubles.unknown_frames(now_us)
        for socket in self.hub.sockets:
            if socket.out:
                socket.flush(now_us)

    def _route(self) -> None:
        self.hub.dirty = False
        size = len(self.names)
        self.quotes.targets.rebuild(self.hub.by_symbol("quote"), size, partial(self.troubles.silenced, "quote"))
        for interval, channel in self.ticker_channels.items():
            listeners = self.hub.by_symbol("ticker", lambda name, interval=interval: name.interval == interval)  # type: ignore[misc]
            channel.targets.rebuild(listeners, size, partial(self.troubles.silenced, "ticker"))
        self.trade_feed.rebuild()
        self.book_feed.rebuild()

    def _market_events(self, now_us: int, due: Callable[[int], bool]) -> None:
        """Quotes on every tick, trades on the beat of 100 ms, each greeting who has just subscribed."""
        count, now_ms = self.pace.due(), now_us // 1000
        trades = int(self.market.rng.binomial(count, TRADE_SHARE)) if count else 0
        self._owed_trades += trades
        greeted = self._greet(now_us)
        forced = self.troubles.forced(self.quotes)
        symbols = self.market.draw_quotes(count - trades, greeted + twice(forced))
        if len(symbols):
            self._emit(self.market.quotes(symbols, now_ms), self.quotes, "quotes", forced)
        if due(BEAT_MS["100ms"]):
            forced = self.troubles.forced(self.trade_feed.channel)
            symbols = self.market.draw_trades(self._owed_trades, twice(forced))
            self._owed_trades = 0
            if len(symbols):
                self._emit_trades(self.market.trades(symbols, now_ms * 1000), forced)

    def _greet(self, now_us: int) -> list[int]:
        """First frames for new listeners; returns whose quotes shall come at once."""
        fresh, self.hub.fresh = self.hub.fresh, []
        for name, socket in fresh:
            if name.feed == "book":
                self.book_feed.snapshot(name, socket, now_us)
            elif name.feed == "ticker":
                self.told_ms[name.interval][name.symbol] = 0
        return [name.symbol for name, _ in fresh if name.feed == "quote"]

    def _emit(self, batch: np.ndarray, channel: Channel, kind: str, forced: int | None = None) -> None:
        self._settle(batch, channel, kind, forced)
        self.record(kind, batch)
        send(batch, channel)

    def _settle(self, batch: np.ndarray, channel: Channel, kind: str, forced: int | None) -> None:
        batch["sent_us"] = self.clock.now_us()
        settle(batch, channel.targets, self.troubles.frozen)
        if self.faults.active:
            if kind == "quotes":
                self.troubles.empty_sides(batch)
            afflict(batch, channel.name, self.faults, self.index, forced)
            if kind == "tickers":
                self.troubles.forget_fields(batch)
        self.counts[kind].add(batch)

    def _emit_trades(self, batch: np.ndarray, forced: int | None) -> None:
        self._settle(batch, self.trade_feed.channel, "trades", forced)
        self.history.append(batch)
        self.candles.add(batch)
        self.trade_feed.send(batch)

    def record(self, kind: str, batch: np.ndarray) -> None:
        segments = self.ledger.kinds[kind]
        segments.append(batch)
        if segments.full:
            segments.rotate()
            segments.deleted.clear()
            checkpoint(self)

    def _beats(self, now_us: int, due: Callable[[int], bool]) -> None:
        for interval, period_ms in BEAT_MS.items():
            if due(period_ms):
                self._tell_tickers(interval, now_us)
                if self.pace.rate:
                    self.book_feed.beat(interval, now_us)
                    self.book_feed.windows(interval, now_us)
        if due(5000):
            kept = {(name.symbol, name.interval) for feed in ("book", "grouped") for name, _ in self.hub.feed(feed)}
            self.books.forget(kept)

    def _tell_tickers(self, interval: str, now_us: int) -> None:
        """Tickers of what has been quoted anew, or not told for a second."""
        channel, told, now_ms = self.ticker_channels[interval], self.told_ms[interval], now_us // 1000
        stale = (self.market.quoted_ms > told) | (now_ms - told >= TICKER_MS)
        if not self.pace.rate:
            stale = told == 0
        symbols = np.flatnonzero((channel.targets.wanted > 0) & stale & self.market.trading)
        if len(symbols):
            told[symbols] = now_ms
            self._emit(self.tickers.records(symbols, now_us, INTERVALS.index(interval)), channel, "tickers")

    def deliver(self, feed: str, name: Name, sockets: list[Socket], data: Any) -> None:
        """A frame that is not in the ledger, to everybody who listens."""
        if name.symbol >= 0 and self.troubles.is_frozen(name.symbol):
            return
        frame = text_frame(wire.notification(name.name, wire.encode(data)))
        for socket in sockets:
            if not self.troubles.silenced(feed, socket):
                socket.out.append(frame)
                self.extra[feed] = self.extra.get(feed, 0) + 1

    # --- outside views

    @property
    def trading(self) -> np.ndarray:
        return self.market.trading

    def summary(self) -> dict[str, Any]:
        kinds = {kind: {"emitted": c.emitted, "delivered": c.delivered, "faults": c.faults} for kind, c in self.counts.items()}
        return {**kinds, "other_frames": self.extra, "sockets": len(self.hub.sockets), "symbols": len(self.names)}

    def close(self) -> None:
        for socket in list(self.hub.sockets):
            socket.close(1001, "Going away", "shutdown")
        checkpoint(self)


def twice(symbol: int | None) -> list[int]:
    return [] if symbol is None else [symbol, symbol]
