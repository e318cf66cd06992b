"""What Deribit trades: get_instruments into instruments. Must not know HTTP; choice.py has what of it is recorded.

A list that is empty, of one currency, or partly broken never passes for the whole: whoever is missing from a whole list is gone.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from core.records import Instrument
from core.venue import Decoded, Rejected, Reply, Request
from venues.decoding import FIRST_MS, LAST_MS, UNREADABLE, checked_text, reason_of
from venues.deribit import units, wire_rest
from venues.deribit.replies import ROWS, request
from venues.errors import BadFrame, Unreadable
from venues.replies import bad_reply

LIST = "get_instruments"
#: 5,930 entries in September 2026, some 700 bytes each; the bound leaves room for six times as many. Its credits have a pool apart.
ALL_INSTRUMENTS = request(LIST, {"currency": "any", "expired": "false"}, weight=10_000, max_bytes=24 << 20)

ONE = msgspec.json.Decoder(wire_rest.Instrument)


def request_instruments(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [ALL_INSTRUMENTS]


def parse_instruments(reply: Reply) -> Decoded:
    instruments: dict[str, Instrument] = {}
    rejected: list[Rejected] = []
    for i, raw in enumerate(entries(reply)):
        try:
            instrument = _instrument(bytes(raw))
            if instrument.symbol in instruments:
                raise BadFrame(f"{instrument.symbol} is listed twice")
            instruments[instrument.symbol] = instrument
        except (Unreadable, *UNREADABLE) as exc:
            rejected.append(Rejected(i, reason_of(exc)))
    whole = dict(reply.params) == dict(ALL_INSTRUMENTS.params)
    return Decoded(instruments=list(instruments.values()), rejected=rejected, complete=whole and bool(instruments) and not rejected)


def entries(reply: Reply) -> list[msgspec.Raw]:
    try:
        entries = ROWS.decode(reply.body).result
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    if not entries:
        raise bad_reply(reply, "an empty list")
    return entries


def _instrument(raw: bytes) -> Instrument:
    if b"\\u0000" in raw:
        raise BadFrame("NUL character in a text")
    one = ONE.decode(raw)
    entry: Mapping[str, Any] = msgspec.json.decode(raw)
    return Instrument(
        symbol=checked_text(one.instrument_name),
        status=one.state or ("open" if one.is_active else "inactive"),
        base_asset=one.base_currency,
        quote_asset=one.quote_currency,
        contract_type="perpetual" if one.settlement_period == "perpetual" else one.kind,
        tick_size=_plain(one.tick_size),
        lot_size=_plain(one.lot_size if one.lot_size is not None else one.min_trade_amount),
        listed_at_us=_microseconds(one.creation_timestamp),
        expires_at_us=_microseconds(one.expiration_timestamp),
        attributes={**{name: entry[name] for name in wire_rest.DOCUMENTED if name in entry}, "settlement": units.settlement(one)},
        amount_unit=units.amount_unit(one),
        price_unit=units.price_unit(one),
    )


def _plain(number: Decimal | None) -> str | None:
    """Without an exponent; the digits are the venue's."""
    if number is None:
        return None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise BadFrame(f"{number} is no size of a step")
    return format(number, "f")


def _microseconds(milliseconds: int | None) -> int | None:
    """Perpetuals "expire" in the year 3000: no date."""
    if milliseconds is None or not FIRST_MS <= milliseconds <= LAST_MS:
        return None
    return milliseconds * 1000
