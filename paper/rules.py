"""What the paper engine may do: the settings of `[paper]` as one frozen value. Dollars and shares are Decimal, times are in the names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from core.trading import ACCUMULATED, CENT_PER_ORDER


@dataclass(frozen=True, slots=True)
class Latency:
    """From the decision to the venue's book: lognormal, told by its median and its 99th percentile. Raises ValueError when there is none."""

    median_ms: float
    p99_ms: float

    def __post_init__(self) -> None:
        if not 0 < self.median_ms <= self.p99_ms:
            raise ValueError(f"a latency has 0 < median <= p99, not {self.median_ms} and {self.p99_ms} ms")


@dataclass(frozen=True, slots=True)
class Limits:
    """Dollars (fees included) that may be bound at once in a pair, at a venue, in all; that may be newly bound on a day of UTC; and the
    dollars times days until the later market of each pair closes. Orders under way count with the worst they may cost."""

    per_pair: Decimal = Decimal(500)
    per_venue: Decimal = Decimal(5_000)
    total: Decimal = Decimal(10_000)
    per_day: Decimal = Decimal(5_000)
    capital_days: Decimal = Decimal(300_000)


@dataclass(frozen=True, slots=True)
class Rules:
    """`rounding`: of fees at venues that round to cents (core.trading). `min_edge`: dollars a share that a lock must promise after all costs.
    `max_silence_seconds`: a venue that was heard and then says nothing for longer halts. `unknown_days`: how long capital is taken to be bound
    where nobody says when a market closes. `cash`: what each venue's paper account begins with; a venue without has none. `latency`: by venue;
    one without has `any_latency`."""

    seed: str = "tapefarm"
    rounding: str = CENT_PER_ORDER
    min_edge: Decimal = Decimal("0.01")
    min_shares: Decimal = Decimal(1)
    max_shares: Decimal = Decimal(500)
    max_book_age_seconds: float = 30.0
    max_silence_seconds: float = 120.0
    max_daily_loss: Decimal = Decimal(200)
    unknown_days: int = 365
    limits: Limits = field(default_factory=Limits)
    cash: Mapping[str, Decimal] = field(default_factory=dict)
    latency: Mapping[str, Latency] = field(default_factory=dict)
    any_latency: Latency = field(default_factory=lambda: Latency(150.0, 1_000.0))

    def __post_init__(self) -> None:
        amounts: dict[str, Decimal | float] = {
            "max_shares": self.max_shares,
            "max_daily_loss": self.max_daily_loss,
            "unknown_days": self.unknown_days,
        }
        amounts |= {name: getattr(self.limits, name) for name in Limits.__slots__}
        amounts |= {"max_book_age_seconds": self.max_book_age_seconds, "max_silence_seconds": self.max_silence_seconds}
        if self.rounding not in (CENT_PER_ORDER, ACCUMULATED):
            raise ValueError(f"rounding is {CENT_PER_ORDER!r} or {ACCUMULATED!r}, not {self.rounding!r}")
        wrong = [name for name, value in amounts.items() if not 0 < value < 10**12]
        wrong += [f"cash of {venue}" for venue, dollars in self.cash.items() if not 0 <= dollars < 10**12]
        if not 0 <= self.min_edge < 1:
            wrong.append("min_edge")
        if not 0 < self.min_shares <= self.max_shares:
            wrong.append("min_shares")
        if wrong:
            raise ValueError(f"out of range: {', '.join(sorted(wrong))}")
