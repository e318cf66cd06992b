"""What trading a market on a venue costs and allows, as far as its metadata say. Pure. Money and amounts are Decimal, never floats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

#: How a venue rounds what the formula gives.
CENT_PER_ORDER, ACCUMULATED, FIVE_DECIMALS = "cent per order", "accumulated", "five decimals"


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """A taker's fee in dollars: `rate` × contracts × p × (1 - p), rounded as `rounding` says; p is the price of a contract that pays 1.

    `known` is false where the venue did not say: `rate` is then the worst that it charges anywhere, and `note` says why.
    """

    rate: Decimal
    rounding: str
    known: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is stored of a market, for its venue to read terms from: `attributes` of the market, `series` those of the instrument that
    stands for its series, `changes` of fees ((in force from in us, attributes), in order of time), past and to come. `attributes_us`,
    `series_us`: our clock when either was first described so; of two words the newer counts."""

    market_id: str
    series_id: str | None
    event_id: str | None
    attributes: Mapping[str, Any]
    series: Mapping[str, Any] = field(default_factory=dict)
    changes: Sequence[tuple[int, Mapping[str, Any]]] = ()
    attributes_us: int = 0
    series_us: int = 0


@dataclass(frozen=True, slots=True)
class TradingTerms:
    """At one moment. `steps`: (from, to, step) of the grid of prices; `delay_us`: how long the venue holds a marketable order back;
    `blocked`: reasons, in words, why no order can be priced at all; `min_cost`: dollars that a marketable order to buy must come to."""

    fees: FeeTerms
    min_quantity: Decimal
    lot: Decimal
    steps: tuple[tuple[Decimal, Decimal, Decimal], ...]
    delay_us: int = 0
    blocked: tuple[str, ...] = ()
    min_cost: Decimal = Decimal(0)
