"""A small market to trade on paper: pairs of the venues "east" and "west", books in cents, and a day of random events."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from core.trading import ACCUMULATED, CENT_PER_ORDER, FIVE_DECIMALS, FeeTerms, TradingTerms
from paper.engine import Engine
from paper.events import BookMoved, Clock, Event, Halted, Heard, MarketSaid, PairsSet, ResultSaid, Resumed, VenuePaused
from paper.payoffs import breaks
from paper.rules import Latency, Limits, Rules
from paper.state import Row, State
from paper.values import Book, Leg, Level, Pair

START_US = 1_790_000_000_000_000  # 2026-09-21
SECOND = 1_000_000
DAY = 86_400 * SECOND
FREE = FeeTerms(Decimal(0), CENT_PER_ORDER)
#: Whoever confirmed the pair knows of everything.
TAILS = frozenset(breaks("a") + breaks("b"))


def d(value: object) -> Decimal:
    return Decimal(str(value))


def terms(fees: FeeTerms = FREE, *, least: object = 1, lot: object = 1, delay_us: int = 0, blocked: tuple[str, ...] = ()) -> TradingTerms:
    return TradingTerms(fees, d(least), d(lot), ((d(0), d(1), d("0.01")),), delay_us, blocked)


def pair(
    number: int = 1,
    *,
    east: TradingTerms | None = None,
    west: TradingTerms | None = None,
    tails: frozenset[str] = TAILS,
    closes_us: int = START_US + 10 * DAY,
    sources: int = 2,
) -> Pair:
    """Pair n has the instruments 10 n + 1 at east and 10 n + 2 at west, whose market keys are a hundred times that."""
    a = Leg("east", 1000 * number + 100, 10 * number + 1, east or terms())
    b = Leg("west", 1000 * number + 200, 10 * number + 2, west or terms(), sources)
    return Pair(number, a, b, tails, closes_us)


def levels(*told: tuple[object, object]) -> tuple[Level, ...]:
    return tuple((d(price), d(shares)) for price, shares in told)


def book(bids: tuple[Level, ...], asks: tuple[Level, ...], at_us: int, *, trusted: bool = True) -> Book:
    return Book(bids, asks, at_us, at_us, trusted)


RULES = Rules(
    seed="a test",
    min_edge=d("0.01"),
    cash={"east": d(1000), "west": d(1000)},
    any_latency=Latency(100.0, 400.0),
    limits=Limits(per_pair=d(400), per_venue=d(900), total=d(1500), per_day=d(1200), capital_days=d(20_000)),
    max_shares=d(200),
    max_daily_loss=d(30),
)


# --- a day of random events -----------------------------------------------------------------------------------------------
FEES = (
    FREE,
    FeeTerms(d("0.07"), CENT_PER_ORDER),
    FeeTerms(d("0.07"), ACCUMULATED),
    FeeTerms(d("0.05"), FIVE_DECIMALS),
    FeeTerms(d("0.04"), FIVE_DECIMALS, known=False, note="nobody said"),
)
LATE_US = (1_000, 20_000, 300_000, 2 * SECOND)


def events(seed: int, count: int, pairs: int = 3) -> Iterator[Event]:
    """Books that cross now and then, and everything that may happen to those who trade on them."""
    dice = random.Random(seed)
    made = [_random_pair(dice, number) for number in range(1, pairs + 1)]
    legs = [leg for one in made for leg in (one.a, one.b)]
    now = START_US
    yield PairsSet(now, tuple(made))
    for leg in legs:
        yield MarketSaid(now, leg.market_key, "active")
    for _ in range(count):
        now += dice.choice(LATE_US) if dice.random() < 0.995 else dice.choice((200 * SECOND, 3600 * SECOND, DAY))
        yield _event(dice, now, made, legs)


def _random_pair(dice: random.Random, number: int) -> Pair:
    lots = dice.choice((1, "0.01"))
    east = terms(dice.choice(FEES), least=dice.choice((1, 5)), delay_us=dice.choice((0, 250_000)))
    tails = TAILS if dice.random() < 0.9 else frozenset(sorted(TAILS)[:2])
    west = terms(dice.choice(FEES), lot=lots)
    closes_us = dice.choice((0, START_US + 3 * DAY))
    return pair(number, east=east, west=west, tails=tails, closes_us=closes_us, sources=dice.choice((1, 2)))


def _event(dice: random.Random, now: int, pairs: list[Pair], legs: list[Leg]) -> Event:
    leg, drawn = dice.choice(legs), dice.random()
    if drawn < 0.80:
        return BookMoved(now, leg.instrument_id, random_book(dice, now))
    if drawn < 0.93:
        return Heard(now, leg.venue, tuple(one.instrument_id for one in legs if one.venue == leg.venue))
    if drawn < 0.955:
        return Resumed(now, dice.choice(("all", "all", "all", "venue east", "venue west", "pair 1", "pair 2", "pair 3")), "a person")
    if drawn < 0.958:
        return ResultSaid(now, leg.instrument_id, *_result(dice))
    if drawn < 0.962:
        return Halted(now, dice.choice(("all", "venue east", "pair 2", "nonsense")), "by hand")
    if drawn < 0.966:
        return VenuePaused(now, leg.venue, dice.choice(("", "maintenance")))
    if drawn < 0.974:
        return MarketSaid(now, leg.market_key, dice.choice(("active", "active", "active", "closed")))
    if drawn < 0.99:
        return PairsSet(now, tuple(one for one in pairs if dice.random() < 0.9))
    return Clock(now)


def _result(dice: random.Random) -> tuple[str, str, Decimal | None]:
    source = dice.choice(("one", "two"))
    status = dice.choice(("proposed", "determined", "resolved", "resolved", "resolved", "void", "disputed"))
    payout = dice.choice((d(0), d(1), d(1), d("0.5"))) if status in ("resolved", "determined") else None
    return source, status, payout


def random_book(dice: random.Random, now: int, *, depth: int = 4) -> Book:
    middle = dice.randint(42, 58)
    asks, bids = [], []
    ask = bid = middle
    for _ in range(dice.randint(0, depth)):
        ask, bid = ask + dice.randint(1, 2), bid - dice.randint(1, 2)
        asks.append((Decimal(ask) / 100, Decimal(dice.choice((3, 10, 50, 120)))))
        bids.append((Decimal(bid) / 100, Decimal(dice.choice((3, 10, 50, 120, "7.25")))))
    return book(tuple(bids), tuple(asks), now - dice.choice((0, 1_000, 40 * SECOND)), trusted=dice.random() < 0.97)


# --- told by hand ---------------------------------------------------------------------------------------------------------
class Trader:
    """An engine and the clock of its events; `rows` are those that a database would hold."""

    def __init__(self, *pairs: Pair, rules: Rules = RULES, state: State | None = None) -> None:
        self.engine = Engine(rules, state)
        self.now = START_US
        self.stored: dict[str, dict[Any, Row]] = {}
        self.writes = 0
        self.tell(PairsSet(self.now, pairs))
        for one in pairs:
            for leg in (one.a, one.b):
                self.tell(MarketSaid(self.now, leg.market_key, "active"))

    def tell(self, event: Event) -> None:
        self.engine.handle(event)

    def book(self, number: int, bids: tuple[Level, ...], asks: tuple[Level, ...], *, trusted: bool = True) -> None:
        self.tell(BookMoved(self.now, number, book(bids, asks, self.now, trusted=trusted)))

    def offer(self, *, ask: object = "0.40", bid: object = "0.50", shares: object = 100, number: int = 1) -> None:
        """YES of pair `number` for `ask` at east, and NO for 1 - `bid` at west."""
        self.book(10 * number + 1, (), levels((ask, shares)))
        self.book(10 * number + 2, levels((bid, shares)), ())

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)
        self.tell(Clock(self.now))

    def rows(self, table: str) -> list[Row]:
        for name, rows in self.engine.take().rows.items():
            for key, row in rows.items():
                self.writes += 1
                if row is None:
                    self.stored.get(name, {}).pop(key, None)
                else:
                    self.stored.setdefault(name, {})[key] = row
        return list(self.stored.get(table, {}).values())

    def row(self, table: str) -> Row:
        (only,) = self.rows(table)
        return only

    def notes(self, kind: str) -> list[Row]:
        return [row["details"] for row in self.rows("audit_logs") if row["kind"] == kind]

    def halts(self) -> dict[str, list[str]]:
        return {row["scope"]: row["halted"] for row in self.rows("risk_states") if row["halted"]}

    def cash(self) -> dict[str, Decimal]:
        return {name: self.engine.state.scopes[f"venue {name}"].cash for name in ("east", "west")}
