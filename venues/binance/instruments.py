"""What Binance USD-M trades: exchangeInfo into instruments, and the choice of the most traded. Must not know HTTP.

A list that is empty, cut or partly broken never passes for the whole: whoever is missing from a whole list is taken for gone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from core.records import Instrument
from core.venue import Decoded, Rejected, Reply, Request, Universe, Wanted
from venues import options
from venues.binance import wire
from venues.decoding import FIRST_MS, LAST_MS, UNREADABLE, Ignore, checked_text, reason_of
from venues.errors import BadFrame, BadReply, Unreadable
from venues.replies import bad_reply

#: 924 symbols make about 1.2 MB (2026-10-07); the bound leaves room for twenty times as many.
EXCHANGE_INFO = Request("exchangeInfo", "/fapi/v1/exchangeInfo", weight=1, max_bytes=24 << 20)
_TICKERS = Request("ticker24hr", "/fapi/v1/ticker/24hr", weight=40, max_bytes=8 << 20)

_LIST = msgspec.json.Decoder(wire.ExchangeInfo)
_SYMBOL = msgspec.json.Decoder(wire.SymbolInfo)
_TRADED = msgspec.json.Decoder(wire.TradedSymbol)
_TICKER = msgspec.json.Decoder(wire.Ticker24h, strict=False)
_ROWS = msgspec.json.Decoder(list[msgspec.Raw])


def request_exchange_info(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [EXCHANGE_INFO]


def parse_exchange_info(reply: Reply) -> Decoded:
    instruments: dict[str, Instrument] = {}
    rejected: list[Rejected] = []
    coin_m = 0
    for i, raw in enumerate(_entries(reply)):
        try:
            instrument = _instrument(bytes(raw))
            if instrument.symbol in instruments:
                raise BadFrame(f"{instrument.symbol} is listed twice")
            instruments[instrument.symbol] = instrument
        except Ignore:
            coin_m += 1
        except (Unreadable, *UNREADABLE) as exc:
            rejected.append(Rejected(i, reason_of(exc)))
    ignored = {"coin_m": coin_m} if coin_m else {}
    return Decoded(instruments=list(instruments.values()), rejected=rejected, ignored=ignored, complete=bool(instruments) and not rejected)


def _entries(reply: Reply) -> list[msgspec.Raw]:
    try:
        entries = _LIST.decode(reply.body).symbols
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    if not entries:
        raise bad_reply(reply, "an empty list of symbols")
    return entries


def _instrument(raw: bytes) -> Instrument:
    if b"\\u0000" in raw:
        raise BadFrame("NUL character in a text")
    info = _SYMBOL.decode(raw)
    if info.st == wire.COIN_M:
        raise Ignore("coin_m")
    entry: Mapping[str, Any] = msgspec.json.decode(raw)
    return Instrument(
        symbol=checked_text(info.symbol),
        status=info.status,
        base_asset=info.baseAsset,
        quote_asset=info.quoteAsset,
        contract_type=info.contractType,
        tick_size=_filter(info.filters, "PRICE_FILTER", "tickSize"),
        lot_size=_filter(info.filters, "LOT_SIZE", "stepSize"),
        listed_at_us=_microseconds(info.onboardDate),
        expires_at_us=_microseconds(info.deliveryDate),
        attributes={name: entry[name] for name in wire.DOCUMENTED if name in entry},
        amount_unit=info.baseAsset,
        price_unit=info.quoteAsset,
    )


def _filter(filters: Sequence[Mapping[str, Any]], kind: str, field: str) -> str | None:
    """The venue's own decimal text; pricePrecision and quantityPrecision are not the tick and the lot (documents)."""
    for one in filters:
        if one.get("filterType") == kind:
            value = one.get(field)
            if not isinstance(value, str):
                raise BadFrame(f"{kind} has no {field}")
            return value
    return None


def _microseconds(milliseconds: int | None) -> int | None:
    """0 means unknown, and perpetuals are "delivered" on 2100-12-25: neither is a date."""
    if milliseconds is None or not FIRST_MS <= milliseconds <= LAST_MS:
        return None
    return milliseconds * 1000


def _requests(wanted: Wanted) -> Sequence[Request]:
    options.checked(wanted.options, {})
    return (EXCHANGE_INFO, _TICKERS)


def rank(replies: Iterable[Reply], wanted: Wanted) -> Sequence[str]:
    """USDT-margined perpetuals that trade, the largest quote volume of 24 h first, those of unknown volume last."""
    found = {reply.poll: reply for reply in replies}
    if not {EXCHANGE_INFO.poll, _TICKERS.poll} <= found.keys():
        raise BadReply(f"ranking needs {EXCHANGE_INFO.poll} and {_TICKERS.poll}, and has {sorted(found)}")
    traded = _traded(found[EXCHANGE_INFO.poll])
    volumes = _volumes(found[_TICKERS.poll])
    return sorted(traded, key=lambda symbol: (-volumes.get(symbol, -1.0), symbol))[: wanted.top]


def _traded(reply: Reply) -> list[str]:
    symbols = []
    for raw in _entries(reply):
        try:
            one = _TRADED.decode(raw)
        except UNREADABLE:
            continue  # of no use here, and rejected by name where the list itself is stored
        if (one.contractType, one.status, one.marginAsset) == ("PERPETUAL", "TRADING", "USDT") and "\0" not in one.symbol:
            symbols.append(one.symbol)
    if not symbols:
        raise bad_reply(reply, "no USDT-margined perpetual is trading")
    return list(dict.fromkeys(symbols))


def _volumes(reply: Reply) -> dict[str, float]:
    try:
        rows = _ROWS.decode(reply.body)
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    volumes = {}
    for raw in rows:
        try:
            one = _TICKER.decode(raw)
        except UNREADABLE:
            continue  # an instrument of unknown volume, and ranked last
        volumes[one.symbol] = one.quoteVolume
    if not volumes:
        raise bad_reply(reply, "no volume of any symbol")
    return volumes


UNIVERSE = Universe(_requests, rank)
