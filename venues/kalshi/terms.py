"""What trading a market of Kalshi costs and allows at a moment, out of what is stored of it. Must not know where that is stored.

Fees (docs.kalshi.com, API reference 3.34 and "Fee Rounding", 2026): a taker pays 0.07 × fee_multiplier × contracts × p × (1 - p). An override of
the event beats the series, a waiver beats both; changes are dated. What came later counts, be it a description or a dated change.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.trading import CENT_PER_ORDER, Facts, FeeTerms, TradingTerms
from venues.decoding import decimal_of
from venues.kalshi.replies import microseconds

TAKER_RATE = Decimal("0.07")
#: None above 1 was seen; where it is not told we reckon with twice that.
WORST_MULTIPLIER = Decimal(2)
#: They differ in what makers pay.
_QUADRATIC = frozenset({"quadratic", "quadratic_with_maker_fees", "quadratic_with_combo_maker_fees"})
#: Counts have two decimals on every market, and no larger least order is documented.
_LOT = Decimal("0.01")


def terms(facts: Facts, at_us: int) -> TradingTerms:
    """Never raises: what cannot be read is a reason not to trade."""
    about = facts.attributes
    blocked = []
    if about.get("market_type", "binary") != "binary":
        blocked.append(f"a market of the type {about['market_type']!r} pays more than yes or no")
    if decimal_of(about.get("notional_value_dollars", 1)) != 1:
        blocked.append(f"a contract pays {about['notional_value_dollars']!r} dollars")
    steps = _steps(about.get("price_ranges"))
    if not steps:
        blocked.append("no grid of prices (price_ranges)")
    kind, multiplier = _in_force(facts, at_us)
    fees = _fees(facts, kind, multiplier, at_us)
    if fees.rate and kind is not None and kind not in _QUADRATIC:
        blocked.append(f"no formula is known for fees of the type {kind!r}")
    return TradingTerms(fees, min_quantity=_LOT, lot=_LOT, steps=steps, blocked=tuple(blocked))


def _fees(facts: Facts, kind: str | None, multiplier: Decimal | None, at_us: int) -> FeeTerms:
    waiver = facts.attributes.get("fee_waiver_expiration_time")
    until_us = _moment(waiver)
    if until_us is not None and at_us < until_us:
        return FeeTerms(Decimal(0), CENT_PER_ORDER, note=f"waived until {waiver}")
    if kind in _QUADRATIC and multiplier is not None:
        return FeeTerms(TAKER_RATE * multiplier, CENT_PER_ORDER)
    if kind is None:
        note = "nothing is told of the fees of its series" if not facts.series else "the type of its fees is not told"
    else:
        note = f"fees of the type {kind!r}" if kind not in _QUADRATIC else "the multiplier of its fees is not told"
    worst = max(WORST_MULTIPLIER, multiplier or Decimal(0))
    return FeeTerms(TAKER_RATE * worst, CENT_PER_ORDER, known=False, note=f"{note}: the worst rate is taken")


def _in_force(facts: Facts, at_us: int) -> tuple[str | None, Decimal | None]:
    """(type of fees, multiplier); None: not told."""
    event = facts.attributes.get("event")
    own = dict(event) if isinstance(event, Mapping) else {}
    of_series = dict(facts.series)
    for since_us, change in facts.changes:
        if since_us > at_us:
            break
        if "event_ticker" in change:
            if change["event_ticker"] == facts.event_id and not since_us < facts.attributes_us <= at_us:
                own |= change
        elif change.get("series_ticker") == facts.series_id and not since_us < facts.series_us <= at_us:
            of_series |= change
    kind, told = own.get("fee_type_override"), own.get("fee_multiplier_override")
    kind = of_series.get("fee_type") if kind is None else kind
    multiplier = decimal_of(of_series.get("fee_multiplier") if told is None else told)
    return None if kind is None else str(kind), multiplier if multiplier is not None and multiplier >= 0 else None


def _steps(ranges: Any) -> tuple[tuple[Decimal, Decimal, Decimal], ...]:
    """Empty unless all of them can be read."""
    found = []
    for told in ranges if isinstance(ranges, list) else ():
        start, end, step = (decimal_of(told.get(name)) for name in ("start", "end", "step")) if isinstance(told, Mapping) else (None,) * 3
        if start is None or end is None or step is None or not (0 <= start < end <= 1 and step > 0):
            return ()
        found.append((start, end, step))
    return tuple(sorted(found))


def _moment(text: Any) -> int | None:
    try:
        return microseconds(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        return None
