"""Deribit REST reads: which requests a poll makes and what a reply means. Must not know HTTP, clocks or budgets.

Each poll is called like the venue's method. A broken row is rejected by its place and its neighbours stand; a reply of the wrong
shape is a BadReply.
"""

from collections.abc import Sequence

import msgspec

from core.records import CANDLES, FUNDING_RATES, INDEX_PRICES, TRADES, Columns
from core.venue import INSTRUMENTS, UNRECORDED, Decoded, Poll, Rejected, Reply, Request
from venues.decoding import UNREADABLE, Milliseconds, booleans, constant, floats, microseconds, optional_floats, reason_of
from venues.deribit import wire, wire_rest
from venues.deribit.frames import check_trade, trades
from venues.deribit.instruments import LIST, parse_instruments, request_instruments
from venues.deribit.platform import STATUS, parse_status, request_status
from venues.deribit.replies import asked, request, rows_of
from venues.deribit.settlements import (
    DELIVERY_POLL,
    SETTLEMENT_PAGES,
    SETTLEMENT_POLL,
    follow_settlements,
    parse_delivery_prices,
    parse_settlements,
    request_delivery_prices,
    request_settlements,
)
from venues.deribit.summaries import BOOK, SUMMARY, parse_summaries, parse_ticker, request_recorded_summaries, request_tickers
from venues.errors import BadReply
from venues.replies import bad_reply, read_each

_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000


def _decoded(kind: str, columns: Columns, rejected: Sequence[Rejected]) -> Decoded:
    return Decoded(rows={kind: columns} if len(columns["event_at"]) else {}, rejected=rejected)


# --- candles --------------------------------------------------------------------------------------------------------------

CANDLE_POLL = "get_tradingview_chart_data"
_RESOLUTION, _INTERVAL_SECONDS = "1", 60
#: The running interval, and two before it so that one missed poll loses nothing.
_INTERVALS = 3
#: A reply is some while older than its arrival, and two clocks differ: only then is an interval surely over.
_SETTLED_US = 2_000_000
_NO_DATA = "no_data"

_CANDLES = msgspec.json.Decoder(wire_rest.Reply[wire_rest.Candles])


def request_candles(symbol: str, start_ms: int, end_ms: int) -> Request:
    """Intervals that open within the span; how many a reply holds at most is not documented."""
    span = {"start_timestamp": start_ms, "end_timestamp": end_ms}
    return request(CANDLE_POLL, {"instrument_name": symbol, **span, "resolution": _RESOLUTION}, max_bytes=4 << 20)


