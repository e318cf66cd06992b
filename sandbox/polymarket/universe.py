"""What can be traded on the simulated Polymarket: families of events, their markets, two tokens each. Pure but for the clock given in."""

from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from sandbox.polymarket import names

UNIT = 10_000  # prices count ten-thousandths: the finest tick
FIRST_MARKET, FIRST_EVENT = 2_500_000, 600_000
DAY_MS = 86_400_000
OPEN, PROPOSED, DISPUTED, REPROPOSED, RESOLVED = "open", "proposed", "disputed", "reproposed", "resolved"


class Family(NamedTuple):
    """A kind of event: how many markets it has, and what they share."""

    tag: str
    markets: int
    neg_risk: bool
    outcomes: tuple[str, str]
    tick: int  # in units
    min_size: int
    fee_rate: float  # 0: no fees
    fee_type: str
    days: float  # to the end


FAMILIES = {
    "nominee": Family("Politics", 8, True, ("Yes", "No"), 10, 5, 0.04, "politics_fees", 400),
    "single": Family("World", 1, False, ("Yes", "No"), 100, 5, 0.0, "", 60),
    "updown": Family("Crypto", 1, False, ("Up", "Down"), 100, 5, 0.07, "crypto_fees_v2", 0.01),
    "ladder": Family("Finance", 4, False, ("Yes", "No"), 100, 15, 0.04, "finance_fees", 30),
    "match": Family("Sports", 1, False, ("Taylor Fritz", "Alexander Bublik"), 100, 5, 0.05, "sports_fees_v2", 7),
    "cup": Family("Sports", 2, True, ("Yes", "No"), 25, 5, 0.05, "sports_fees_v2", 90),
    "rate": Family("Economy", 5, True, ("Yes", "No"), 1, 5, 0.05, "economics_fees", 45),
}
#: Of what another venue lists too; so is `match`.
PAIRED = {
    "crypto": Family("Crypto", 1, False, ("Yes", "No"), 100, 5, 0.07, "crypto_fees_v2", 30),
    "weather": Family("World", 1, False, ("Yes", "No"), 100, 5, 0.05, "weather_fees", 30),
    "index": Family("Finance", 1, False, ("Yes", "No"), 10, 15, 0.04, "finance_fees", 30),
    "election": Family("Politics", 1, False, ("Yes", "No"), 10, 5, 0.04, "politics_fees", 30),
    "inflation": Family("Economy", 1, False, ("Yes", "No"), 100, 5, 0.05, "economics_fees", 30),
    "border": Family("World", 1, False, ("Yes", "No"), 100, 5, 0.0, "", 30),
}
KINDS = FAMILIES | PAIRED
TURNS = ("nominee", "single", "updown", "ladder", "match", "nominee", "single", "cup", "ladder", "rate")
TAG_IDS = {tag: 100 + place for place, tag in enumerate(sorted({family.tag for family in FAMILIES.values()}))}


@dataclass(slots=True)
class Market:
    """One question. What follows from seed and number is made anew at a restart; the rest is stored."""

    number: int
    family: str
    event: int
    place: int  # within its event
    created_ms: int
    end_ms: int
    tick: int
    rank: int  # by activity, 0 is the busiest
    slug: str = ""
    stage: str = OPEN
    stage_ms: int = 0
    scenario: str = "plain"
    proposed: int | None = None  # the side that was proposed to have won
    payouts: tuple[float, float] | None = None
    disputed: bool = False
    closed_ms: int = 0
    last_trade: int = 0  # units; of whichever token was printed last, for both
    volume: float = 0.0
    asked: str = ""  # its title, where that does not follow from its event
    rules: str = ""
    named: tuple[str, ...] = ()  # its outcomes, where they are not those of its family
    scripted: bool = False  # its book and its result are somebody else's
    tokens: tuple[str, str] = field(default=("", ""))
    condition: str = ""
    question: str = ""

    @property
    def kind(self) -> Family:
        return KINDS[self.family]

    @property
    def outcomes(self) -> tuple[str, str]:
        return (self.named[0], self.named[1]) if self.named else self.kind.outcomes

    @property
    def id(self) -> str:
        return str(FIRST_MARKET + self.number)

    @property
    def event_id(self) -> str:
        return str(FIRST_EVENT + self.event)

    @property
    def trading(self) -> bool:
        return self.stage != RESOLVED

    @property
    def title(self) -> str:
        if self.asked:
            return self.asked
        return f"{self.event_title}: number {self.place + 1}?" if self.kind.markets > 1 else f"{self.event_title}?"

    @property
    def event_title(self) -> str:
        return self.asked.rstrip("?") or f"Will “{self.family} {self.event}” come to pass"


DERIVED = ("tokens", "condition", "question")
STORED = tuple(column.name for column in fields(Market) if column.name not in DERIVED)


def identified(market: Market, seed: int) -> Market:
    """With the ids that follow from seed and number."""
    market.tokens = (names.token_id(seed, market.number, 0), names.token_id(seed, market.number, 1))
    market.condition, market.question = names.condition_id(seed, market.number), names.question_id(seed, market.number)
    market.slug = market.slug or f"{market.family}-{market.event}-{market.place + 1}-{market.number}"
    return market


def listed(seed: int, number: int, family: str, event: int, now_ms: int, *, rank: int | None = None, slug: str = "") -> list[Market]:
    """The markets of one event, numbered from `number` on."""
    kind = FAMILIES[family]
    end_ms = now_ms + round(kind.days * DAY_MS)
    numbers = range(number, number + kind.markets)
    rows = [Market(n, family, event, n - number, now_ms, end_ms, kind.tick, n if rank is None else rank, slug) for n in numbers]
    return [identified(row, seed) for row in rows]


def universe(seed: int, count: int, now_ms: int) -> list[Market]:
    """`count` markets that began over the last month, events in turn."""
    rows: list[Market] = []
    event = 0
    while len(rows) < count:
        began_ms = now_ms - (event % 720 + 1) * 3_600_000
        made = listed(seed, len(rows), TURNS[event % len(TURNS)], event, began_ms)
        rows += made[: count - len(rows)]
        event += 1
    return rows


def stored(markets: list[Market]) -> list[list[Any]]:
    return [[getattr(market, name) for name in STORED] for market in markets]


def restored(rows: list[list[Any]], seed: int) -> list[Market]:
    """Of a root of before a column was thought of it is missing at the end."""
    found = [identified(Market(**dict(zip(STORED, row, strict=False))), seed) for row in rows]
    for market in found:
        market.named = tuple(market.named)
        market.payouts = (market.payouts[0], market.payouts[1]) if market.payouts else None
    return found
