"""The simulated Binance as a whole: its universe, its market, its ledger, and what happens on every tick."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sandbox.binance import wire
from sandbox.binance.books import Books
from sandbox.binance.streams import Hub
from sandbox.binance.timers import Timers, level
from sandbox.binance.troubles import KINDS, Troubles
from sandbox.binance.universe import Listing, generated, restored, stored, universe
from sandbox.candles import Candles
from sandbox.config import Config
from sandbox.emission import Channel, Counts, afflict, push, send, settle
from sandbox.engine import QUOTE, TRADE, Clock, Instrument, Market, Pace
from sandbox.faults import Faults
from sandbox.history import TradeHistory
from sandbox.ledger import Ledger
from sandbox.weights import Weights

NAME = "binance"
RESTART_LEAP = 1_000_000  # update ids used since the last record: depth takes ids that the ledger does not hold


class Binance:
    name = NAME

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = Clock()
        self.ledger = Ledger(
            config.root / "ledger" / NAME,
            {"trades": TRADE, "quotes": QUOTE},
            segment_bytes=config.segment_bytes,
            keep=config.keep_segments,
        )
        self.hub = Hub()
        self.troubles = Troubles(self)
        self.faults = Faults(KINDS, note=self.troubles.note, changed=self.troubles.changed)
        self.weights = Weights(config.weight_limit, config.ban_seconds)
        self.quotes, self.trades = (
            Channel("bookTicker", wire.book_ticker_columns, wire.corrupted),
            Channel("aggTrade", wire.agg_trade_columns, wire.corrupted),
        )
        self.raw_trades = Channel("trade", wire.trade_columns, wire.corrupted)
        self.counts = {"trades": Counts(), "quotes": Counts()}
        self.extra: dict[str, int] = {}  # frames of channels that are not in the ledger
        self.listings: list[Listing] = []
        self.names: list[str] = []
        self.stream_names: list[str] = []
        self.by_stream_name: dict[str, int] = {}
        self.index: dict[str, int] = {}
        self.templates: list[wire.Templates] = []
        self.ledger.sockets.add(self.clock.now_us(), "started")  # socket numbers begin anew with a process
        self._open_universe()
        self._resume()
        self.books = Books(self.market)
        self.timers = Timers(self)
        self.pace = Pace(config.rate)
        self.keep_house: Callable[[], None] = lambda: None  # set by whoever opens the socket door

    # --- universe

    def _open_universe(self) -> None:
        rows = restored(self.ledger.load("instruments.json") or [])
        if not rows:
            rows = universe(self.config.symbols)
        self.market = Market([instrument for _, instrument in rows], self.config.seed)
        self._name(rows)
        self.candles = Candles(self.price_units, self.quantity_units)
        self._save_universe()

    def _name(self, rows: list[tuple[Listing, Instrument]]) -> None:
        for listing, instrument in rows:
            symbol, stream_name = len(self.names), listing.symbol.lower()
            shapes = wire.templates(listing.symbol, listing.pair, instrument)
            self.listings.append(listing)
            self.names.append(listing.symbol)
            self.stream_names.append(stream_name)
            self.index[listing.symbol] = self.by_stream_name[stream_name] = symbol
            self.templates.append(shapes)
            for channel, template in ((self.quotes, shapes.book_ticker), (self.trades, shapes.agg_trade), (self.raw_trades, shapes.trade)):
                channel.add(template, wire.stream_prefix(f"{stream_name}@{channel.name}"))
        instruments = self.market.instruments
        self.price_units = np.array([10**i.price_decimals for i in instruments], np.int64)
        self.quantity_units = np.array([10**i.quantity_decimals for i in instruments], np.int64)
        self.last_quote_ids = np.zeros(len(instruments), np.int64)
        self.last_quote_us = np.zeros(len(instruments), np.int64)
        self.hub.dirty = True

    def _save_universe(self) -> None:
        self.ledger.save("symbols.json", self.names)
        self.ledger.save("instruments.json", stored(list(zip(self.listings, self.market.instruments, strict=True))))

    def list_symbol(self, name: str) -> None:
        """Bring an instrument to trading; an unknown one is made up under this name."""
        if name not in self.index:
            model = generated(len(self.names))[1]
            base = name.removesuffix("USDT")
            listing = Listing(name, name, base, onboard_ms=self.clock.now_us() // 1000)
            instrument = Instrument(**{**model.__dict__, "name": name})
            self.market.extend([instrument])
            self._name([(listing, instrument)])
            self.candles.extend(self.price_units, self.quantity_units)
            self.history.extend(len(self.names))
            self.troubles.freeze()
        self._set_status(name, "TRADING")

    def delist_symbol(self, name: str) -> None:
        self._set_status(name, "SETTLING")

    def _set_status(self, name: str, status: str) -> None:
        symbol = self.index[name]
        self.listings[symbol] = Listing(**{**self.listings[symbol].__dict__, "status": status})
        self.market.set_trading(symbol, trading=status == "TRADING")
        self._save_universe()
        self.timers.contract_info(symbol, self.clock.now_us() // 1000)

    # --- continuing after a restart

    def _resume(self) -> None:
        """Go on where the ledger ends: ids never restart or repeat, prices continue."""
        trades, quotes, market = self.ledger.kinds["trades"], self.ledger.kinds["quotes"], self.market
        self.history = TradeHistory(trades, len(self.names))
        for symbol, listing in enumerate(self.listings):
            market.set_trading(symbol, trading=listing.status == "TRADING")
        saved = self.ledger.load("checkpoint.json")
        if saved:
            for name in ("next_id", "next_raw_id", "mid", "ask"):
                getattr(market, name)[: len(saved[name])] = saved[name]
            market.update_id = saved["update_id"] + RESTART_LEAP
        for _, records in trades.sealed():
            self.candles.replay(records)
            last = _last_rows(records)
            market.next_id[last["symbol"]] = last["id"] + 1
            market.next_raw_id[last["symbol"]] = last["last_id"] + 1
        for _, records in quotes.sealed():
            last = _last_rows(records)
            market.update_id = max(market.update_id, int(records["update_id"][-1]) + RESTART_LEAP)
            market.mid[last["symbol"]] = market.ticks(last["symbol"], last["bid"])
            market.ask[last["symbol"]] = market.ticks(last["symbol"], last["ask"])
            self.last_quote_ids[last["symbol"]], self.last_quote_us[last["symbol"]] = (
                last["update_id"],
                last["event_us"],
            )
        market.reseed()
        self.checkpoint()

    def checkpoint(self) -> None:
        """Keep what segments may take with them when they are deleted."""
        market = self.market
        columns = {name: getattr(market, name).tolist() for name in ("next_id", "next_raw_id", "mid", "ask")}
        self.ledger.save("checkpoint.json", {"update_id": market.update_id, **columns})
        self._checkpointed = self.ledger.kinds["trades"].number, self.ledger.kinds["quotes"].number

    # --- the tick

    def tick(self) -> None:
        now_us = self.clock.now_us()
        if self.faults.active:
            self.faults.sweep(now_us)
        if self.hub.dirty:
            self._route()
        count, forced = self.pace.due(), self.troubles.forced()
        if count or forced is not None:
            self._market_events(count, forced, now_us)
        self.candles.roll(now_us // 1000)
        self.timers.run(now_us // 1000)
        self.troubles.inject(now_us)
        for socket in self.hub.sockets:
            if socket.out:
                socket.flush(now_us)
        if (self.ledger.kinds["trades"].number, self.ledger.kinds["quotes"].number) != self._checkpointed:
            self.checkpoint()

    def _route(self) -> None:
        self.hub.dirty = False
        for channel in (self.quotes, self.trades, self.raw_trades):
            listeners = self.hub.listeners(channel.name)
            channel.targets.rebuild(listeners, len(self.names), partial(self.troubles.silenced, channel.name))

    def _market_events(self, count: int, forced: dict[str, int] | None, now_us: int) -> None:
        forced = forced or {}
        extra = {name: [symbol, symbol] for name, symbol in forced.items()}
        trading, quoting = self.market.draw(count, extra.get("aggTrade", []))
        quoting = np.sort(np.append(quoting, np.array(extra.get("bookTicker", []), np.int64)))
        event_us = now_us - now_us % 1000
        if len(quoting):
            self._emit_quotes(self.market.quotes(quoting, event_us), forced.get("bookTicker"))
        if len(trading):
            self._emit_trades(self.market.trades(trading, event_us), forced.get("aggTrade"))

    def _emit_quotes(self, batch: np.ndarray, forced: int | None) -> None:
        self._settle(batch, self.quotes, "quotes", forced)
        segments = self.ledger.kinds["quotes"]
        segments.append(batch)
        if segments.full:
            segments.rotate()
            segments.deleted.clear()
        self.last_quote_ids[batch["symbol"]], self.last_quote_us[batch["symbol"]] = (
            batch["update_id"],
            batch["event_us"],
        )
        send(batch, self.quotes)

    def _emit_trades(self, batch: np.ndarray, forced: int | None) -> None:
        self._settle(batch, self.trades, "trades", forced)
        self.history.append(batch)
        self.candles.add(batch)
        send(batch, self.trades)
        if self.raw_trades.targets.live.any():
            symbols = batch["symbol"]
            seen = self.raw_trades.targets.live[symbols] > 0
            if self.troubles.frozen is not None:
                seen &= ~self.troubles.frozen[symbols]
            push(batch[seen], self.raw_trades)

    def _settle(self, batch: np.ndarray, channel: Channel, kind: str, forced: int | None) -> None:
        batch["sent_us"] = self.clock.now_us()
        settle(batch, channel.targets, self.troubles.frozen)
        if self.faults.active:
            afflict(batch, channel.name, self.faults, self.index, forced)
        self.counts[kind].add(batch)

    # --- outside views

    @property
    def trading(self) -> np.ndarray:
        return self.market.trading

    def levels(self, symbol: int, levels: list[tuple[int, int]]) -> list[list[str]]:
        instrument = self.market.instruments[symbol]
        decimals = (instrument.price_decimals, instrument.quantity_decimals)
        return [level(ticks, steps, instrument.tick_units, decimals) for ticks, steps in levels]

    def summary(self) -> dict[str, Any]:
        kinds = {kind: {"emitted": c.emitted, "delivered": c.delivered, "faults": c.faults} for kind, c in self.counts.items()}
        return {**kinds, "other_frames": self.extra, "sockets": len(self.hub.sockets), "symbols": len(self.names)}

    def close(self) -> None:
        for socket in list(self.hub.sockets):
            socket.close(1001, "Going away", "shutdown")
        self.checkpoint()


def _last_rows(records: np.ndarray) -> np.ndarray:
    """The latest record of each instrument, sorted by instrument."""
    backwards = records[::-1]
    return backwards[np.unique(backwards["symbol"], return_index=True)[1]]