def request_newest_candles(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    now_ms = now_us // 1000
    start_ms = (now_ms // _MINUTE_MS - _INTERVALS + 1) * _MINUTE_MS
    return [request_candles(symbol, start_ms, now_ms) for symbol in symbols]


def parse_candles(reply: Reply) -> Decoded:
    if reply.params.get("resolution", _RESOLUTION) != _RESOLUTION:
        raise BadReply(f"{reply.poll}: resolution {reply.params['resolution']!r} is not the one we ask for")
    found = chart(reply)
    if found.status == _NO_DATA:
        return Decoded(ignored={_NO_DATA: 1})
    symbol = asked(reply, "instrument_name")
    rows, rejected = _candles(reply, found)
    n = len(rows)
    columns = {
        "symbol": [symbol] * n,
        "event_at": microseconds([row.tick for row in rows]),
        "received_at": constant(reply.received_us, n),
        "interval_seconds": constant(_INTERVAL_SECONDS, n),
        "open": floats([row.open for row in rows]),
        "high": floats([row.high for row in rows]),
        "low": floats([row.low for row in rows]),
        "close": floats([row.close for row in rows]),
        "volume": floats([row.volume for row in rows]),
        "quote_volume": optional_floats([row.cost for row in rows]),
        "closed": booleans([reply.received_us > (row.tick + _MINUTE_MS) * 1000 + _SETTLED_US for row in rows], n),
    }
    return _decoded(CANDLES.name, columns, rejected)


def chart(reply: Reply) -> wire_rest.Candles:
    try:
        found = _CANDLES.decode(reply.body).result
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    if found.status not in ("ok", _NO_DATA):
        raise bad_reply(reply, f"status {found.status!r}")
    return found


def _candles(reply: Reply, found: wire_rest.Candles) -> tuple[list[wire_rest.Candle], list[Rejected]]:
    arrays = (found.ticks, found.open, found.high, found.low, found.close, found.volume, found.cost)
    if len({len(array) for array in arrays}) != 1:
        raise bad_reply(reply, f"arrays of different lengths: {[len(array) for array in arrays]}")
    rows, rejected = [], []
    for i, values in enumerate(zip(*arrays, strict=True)):
        try:
            rows.append(msgspec.convert(values, wire_rest.Candle))
        except msgspec.ValidationError as exc:
            rejected.append(Rejected(i, reason_of(exc)))
    return rows, rejected


# --- funding --------------------------------------------------------------------------------------------------------------

#: Rows come once an hour; a day of them is one short page, and bridges an outage of the poll.
_FUNDING_SPAN_MS = 24 * _HOUR_MS
_PERPETUAL = "-PERPETUAL"
_FUNDING = msgspec.json.Decoder(wire_rest.FundingRate)


def request_funding_rates(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    """One request a perpetual among the symbols."""
    now_ms = now_us // 1000
    perpetuals = [symbol for symbol in symbols if symbol.endswith(_PERPETUAL)]
    span = {"start_timestamp": now_ms - _FUNDING_SPAN_MS, "end_timestamp": now_ms}
    return [request("get_funding_rate_history", {"instrument_name": symbol, **span}) for symbol in perpetuals]


def parse_funding_rates(reply: Reply) -> Decoded:
    """Funding flows each millisecond; a row is what an hour came to."""
    raws = rows_of(reply)
    symbol = asked(reply, "instrument_name")
    rows, rejected = read_each(raws, _FUNDING, lambda row: None)
    columns = {
        "symbol": [symbol] * len(rows),
        "event_at": microseconds([row.timestamp for row in rows]),
        "received_at": constant(reply.received_us, len(rows)),
        "funding_rate": floats([row.interest_1h for row in rows]),
    }
    return _decoded(FUNDING_RATES.name, columns, rejected)


# --- index prices ---------------------------------------------------------------------------------------------------------

#: Of the recorded currencies' inverse and linear instruments; one that does not exist is refused without harm to the others.
INDEX_NAMES = ("eth_usd", "btc_usd", "eth_usdc", "btc_usdc")
_INDEX = msgspec.json.Decoder(wire_rest.IndexReply)


def request_index_prices(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request("get_index_price", {"index_name": name}, max_bytes=1 << 16) for name in INDEX_NAMES]


def parse_index_price(reply: Reply) -> Decoded:
    try:
        found = _INDEX.decode(reply.body)
        event_ms = msgspec.convert(found.usOut // 1000, Milliseconds)
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    columns = {
        "symbol": [asked(reply, "index_name")],
        "event_at": microseconds([event_ms]) + found.usOut % 1000,
        "received_at": constant(reply.received_us, 1),
        "price": floats([found.result.index_price]),
    }
    return _decoded(INDEX_PRICES.name, columns, [])


def _request_delivery_prices(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return request_delivery_prices(INDEX_NAMES)


# --- trades ---------------------------------------------------------------------------------------------------------------

TRADES_POLL, TRADES_ROWS = "get_last_trades_by_instrument", 1000

_TRADE = msgspec.json.Decoder(wire.Trade)
_PAGE = msgspec.json.Decoder(wire_rest.Reply[wire_rest.TradesPage])


def request_trades(symbol: str, start_seq: int | None = None, end_seq: int | None = None) -> Request:
    """One page, ascending within the numbers, or the newest. Without a sorting the order is that of the venue's database."""
    params: dict[str, str | int] = {"instrument_name": symbol, "count": TRADES_ROWS, "sorting": "asc" if start_seq is not None else "desc"}
    if start_seq is not None:
        params["start_seq"] = start_seq
    if end_seq is not None:
        params["end_seq"] = end_seq
    return request(TRADES_POLL, params, max_bytes=4 << 20)


def _request_newest_trades(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request_trades(symbol) for symbol in symbols]


def trades_page(reply: Reply) -> wire_rest.TradesPage:
    try:
        return _PAGE.decode(reply.body).result
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc


def parse_trades(reply: Reply) -> Decoded:
    rows, rejected = read_each(trades_page(reply).trades, _TRADE, check_trade)
    return _decoded(TRADES.name, trades(rows, constant(reply.received_us, len(rows))), rejected)


POLLS = (
    # New strikes are listed within the day.
    Poll(LIST, 900, request_instruments, parse_instruments, queue="metadata"),
    # So that a pause is known to be over, and one that closed the sockets to be one.
    Poll(STATUS, 60, request_status, parse_status),
    Poll(SUMMARY, 60, request_recorded_summaries, parse_summaries),
    # Some thousand calls of 500 credits: a minute and a half of what comes back.
    Poll(BOOK, 900, request_tickers, parse_ticker, about=UNRECORDED),
    Poll(CANDLE_POLL, 60, request_newest_candles, parse_candles, about=INSTRUMENTS),
    Poll("get_funding_rate_history", 3600, request_funding_rates, parse_funding_rates),
    Poll("get_index_price", 60, request_index_prices, parse_index_price),
    Poll(DELIVERY_POLL, 3600, _request_delivery_prices, parse_delivery_prices),
    Poll(SETTLEMENT_POLL, 3600, request_settlements, parse_settlements, follow=follow_settlements, max_pages=SETTLEMENT_PAGES),
    # Not scheduled: the backfill walks its pages (history.py).
    Poll(TRADES_POLL, None, _request_newest_trades, parse_trades, about=INSTRUMENTS, queue="backfill"),
)
