"""What Deribit trades: get_instruments into instruments, and the choice of what to record. Must not know HTTP.

A list that is empty, of one currency, or partly broken never passes for the whole: whoever is missing from a whole list is gone.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from core.records import Instrument
from core.venue import Decoded, Rejected, Reply, Request, Universe, Wanted
from venues import options
from venues.decoding import FIRST_MS, LAST_MS, UNREADABLE, checked_text, reason_of
from venues.deribit import wire
from venues.deribit.replies import ROWS, request
from venues.deribit.units import units
from venues.errors import BadFrame, BadReply, Unreadable
from venues.replies import bad_reply

#: Whose options and futures are recorded, best first. `("ETH", "BTC")` records both: their options are then ranked together, by the
#: worth of their open interest, and farm.toml's `top` should grow with them.
CURRENCIES = ("ETH",)

LIST, SUMMARY = "get_instruments", "get_book_summary_by_currency"
#: 5,930 entries in September 2026, some 700 bytes each; the bound leaves room for six times as many. Its credits have a pool apart.
ALL_INSTRUMENTS = request(LIST, {"currency": "any", "expired": "false"}, weight=10_000, max_bytes=24 << 20)
SUMMARIES = tuple(request(SUMMARY, {"currency": currency}, max_bytes=8 << 20) for currency in CURRENCIES)

_ONE = msgspec.json.Decoder(wire.Instrument)
_SUMMARY = msgspec.json.Decoder(wire.BookSummary)


def request_instruments(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [ALL_INSTRUMENTS]


def parse_instruments(reply: Reply) -> Decoded:
    instruments: dict[str, Instrument] = {}
    rejected: list[Rejected] = []
    for i, raw in enumerate(_entries(reply)):
        try:
            instrument = _instrument(bytes(raw))
            if instrument.symbol in instruments:
                raise BadFrame(f"{instrument.symbol} is listed twice")
            instruments[instrument.symbol] = instrument
        except (Unreadable, *UNREADABLE) as exc:
            rejected.append(Rejected(i, reason_of(exc)))
    whole = dict(reply.params) == dict(ALL_INSTRUMENTS.params)
    return Decoded(instruments=list(instruments.values()), rejected=rejected, complete=whole and bool(instruments) and not rejected)


def _entries(reply: Reply) -> list[msgspec.Raw]:
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
    one = _ONE.decode(raw)
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
        attributes={**{name: entry[name] for name in wire.DOCUMENTED if name in entry}, **units(one)},
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


def _requests(wanted: Wanted) -> Sequence[Request]:
    options.checked(wanted.options, {})
    return (ALL_INSTRUMENTS, *SUMMARIES)


def rank(replies: Iterable[Reply], wanted: Wanted) -> Sequence[str]:
    """Perpetuals, then futures by expiry, then options by the worth of their open interest, those of unknown interest last."""
    replies = list(replies)
    lists = [reply for reply in replies if reply.poll == LIST]
    if len(lists) != 1 or len(replies) < 1 + len(CURRENCIES):
        raise BadReply(f"ranking needs one {LIST} and {len(CURRENCIES)} {SUMMARY}, and has {sorted(reply.poll for reply in replies)}")
    worth: dict[str, float] = {}
    for reply in replies:
        if reply.poll == SUMMARY:
            worth.update(_worth(reply))
    ranked = sorted((_place(one, worth), one.instrument_name) for one in _open(lists[0]))
    return list(dict.fromkeys(name for _, name in ranked))[: wanted.top]


def _place(one: wire.Instrument, worth: Mapping[str, float]) -> tuple[int, float]:
    if one.settlement_period == "perpetual":
        return (0, CURRENCIES.index(one.base_currency))
    if one.kind == "future":
        return (1, one.expiration_timestamp or LAST_MS)
    return (2, -worth.get(one.instrument_name, -1.0))


def _open(reply: Reply) -> list[wire.Instrument]:
    found = []
    for raw in _entries(reply):
        try:
            one = _ONE.decode(raw)
        except UNREADABLE:
            continue  # of no use here, and rejected by name where the list itself is stored
        trades = one.is_active and one.state in (None, "open")
        if trades and one.kind in ("future", "option") and one.base_currency in CURRENCIES and "\0" not in one.instrument_name:
            found.append(one)
    if not found:
        raise bad_reply(reply, f"nothing of {', '.join(CURRENCIES)} is open")
    return found


def _worth(reply: Reply) -> dict[str, float]:
    """Open interest counts coins; one price of the coin for all, so that within a currency the order is that of the interest."""
    interest, coin = {}, None
    for raw in _entries(reply):
        try:
            one = _SUMMARY.decode(raw)
        except UNREADABLE:
            continue  # an instrument of unknown interest, and ranked last
        coin = coin or one.underlying_price
        if one.open_interest is not None:
            interest[one.instrument_name] = one.open_interest
    if not interest:
        raise bad_reply(reply, "no open interest of any instrument")
    return {name: value * (coin or 1.0) for name, value in interest.items()}


UNIVERSE = Universe(_requests, rank)
