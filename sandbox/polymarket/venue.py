"""The simulated Polymarket as a whole: its universe, its books, its ledger, and what happens on every tick."""

from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from sandbox.config import Config
from sandbox.engine import Clock, Pace
from sandbox.faults import Faults
from sandbox.history import TradeHistory
from sandbox.ledger import Ledger, Lines
from sandbox.polymarket import records
from sandbox.polymarket.feed import Feed
from sandbox.polymarket.flow import Change, Flow, Step
from sandbox.polymarket.hub import Hub
from sandbox.polymarket.lifecycle import OPENING_MS, Lifecycle
from sandbox.polymarket.market_feed import MarketFeed
from sandbox.polymarket.paired import Paired
from sandbox.polymarket.tape import Tape
from sandbox.polymarket.troubles import KINDS, CheckedFaults, Troubles
from sandbox.polymarket.universe import Market, restored, stored, universe

NAME = "polymarket"
#: Events of a market in one millisecond. With a third its book could come back to a state of that time, which would have the same hash and the
#: same top: no reader could tell the one quote from the other.
MOST_AT_ONCE = 2
SLUG_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


class BadName(ValueError):
    """No market can be made of it."""


class Polymarket:
    name = NAME

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = Clock()
        folder = config.root / "ledger" / NAME
        self.ledger = Ledger(folder, records.KINDS, segment_bytes=config.segment_bytes, keep=config.keep_segments)
        self.lines = Lines(folder / "lifecycle.jsonl")
        self.troubles = Troubles(self)
        self.hub = Hub(self.troubles.muted)
        self.faults: Faults = CheckedFaults(KINDS, note=self.troubles.note, changed=self.troubles.changed)
        self.markets: list[Market] = []
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self.conditions: dict[str, Market] = {}
        self.events: dict[int, list[Market]] = {}
        rows = self.ledger.load("markets.json")
        now_us = self.clock.now_us()
        found = restored(rows, config.seed) if rows else universe(config.seed, config.markets, now_us // 1000)
        self.history = TradeHistory(self.ledger.kinds["trades"], 2 * len(found))
        self.tape = Tape(self.history)
        self.sequence = max((int(prints["sequence"].max()) for _, prints in self.ledger.kinds["trades"].sealed()), default=0)
        # after a restart the random stream must not repeat the one before
        self.flow = Flow(config.seed + self.sequence)
        self.feed = Feed(self)
        self.take_in(found)
        self._resume()
        self.market_feed, self.lifecycle = MarketFeed(self), Lifecycle(self)
        self.ledger.sockets.add(now_us, "started")  # socket numbers begin anew with a process
        self.pace = Pace(config.rate)
        self.scripts: list[tuple[Market, dict[int, int], dict[int, int]]] = []  # bids and asks that books are to become
        self.paired = Paired(self)
        self.keep_house: Callable[[], None] = lambda: None  # set by whoever opens the socket door

    def _resume(self) -> None:
        for _, prints in self.ledger.kinds["trades"].sealed():
            for place, price in zip((prints["symbol"] // 2).tolist(), prints["price"].tolist(), strict=True):
                self.markets[place].last_trade = round(price * 10_000)

    # --- universe

    def take_in(self, rows: Sequence[Market]) -> None:
        """Markets that exist from now on."""
        for market in rows:
            self.markets.append(market)
            self.conditions[market.condition] = market
            self.events.setdefault(market.event, []).append(market)
            for token in market.tokens:
                self.index[token] = len(self.names)
                self.names.append(token)
        self.history.extend(len(self.names))
        self.ledger.save("symbols.json", self.names)
        self.save_markets()
        self._weigh()

    def save_markets(self) -> None:
        self.ledger.save("markets.json", stored(self.markets))

    def retire(self, market: Market) -> None:
        """It has resolved: no book, no events."""
        self.flow.forget(market)
        self.hub.changed()
        self.save_markets()
        self._weigh()

    def _weigh(self) -> None:
        self._active = [market for market in self.markets if market.trading and not market.scripted]
        self._cumulative = list(accumulate(1 / (1 + market.rank) ** 0.8 for market in self._active))

    def drawn(self) -> Market | None:
        """A market by its activity."""
        if not self._active:
            return None
        return self._active[bisect(self._cumulative, self.flow.random.random() * self._cumulative[-1], hi=len(self._active) - 1)]

    def quoted(self, token: str) -> tuple[Market, int] | None:
        """(market, side) of a token that has a book now."""
        place = self.index.get(token)
        market = None if place is None else self.markets[place // 2]
        if market is None or place is None or not market.trading or self.clock.now_us() // 1000 - market.created_ms < OPENING_MS:
            return None
        return market, place % 2

    def list_symbol(self, name: str) -> None:
        """A new market under this slug. Raises BadName."""
        if not name or not SLUG_LETTERS.issuperset(name) or name in self.index:
            raise BadName(f"{name[:100]!r} is no slug: small letters, digits and dashes")
        if any(market.slug == name for market in self.markets):
            raise BadName(f"{name} is listed already")
        self.lifecycle.list("single", self.clock.now_us() // 1000, name)

    def delist_symbol(self, name: str) -> None:
        self.lifecycle.begin_end(name, "plain")

    # --- the tick

    def tick(self) -> None:
        now_us = self.clock.now_us()
        now_ms = now_us // 1000
        if self.faults.active:
            self.faults.sweep(now_us)
        self.lifecycle.run(now_ms)
        self._events()
        self.market_feed.prints(now_ms)
        self.feed.send()
        if self.faults.active:
            self.troubles.unknown_frames(now_us)
        for socket in self.hub.sockets:
            if socket.out:
                socket.flush(now_us)

    def _follow_scripts(self) -> None:
        scripts, self.scripts = self.scripts, []
        for market, bids, asks in scripts:
            now_ms = self.clock.now_us() // 1000
            changes = [Change(*one) for one in self.flow.book(market, now_ms).steps_to(bids, asks)] if market.trading else []
            if changes:
                self.market_feed.happen(market, Step(changes, []), now_ms)

    def _events(self) -> None:
        self._follow_scripts()
        doubled = self.troubles.doubled() if self.faults.active else None
        chosen = [self.markets[doubled]] * 2 if doubled is not None else []
        chosen += [market for market in (self.drawn() for _ in range(self.pace.due())) if market is not None]
        for market in chosen:
            now_ms = self.clock.now_us() // 1000
            if now_ms - market.created_ms >= OPENING_MS and self.flow.book(market, now_ms).events_at(now_ms) < MOST_AT_ONCE:
                self.market_feed.happen(market, self.flow.step(market, now_ms), now_ms)
                self.lifecycle.refine_tick(market, now_ms)

    def record(self, kind: str, batch: np.ndarray) -> None:
        if kind == "trades":
            self.history.append(batch)
            return
        segments = self.ledger.kinds[kind]
        segments.append(batch)
        if segments.full:
            segments.rotate()
            segments.deleted.clear()

    # --- outside views

    @property
    def trading(self) -> np.ndarray:
        return np.repeat([market.trading for market in self.markets], 2)

    def summary(self) -> dict[str, Any]:
        kinds = {kind: {"emitted": c.emitted, "delivered": c.delivered, "faults": c.faults} for kind, c in self.feed.counts.items()}
        return {**kinds, "frames": self.feed.frames, "sockets": len(self.hub.sockets), "symbols": len(self.names)}

    def close(self) -> None:
        for socket in list(self.hub.sockets):
            socket.close(1001, "Going away", "shutdown")
        self.save_markets()
        self.lines.close()
