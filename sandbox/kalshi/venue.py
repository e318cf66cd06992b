"""The simulated Kalshi as a whole: its universe, its market, its ledger, and what happens on every tick."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sandbox.config import Config
from sandbox.emission import Counts, afflict, settle
from sandbox.engine import Clock, Pace
from sandbox.faults import Faults
from sandbox.kalshi import records
from sandbox.kalshi.books import Side
from sandbox.kalshi.candles import Candles
from sandbox.kalshi.commands import Commands
from sandbox.kalshi.events import Events
from sandbox.kalshi.feeds import Bodies, Feed
from sandbox.kalshi.lifecycle import GONE, Lifecycle
from sandbox.kalshi.listings import Listing, Universe
from sandbox.kalshi.market import Market
from sandbox.kalshi.paired import Paired
from sandbox.kalshi.resume import checkpoint, resume
from sandbox.kalshi.subscriptions import CHANNELS, ORDERBOOK, TICKER, TRADE, Hub, Subscription
from sandbox.kalshi.tape import Tape
from sandbox.kalshi.told import Told
from sandbox.kalshi.troubles import KINDS, Troubles
from sandbox.kalshi.universe import named, universe
from sandbox.kalshi.wire import encode
from sandbox.ledger import Ledger
from sandbox.wsframes import text_frame

NAME = "kalshi"
LIFE_MS = 100  # how often the clock is looked at


class Kalshi:
    name = NAME

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = Clock()
        folder = config.root / "ledger" / NAME
        self.ledger = Ledger(folder, records.KINDS, segment_bytes=config.segment_bytes, keep=config.keep_segments)
        self.hub = Hub()
        self.troubles = Troubles(self)
        self.faults = Faults(KINDS, note=self.troubles.note, changed=self.troubles.changed)
        self.feeds = {name: Feed.of(self, name) for name in CHANNELS}
        self.counts = {kind: Counts() for kind in records.KINDS}
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self.unsaved = False
        self.scripts: list[tuple[int, dict[int, Side]]] = []  # (market, both sides by price) that books are to become
        self.market, self.candles = Market(config.seed), Candles()
        self.tape = Tape(self.ledger.kinds["trades"])
        self.lifecycle, self.told, self.commands, self.events = Lifecycle(self), Told(self), Commands(self), Events(self)
        self.ledger.sockets.add(self.clock.now_us(), "started")  # socket numbers begin anew with a process
        saved = self.ledger.load("instruments.json")
        found = Universe.restored(saved) if saved else universe(self.clock.now_us(), config.symbols, config.seed)
        self.universe = Universe(found.series, found.events)
        self.list_rows(found.markets)
        resume(self)
        self.beat_us = self.clock.now_us()
        self.pace = Pace(config.rate)
        self.paired = Paired(self)
        self.ping: Callable[[], None] = lambda: None  # set by whoever opens the socket door

    # --- universe

    def list_rows(self, rows: list[Listing]) -> None:
        for row in rows:
            self.index[row.name] = len(self.names)
            self.names.append(row.name)
        self.universe.markets += rows
        self.market.extend(rows)
        self.troubles.freeze()
        self.hub.dirty = True
        self.save()

    def save(self) -> None:
        self.unsaved = False
        self.ledger.save("symbols.json", self.names)
        self.ledger.save("instruments.json", self.universe.stored())

    def create(self, rows: list[Listing]) -> None:
        """Markets that begin while somebody watches."""
        known = {row.event for row in self.universe.markets}
        self.list_rows(rows)
        for row in rows:
            if row.event not in known:
                known.add(row.event)
                self.told.event_created(self.universe.events[row.event], row)
            self.told.created(row)
            symbol = self.index[row.name]
            wanted = [one for one in self.hub.all(ORDERBOOK) if one.tickers and row.name in one.tickers]
            self.hub.fresh += [(one, [self.names[symbol]], None) for one in wanted]

    def list_symbol(self, name: str) -> None:
        """Bring a market to trading; an unknown one is made from its name. Raises ValueError."""
        if name in self.index:
            self.lifecycle.change(self.index[name], "active", self.clock.now_us())
        else:
            self.create([named(self.universe, name, self.clock.now_us())])

    def delist_symbol(self, name: str) -> None:
        self.universe.markets[self.index[name]].close_us = self.clock.now_us()

    def known(self, name: str) -> Listing | None:
        """A market as answers know it."""
        row = self.universe.markets[self.index[name]] if name in self.index else None
        return None if row is None or row.status == GONE else row

    # --- the tick

    def tick(self) -> None:
        now_us = self.clock.now_us()
        before_ms, self.beat_us = self.beat_us // 1000, now_us
        if self.faults.active:
            self.faults.sweep(now_us)
            self.troubles.begin_maintenance(now_us)
            self.troubles.end_subscriptions(now_us)
        if now_us // 1000 // LIFE_MS > before_ms // LIFE_MS:
            self.lifecycle.run(now_us)
        if self.hub.dirty:  # also by a market that has just been listed
            self.hub.dirty = False
            for name in (ORDERBOOK, TICKER, TRADE):
                self.feeds[name].rebuild()
        self._greet(ORDERBOOK, now_us)
        count = self.pace.due()
        if not self.faults.first("trading_pause") and not self.troubles.maintained():
            self.events.run(count, now_us)
        self._greet(TICKER, now_us)  # what has just moved has no other ticker of the same time
        self.troubles.unknown_frames(now_us)
        for socket in list(self.hub.sockets):
            if socket.out:
                socket.flush(now_us)

    def _greet(self, channel: str, now_us: int) -> None:
        """Whole books, or tickers, for who has just asked for them."""
        fresh = [row for row in self.hub.fresh if row[0].channel == channel]
        self.hub.fresh = [row for row in self.hub.fresh if row[0].channel != channel]
        for one, names, command in fresh:
            for symbol in (self.index[name] for name in names if name in self.index):
                if one.channel == ORDERBOOK:
                    self.events.tell_book(one, symbol, now_us, command)
                else:
                    self.events.tell_ticker(one, symbol, now_us)

    def emit(self, kind: str, feed: str, batch: np.ndarray, bodies: Callable[[np.ndarray], Bodies], forced: int | None) -> None:
        """Settle who gets each row, write the ledger, then the sockets."""
        channel = self.feeds[feed]
        batch["sent_us"] = self.clock.now_us()
        settle(batch, channel.targets, self.troubles.frozen)
        if self.faults.active:
            afflict(batch, feed, self.faults, self.index, forced)
        self.counts[kind].add(batch)
        if kind == "trades":
            self.tape.append(batch)
        else:
            self.record(kind, batch)
        if channel.targets.wanted[batch["symbol"]].any():
            channel.send(batch, self.troubles.disguised(feed, batch, bodies(batch)), self.clock.now_us() // 1000)

    def record(self, kind: str, batch: np.ndarray) -> None:
        segments = self.ledger.kinds[kind]
        segments.append(batch)
        if segments.full:
            segments.rotate()
            segments.deleted.clear()

    def end(self, one: Subscription, code: int, text: str, now_us: int) -> None:
        """A subscription that is over, and says so under its last number."""
        body = {"type": "error", "sid": one.sid} | ({"seq": one.next_seq()} if CHANNELS[one.channel] else {})
        self.hub.close(one)
        one.socket.out.append(text_frame(encode(body | {"msg": {"code": code, "msg": text}})))
        one.socket.note(now_us, "unsubscribed", streams=[f"{one.channel} {one.sid}"], reason=text)

    # --- outside views

    @property
    def trading(self) -> np.ndarray:
        return np.array([row.status == "active" and row.activity > 0 for row in self.universe.markets])

    def keep_house(self) -> None:
        if self.unsaved:
            self.save()
        checkpoint(self)
        self.ping()

    def summary(self) -> dict[str, Any]:
        kinds = {kind: {"emitted": c.emitted, "delivered": c.delivered, "faults": c.faults} for kind, c in self.counts.items()}
        return {**kinds, "sockets": len(self.hub.sockets), "symbols": len(self.names)}

    def close(self) -> None:
        for socket in list(self.hub.sockets):
            socket.close(1001, "Going away", "shutdown")
        self.save()
        checkpoint(self)
        self.told.close()
