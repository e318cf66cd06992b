"""The vocabulary of the paper engine. Prices are dollars for one share that pays 1, amounts are shares, both Decimal; times are
microseconds of our clock unless they are called `event_us`."""

from dataclasses import dataclass
from decimal import Decimal

from core.trading import TradingTerms

YES, NO, VOID = "yes", "no", "void"

#: (price of YES, shares)
Level = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Book:
    """The book of YES as a venue shows it, the best level of each side first. Who buys NO at q sells YES at 1 - q: the same liquidity.
    `trusted` is false while the farm doubts the book."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    event_us: int
    received_us: int
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class Leg:
    """A market of a pair: `instrument_id` is the one that pays 1 when the pair's question comes out YES. `sources`: how many must agree on its
    result."""

    venue: str
    market_key: int
    instrument_id: int
    terms: TradingTerms
    sources: int = 1


@dataclass(frozen=True, slots=True)
class Pair:
    """Two markets that a person has confirmed to be one question. `tails`: the states "result of a/result of b" that the person has named as
    possible although they break a lock ("yes/no", "void/yes", ...). `closes_us`: when the later of both is to end; 0 where nobody says."""

    pair_id: int
    a: Leg
    b: Leg
    tails: frozenset[str] = frozenset()
    closes_us: int = 0
