"""What a price and an amount of an instrument are in, and what an option quoted in its coin is worth. Pure arithmetic on documents."""

from typing import Any

from venues.deribit import wire_rest


def is_inverse(one: wire_rest.Instrument) -> bool:
    """Margined and settled in the coin itself. Lists of before 2022 do not say; only a quote in USD or in the coin was traded then."""
    declared = one.instrument_type or one.future_type
    return declared == "reversed" if declared else one.quote_currency in ("USD", one.base_currency)


def amount_unit(one: wire_rest.Instrument) -> str:
    """Inverse futures count USD; options and all that is linear count the base coin."""
    return "USD" if is_inverse(one) and one.kind.startswith("future") else one.base_currency


def price_unit(one: wire_rest.Instrument) -> str:
    """The quote currency: the coin for options that settle in it, USD for inverse futures, a stablecoin for what is linear."""
    return one.quote_currency


def settlement(one: wire_rest.Instrument) -> str:
    return one.settlement_currency or (one.base_currency if is_inverse(one) else one.quote_currency)


#: A price in one of these is in dollars.
DOLLARS = ("USD", "USDC", "USDT")


def usd_value(price: Any, unit: str, coin_price: Any) -> Any:
    """A price in USD, numbers or arrays: as it stands where its unit is a dollar, else times the price of the coin it is in (of a
    coin-settled option the ticker's underlying_price, or else its index_price). In SQL: usd_value(price, price_unit, underlying_price)."""
    return price if unit in DOLLARS else price * coin_price
