"""What is listed: series, events and markets, as values, and how they are kept on disk."""

import uuid
from dataclasses import dataclass, field
from typing import Any

ROUNDED = "The settlement value is rounded to the nearest 2 decimal places."
COMBOS = "KXMVE"  # tickers of multivariate events begin so


@dataclass
class Series:
    ticker: str
    title: str
    category: str
    frequency: str
    fee_type: str = "quadratic"
    fee_multiplier: float = 1
    exchange_index: int = 0
    structure: str = "linear_cent"
    source: str = "The official source"
    kind: str = "binary"


@dataclass
class Event:
    ticker: str
    series: str
    title: str
    sub_title: str
    exclusive: bool
    strike_us: int
    updated_us: int
    fee_type_override: str | None = None
    fee_multiplier_override: float | None = None


@dataclass
class Listing:
    """One market. `value` is what a YES contract pays, in ten-thousandths of a dollar, -1 before it is known."""

    name: str
    event: str
    series: str
    kind: str  # binary, scalar
    sub_title: str
    strike: float
    structure: str
    exchange_index: int
    created_us: int
    open_us: int
    close_us: int
    settle_seconds: int
    status: str
    activity: float
    base_volume: int = 0  # contracts traded before the ledger begins, in hundredths
    provisional: bool = False
    updated_us: int = 0
    determined_us: int = 0
    settled_us: int = 0
    result: str = ""
    value: int = -1
    rules: str = ""
    legs: list[str] = field(default_factory=list)  # of a combo: the markets that must all come true
    title: str = ""  # that of its event where it has none
    more_rules: str = ROUNDED
    strike_type: str = "greater"  # structured: without a strike
    scripted: bool = False  # its book and its result are somebody else's
    comes_to: int = -1  # as `value`, once that has been decided
    contested: bool = False  # what is determined first is disputed, and the other side has won

    @property
    def market_id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.name))

    @property
    def combo(self) -> bool:
        return self.name.startswith(COMBOS)

    @property
    def strikes(self) -> dict[str, float | str]:
        return {"strike_type": self.strike_type} | ({} if self.strike_type == "structured" else {"floor_strike": self.strike})

    @property
    def lifecycle_channel(self) -> str:
        return "multivariate_market_lifecycle" if self.combo else "market_lifecycle_v2"

    @property
    def final(self) -> bool:
        return self.status == "finalized"


@dataclass
class Universe:
    series: dict[str, Series] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    markets: list[Listing] = field(default_factory=list)

    def title_of(self, row: Listing) -> str:
        return row.title or self.events[row.event].title

    def stored(self) -> dict[str, Any]:
        return {
            "series": [vars(row) for row in self.series.values()],
            "events": [vars(row) for row in self.events.values()],
            "markets": [vars(row) for row in self.markets],
        }

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> "Universe":
        series, events = [Series(**row) for row in saved["series"]], [Event(**row) for row in saved["events"]]
        markets = [Listing(**row) for row in saved["markets"]]
        return cls({row.ticker: row for row in series}, {row.ticker: row for row in events}, markets)
