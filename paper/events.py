"""What the engine is told, one after the other. `at_us` is our clock and never runs back. Live and in a replay they are the same."""

from dataclasses import dataclass
from decimal import Decimal

from paper.values import Book, Pair


@dataclass(frozen=True, slots=True)
class PairsSet:
    """The confirmed pairs from now on. What is missing is not traded any more; positions in it stay until they are settled."""

    at_us: int
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class BookMoved:
    at_us: int
    instrument_id: int
    book: Book


@dataclass(frozen=True, slots=True)
class Heard:
    """Frames of a venue's books came up to `at_us`: a book that stands still is not stale while others of its connection move."""

    at_us: int
    venue: str
    instrument_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VenuePaused:
    """A venue does not trade, or does again (`reason` empty)."""

    at_us: int
    venue: str
    reason: str


@dataclass(frozen=True, slots=True)
class MarketSaid:
    """A market's status (core.records.Market) is another one; only `active` markets are traded."""

    at_us: int
    market_key: int
    status: str


@dataclass(frozen=True, slots=True)
class ResultSaid:
    """What a source says of an instrument's result, as in `resolutions`: proposed, disputed, determined, resolved or void."""

    at_us: int
    instrument_id: int
    source: str
    status: str
    payout: Decimal | None


@dataclass(frozen=True, slots=True)
class Halted:
    """A person pulls the switch. `scope`: "all", "venue NAME" or "pair NUMBER"."""

    at_us: int
    scope: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """A person lifts a halt."""

    at_us: int
    scope: str
    by: str


@dataclass(frozen=True, slots=True)
class Clock:
    """Time has passed: orders arrive, books grow old."""

    at_us: int


Event = PairsSet | BookMoved | Heard | VenuePaused | MarketSaid | ResultSaid | Halted | Resumed | Clock
