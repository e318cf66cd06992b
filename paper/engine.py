"""The paper engine: told one event after the other, it watches confirmed pairs, takes locks on paper and keeps the books of it. Pure.

The same events and seed give the same rows to the byte, live and in a replay, and wherever it was stopped, stored and loaded between two events.
What it holds is in State; what is kept beside is made from it.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from paper import detection, execution, liquidity, lives, risk, settlement
from paper.desk import FOREVER_US, Desk
from paper.events import BookMoved, Clock, Event, Halted, Heard, MarketSaid, PairsSet, ResultSaid, Resumed, VenuePaused
from paper.payoffs import LEGS
from paper.rules import Rules
from paper.state import Changes, State
from paper.values import Leg, Pair

#: Clocks are set back by less while they are kept right; an event from earlier than that belongs elsewhere.
MAX_BACK_US = 1_000_000


class Engine:
    """`handle` takes an event in, `take` hands over what is to be stored since. Raises ValueError on a clock that runs back by more than a second.

    Pairs come first: what is said of anything else is not kept. A market of which nothing was said is not traded.
    """

    def __init__(self, rules: Rules, state: State | None = None) -> None:
        self._desk = Desk(rules, state or State())
        self._rules = json.dumps(asdict(rules), default=str, sort_keys=True)
        self._index()
        self._desk.wakes_us = self._due_us()
        self._handlers: dict[type, Callable[[Any], None]] = {
            BookMoved: self._book,
            Heard: self._heard,
            Clock: lambda _: None,
            PairsSet: self._pairs,
            VenuePaused: self._paused,
            MarketSaid: self._market,
            ResultSaid: self._result,
            Halted: self._halted,
            Resumed: self._resumed,
        }

    @property
    def wakes_us(self) -> int | None:
        """When it wants to be told the time at the latest; None: only when something happens."""
        return None if self._desk.wakes_us >= FOREVER_US else self._desk.wakes_us

    @property
    def state(self) -> State:
        """To be looked at."""
        return self._desk.state

    @property
    def decided(self) -> bool:
        """There are rows to be stored; what was merely learned since may wait a while."""
        return self._desk.decided

    def take(self) -> Changes:
        return self._desk.take()

    def handle(self, event: Event) -> None:
        desk, head = self._desk, self._desk.head
        if event.at_us < head.now_us - MAX_BACK_US:
            raise ValueError(f"an event of {event.at_us} comes after {head.now_us}: the clock runs back")
        at_us = max(event.at_us, head.now_us)
        paused = at_us - head.now_us > desk.max_silence_us
        if paused or at_us >= desk.wakes_us:
            self._advance(at_us, paused=paused)
        head.now_us = at_us
        if head.rules != self._rules:
            head.rules = self._rules
            desk.note("rules", "all", rules=json.loads(self._rules, parse_float=str))
        self._handlers[type(event)](event)

    # --- time -------------------------------------------------------------------------------------------------------------
    def _advance(self, at_us: int, *, paused: bool) -> None:
        """Everything that falls due up to `at_us`. `paused`: nothing was told for so long that silence says nothing about venues."""
        desk, before = self._desk, len(self._desk.state.orders)
        while (order := execution.next_arrival(desk)) is not None and order.arrives_us <= at_us:
            desk.head.now_us = max(desk.head.now_us, order.arrives_us)
            execution.arrive(desk, order)
            execution.balance(desk, order.lock)
            risk.count_loss(desk)
            for pair in self._pairs_of.get(order.leg.instrument_id, ()):
                detection.look(desk, pair, why="taken" if order.filled else "edge gone")
        desk.head.now_us = at_us
        if len(desk.state.orders) < before:
            self._index()  # with the last order of a pair that was withdrawn its books are nobody's
        if paused:
            desk.head.awake_us = at_us
        detection.end_stale(desk)
        lives.sweep(desk)
        risk.watch_venues(desk)
        desk.wakes_us = self._due_us()

    def _due_us(self) -> int:
        """Exactly when the next thing falls due."""
        desk, state = self._desk, self._desk.state
        due = [FOREVER_US]
        due += [order.arrives_us for order in state.orders.values() if order.state == execution.UNDER_WAY]
        due += [risk.silent_from(desk, name) + 1 for name in state.venues]
        for one in state.opportunities.values():
            at_us = lives.due(one)
            if at_us is not None:
                due.append(at_us)
            pair = state.pairs.get(one.pair_id)
            if pair is not None and not one.gone_us:
                due += [risk.stale_from(desk, leg) + 1 for leg in (pair.a, pair.b)]
        return min(due)

    # --- what is told all the time ----------------------------------------------------------------------------------------
    def _book(self, event: BookMoved) -> None:
        venue = self._venue_of.get(event.instrument_id)
        if venue is None:
            return
        desk, number = self._desk, event.instrument_id
        before = desk.state.books.get(number)
        desk.state.books[number] = event.book
        desk.touch("books", number)
        self._hear(venue, (number,), min(event.book.received_us, desk.head.now_us))
        if before is not None and number in desk.state.taken:
            liquidity.told_anew(desk, number, before, event.book)
        for pair in self._pairs_of.get(number, ()):
            detection.look(desk, pair)

    def _heard(self, event: Heard) -> None:
        if event.venue in self._desk.state.venues:
            self._look(self._hear(event.venue, event.instrument_ids, self._desk.head.now_us))

    def _hear(self, name: str, instruments: Iterable[int], at_us: int) -> list[int]:
        """Returns the instruments whose books were stale until now."""
        desk, woken = self._desk, []
        venue = desk.state.venues[name]
        for number in instruments:
            before = venue.heard.get(number, 0)
            if at_us > before and self._venue_of.get(number) == name:
                venue.heard[number] = at_us
                if at_us - before > desk.max_age_us:
                    woken.append(number)
        if at_us > venue.heard_us:
            if venue.heard_us < desk.head.awake_us:
                desk.wake(at_us + desk.max_silence_us + 1)
            venue.heard_us = at_us
        desk.touch("venues", name)
        return woken

    # --- what is told now and then ----------------------------------------------------------------------------------------
    def _pairs(self, event: PairsSet) -> None:
        desk, old = self._desk, self._desk.state.pairs
        new = {pair.pair_id: pair for pair in event.pairs}
        added, withdrawn = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
        changed = sorted(number for number in new.keys() & old.keys() if new[number] != old[number])
        if not (added or withdrawn or changed):
            return
        desk.note("pairs", "all", added=added, withdrawn=withdrawn, changed=changed)
        for number in (*added, *withdrawn, *changed):
            desk.touch("pairs", number)
        desk.state.pairs = new
        for leg in self._legs():
            desk.venue(leg.venue)
        self._forget()
        self._index()
        for number in (*withdrawn, *changed):
            for yes_leg in LEGS:
                lives.gone(desk, lives.key(number, yes_leg), "pair withdrawn" if number in withdrawn else "terms changed")
        self._look(leg.instrument_id for number in (*added, *changed) for leg in (new[number].a, new[number].b))

    def _paused(self, event: VenuePaused) -> None:
        venue = self._desk.state.venues.get(event.venue)
        if venue is None or venue.paused == event.reason:
            return
        venue.paused = event.reason
        self._desk.touch("venues", event.venue)
        if event.reason:
            risk.halt(self._desk, f"venue {event.venue}", "exchange pause", said=event.reason)
        else:
            self._desk.note("pause over", f"venue {event.venue}")
        self._look(leg.instrument_id for leg in self._legs() if leg.venue == event.venue)

    def _market(self, event: MarketSaid) -> None:
        of_it = [leg.instrument_id for leg in self._legs() if leg.market_key == event.market_key]
        if of_it and self._desk.state.markets.get(event.market_key) != event.status:
            self._desk.state.markets[event.market_key] = event.status
            self._desk.touch("markets", event.market_key)
            self._desk.note("market", f"market {event.market_key}", status=event.status)
            self._look(of_it)

    def _result(self, event: ResultSaid) -> None:
        held = {position.instrument_id for position in self._desk.state.positions.values()}
        if event.instrument_id in self._venue_of or event.instrument_id in held:
            settlement.hear(self._desk, event)
            self._look((event.instrument_id,))

    def _halted(self, event: Halted) -> None:
        if risk.is_scope(event.scope):
            risk.halt(self._desk, event.scope, event.reason or "by hand")
        else:
            self._desk.note("unknown scope", event.scope[: risk.MAX_REASON_CHARS], asked="halt")

    def _resumed(self, event: Resumed) -> None:
        if not risk.is_scope(event.scope):
            self._desk.note("unknown scope", event.scope[: risk.MAX_REASON_CHARS], asked="resume")
            return
        risk.resume(self._desk, event.scope, event.by)
        self._look(leg.instrument_id for leg in self._legs())
        self._desk.wakes_us = self._due_us()

    # --- what is made from the state --------------------------------------------------------------------------------------
    def _legs(self) -> list[Leg]:
        """Of the pairs, and of orders that are under way whatever became of their pair."""
        legs = [leg for pair in self._desk.state.pairs.values() for leg in (pair.a, pair.b)]
        return [*legs, *(order.leg for order in self._desk.state.orders.values())]

    def _index(self) -> None:
        self._venue_of = {leg.instrument_id: leg.venue for leg in self._legs()}
        pairs_of: dict[int, list[Pair]] = {}
        for _, pair in sorted(self._desk.state.pairs.items()):
            for number in {pair.a.instrument_id: None, pair.b.instrument_id: None}:
                pairs_of.setdefault(number, []).append(pair)
        self._pairs_of = pairs_of

    def _look(self, instruments: Iterable[int]) -> None:
        """At every pair of these, once."""
        found = {pair.pair_id: pair for number in instruments for pair in self._pairs_of.get(number, ())}
        for _, pair in sorted(found.items()):
            detection.look(self._desk, pair)

    def _forget(self) -> None:
        """What is known of instruments and markets that nobody trades or holds any more."""
        state, legs = self._desk.state, self._legs()
        traded = {leg.instrument_id for leg in legs}
        held = traded | {position.instrument_id for position in state.positions.values()}
        wanted = {"books": traded, "taken": traded, "markets": {leg.market_key for leg in legs}, "said": held, "settled": held}
        for kind, keep in wanted.items():
            entries = getattr(state, kind)
            for key in sorted(entries.keys() - keep):
                del entries[key]
                self._desk.touch(kind, key)
        for name, venue in state.venues.items():
            for number in sorted(venue.heard.keys() - traded):
                del venue.heard[number]
                self._desk.touch("venues", name)
