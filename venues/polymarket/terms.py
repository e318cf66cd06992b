"""What trading a market of Polymarket costs and allows, out of what is stored of it. Must not know where that is stored.

Fees (docs.polymarket.com/trading/fees, 2026-10): a taker pays shares × rate × p × (1 - p) in dollars, rounded to five decimals; how is not
documented, so up. The rate stands with the market (`feeSchedule`); makers pay nothing, and rebates are left out.
"""

from collections.abc import Mapping
from decimal import Decimal

from core.trading import FIVE_DECIMALS, Facts, FeeTerms, TradingTerms
from venues.decoding import decimal_of

#: The highest seen with this formula, of crypto in 2026-03; 0.07 since.
WORST_RATE = Decimal("0.072")
#: Amounts of orders have two decimals, whatever the tick.
_LOT = Decimal("0.01")
#: "Invalid amount for a marketable BUY order, min size: $1" is what the venue answers below.
_MIN_COST = Decimal(1)
#: Some markets hold marketable orders back for so long (`itode`; up or down of crypto and finance since 2026-06). Of which, the list of
#: markets does not tell, so it is reckoned with unless they say no.
_HELD_BACK_US = 250_000
_SECOND_US = 1_000_000


def terms(facts: Facts, at_us: int) -> TradingTerms:
    """Never raises: what cannot be read is a reason not to trade. The rate is that of the present: changes are not dated."""
    about = facts.attributes
    blocked = []
    fees, exponent = _fees(about)
    if fees.rate and exponent != 1:
        blocked.append(f"no formula is known for fees with the exponent {exponent}")
    least, tick = decimal_of(about.get("orderMinSize")), decimal_of(about.get("orderPriceMinTickSize"))
    if least is None or least <= 0:
        least = Decimal(0)
        blocked.append("no least order (orderMinSize)")
    if tick is None or not 0 < tick < 1:
        blocked.append("no grid of prices (orderPriceMinTickSize)")
    steps = ((Decimal(0), Decimal(1), tick),) if tick is not None and 0 < tick < 1 else ()
    return TradingTerms(fees, least, _LOT, steps, delay_us=_delay_us(about), blocked=tuple(blocked), min_cost=_MIN_COST)


def _fees(about: Mapping[str, object]) -> tuple[FeeTerms, Decimal | None]:
    """And the exponent of p × (1 - p); 1 where nothing is told of it because no schedule is."""
    if about.get("feesEnabled") is False:
        return FeeTerms(Decimal(0), FIVE_DECIMALS), Decimal(1)
    schedule = about.get("feeSchedule")
    if not isinstance(schedule, Mapping):
        return _unknown("its schedule of fees is not told"), Decimal(1)
    rate, exponent = decimal_of(schedule.get("rate")), decimal_of(schedule.get("exponent"))
    if rate is None or rate < 0:
        return _unknown("the rate of its fees is not told"), exponent
    if rate and exponent != 1:
        return FeeTerms(max(rate, WORST_RATE), FIVE_DECIMALS, known=False, note=f"fees with the exponent {exponent}"), exponent
    return FeeTerms(rate, FIVE_DECIMALS), exponent


def _unknown(why: str) -> FeeTerms:
    return FeeTerms(WORST_RATE, FIVE_DECIMALS, known=False, note=f"{why}: the worst rate is taken")


def _delay_us(about: Mapping[str, object]) -> int:
    """Sports wait for some seconds more."""
    seconds = decimal_of(about.get("secondsDelay"))
    held_us = 0 if about.get("itode") is False else _HELD_BACK_US
    return held_us + (int(seconds * _SECOND_US) if seconds is not None and seconds > 0 else 0)
