"""What a price and an amount of an instrument are in, and what an option quoted in its coin is worth. Pure arithmetic on documents."""

from typing import Any

from venues.deribit import wire


def is_inverse(one: wire.Instrument) -> bool:
    """Margined and settled in the coin itself. Lists of before 2022 do not say; only a quote in USD or in the coin was traded then."""
    declared = one.instrument_type or one.future_type
    return declared == "reversed" if declared else one.quote_currency in ("USD", one.base_currency)


def units(one: wire.Instrument) -> dict[str, str]:
    """Inverse futures count USD; options and all that is linear count the base coin. Prices are in the quote currency: the coin
    for options that settle in it, USD for inverse futures, a stablecoin for what is linear."""
    inverse = is_inverse(one)
    return {
        "amount_unit": "USD" if inverse and one.kind.startswith("future") else one.base_currency,
        "price_unit": one.quote_currency,
        "settlement": one.settlement_currency or (one.base_currency if inverse else one.quote_currency),
    }


def usd_value(price: Any, underlying: Any) -> Any:
    """What one unit of a coin-settled option costs in USD; `underlying` is the ticker's underlying_price, or else its index_price.
    Numbers or arrays. Prices of linear instruments are in a stablecoin already."""
    return price * underlying
