"""Markets that are listed, near their end, are proposed, disputed and resolved, and what each source says of it and when.

open ─► (the price knows) ─► proposed ─► resolved            plain, silent
                                └► disputed ─► reproposed ─► resolved     disputed: the other side wins
                             proposed ─► resolved at a half each, or at nothing     fifty, void
"""

from typing import TYPE_CHECKING, Any

from sandbox.polymarket import wire
from sandbox.polymarket.feed import Frame
from sandbox.polymarket.texts import description
from sandbox.polymarket.universe import DISPUTED, OPEN, PROPOSED, REPROPOSED, RESOLVED, UNIT, Market, listed

if TYPE_CHECKING:
    from sandbox.polymarket.venue import Polymarket

SCENARIOS = ("plain", "silent", "disputed", "fifty", "void")
FAMILIES = ("updown", "match", "single")
NEW_RANK = 20  # what is new is busy
#: The CLOB knows a new market so long after it was told of, Gamma its tokens so long.
OPENING_MS, YOUNG_MS = 2_000, 3_000
AGAIN_MS = 1_000  # new_market is told twice
#: How long after the resolution each source shows it.
LAGS_MS = {"clob": 0, "gamma": 2_000, "data": 4_000}
SURE = 0.995  # what the price of a winner comes to before it is resolved
WIDE, FINE, EDGE = 100, 10, 400  # a tick of 0.01 becomes 0.001 beyond 0.04 and 0.96


class Lifecycle:
    def __init__(self, venue: "Polymarket") -> None:
        self._venue = venue
        self._turn = 0
        self._turned_ms = venue.clock.now_us() // 1000
        self._ending: dict[int, Market] = {market.number: market for market in venue.markets if market.stage_ms and market.trading}
        self._told_again: list[tuple[int, Market]] = []

    def run(self, now_ms: int) -> None:
        every_ms = self._venue.config.market_seconds * 1000
        if every_ms and now_ms - self._turned_ms >= every_ms:
            self._turned_ms = now_ms
            self.list(FAMILIES[self._turn % len(FAMILIES)], now_ms)
            chosen = self._venue.drawn()
            if chosen is not None:
                self.end(chosen, SCENARIOS[self._turn % len(SCENARIOS)])
            self._turn += 1
        while self._told_again and self._told_again[0][0] <= now_ms:
            self._tell_new(self._told_again.pop(0)[1], now_ms)
        step_ms = self._venue.config.resolution_seconds * 1000
        for market in [market for market in self._ending.values() if now_ms - market.stage_ms >= step_ms]:
            self._advance(market, now_ms)

    def list(self, family: str, now_ms: int, slug: str = "") -> Market:
        """A new event of a family; its first market."""
        venue = self._venue
        event = 1 + max(venue.events, default=0)
        rows = listed(venue.config.seed, len(venue.markets), family, event, now_ms, rank=NEW_RANK, slug=slug)
        venue.take_in(rows)
        for market in rows:
            self.note("listed", market)
            self._tell_new(market, now_ms)
            self._told_again.append((now_ms + AGAIN_MS, market))
        return rows[0]

    def _tell_new(self, market: Market, now_ms: int) -> None:
        self._tell("new_market", market, wire.new_market(market, description(market), now_ms))

    def begin_end(self, token: str | None, scenario: str) -> None:
        """On command; without a name, whichever market comes."""
        venue = self._venue
        market = venue.markets[venue.index[token] // 2] if token in venue.index else venue.drawn()
        if market is not None and market.stage == OPEN:
            self.end(market, scenario)

    def end(self, market: Market, scenario: str, winner: int | None = None) -> None:
        """The outcome becomes known; the rest follows step by step. `winner`: the token that is proposed, where that is not drawn."""
        venue = self._venue
        if market.number in self._ending or market.stage != OPEN:
            return
        rivals = [other for other in venue.events[market.event] if other is not market and other.trading]
        if winner is None:
            winner = int(bool(rivals)) if market.kind.neg_risk else venue.flow.random.randrange(2)
        market.scenario, market.stage_ms, market.proposed = scenario, venue.clock.now_us() // 1000, winner
        known = {"fifty": 0.5, "void": 0.5}.get(scenario, SURE if winner == 0 else 1 - SURE)
        venue.flow.settle_at(market, known * UNIT)
        self._ending[market.number] = market
        self.note("ending", market, scenario=scenario)

    def _advance(self, market: Market, now_ms: int) -> None:
        proposed = market.proposed or 0
        market.stage_ms = now_ms
        if market.stage == OPEN:
            market.stage = PROPOSED
        elif market.stage == PROPOSED and market.scenario == "disputed":
            market.stage, market.disputed = DISPUTED, True
            self._venue.flow.settle_at(market, UNIT / 2)
        elif market.stage == DISPUTED:
            market.stage, market.proposed = REPROPOSED, 1 - proposed
            self._venue.flow.settle_at(market, UNIT * (SURE if proposed else 1 - SURE))
        else:
            self._resolve(market, now_ms)
            return
        self.note(market.stage, market, side=market.proposed)
        self._venue.save_markets()

    def _resolve(self, market: Market, now_ms: int) -> None:
        winner = market.proposed or 0
        market.stage, market.closed_ms = RESOLVED, now_ms
        market.payouts = {"fifty": (0.5, 0.5), "void": (0.0, 0.0)}.get(market.scenario, (1.0 - winner, float(winner)))
        del self._ending[market.number]
        silent = self._venue.faults.first("silent_resolution")
        told = market.scenario in ("plain", "disputed") and silent is None
        if silent is not None:
            silent.take()
        delivered = self._tell("market_resolved", market, wire.market_resolved(market, winner, now_ms)) if told else 0
        self.note("resolved", market, payouts=market.payouts, told=told, delivered=delivered)
        self._venue.retire(market)

    def refine_tick(self, market: Market, now_ms: int) -> None:
        """Near the ends prices get a finer tick, and the book a new hash with it."""
        target, flow = self._venue.flow.target(market), self._venue.flow
        if market.tick != WIDE or EDGE < target < UNIT - EDGE:
            return
        market.tick = FINE
        flow.book(market, now_ms).stamp(market, now_ms)
        delivered = [self._tell("tick_size_change", market, wire.tick_size_change(market, token, WIDE, now_ms), token) for token in (0, 1)]
        self.note("tick_size", market, old=WIDE / UNIT, new=FINE / UNIT, delivered=delivered)

    def _tell(self, feed: str, market: Market, body: bytes, token: int = 0) -> int:
        route = self._venue.hub.route(feed, market.number, token)
        self._venue.feed.tell(Frame(feed, market.number, market.tokens, body, route))
        return len(route.live)

    def note(self, event: str, market: Market, **fields: Any) -> None:
        self._venue.lines.add(
            self._venue.clock.now_us(), event, market=market.id, condition=market.condition, tokens=market.tokens, **fields
        )


def shown(market: Market, source: str, now_ms: int) -> bool:
    """Whether a source says already that the market is resolved."""
    return market.stage == RESOLVED and now_ms - market.closed_ms >= LAGS_MS[source]
