"""Binance USD-M REST reads: which requests a poll makes and what a reply means. Must not know HTTP, clocks or budgets.

Weights are the fact sheet's of 2026-11; the venue's own count comes back in a header and core.http follows that.
A broken row is rejected by its place in the reply and its neighbours stand; a reply of the wrong shape is a BadReply.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from core.records import CANDLES, FUNDING_RATES, OPEN_INTEREST, TICKERS, TRADES, Columns
from core.venue import INSTRUMENTS, Decoded, Poll, Rejected, Reply, Request
from venues.binance import wire
from venues.binance.instruments import parse_exchange_info, request_exchange_info
from venues.binance.stream import trades
from venues.decoding import (
    FIRST_MS,
    LAST_MS,
    UNREADABLE,
    booleans,
    checked_text,
    constant,
    floats,
    integers,
    microseconds,
    optional_floats,
    optional_microseconds,
)
from venues.errors import BadFrame, BadReply, Unreadable
from venues.replies import asked_symbol, bad_reply, read_rows

_HOUR_MS = 3_600_000


def _decoded(kind: str, columns: Columns, rejected: Sequence[Rejected], coin_m: int = 0) -> Decoded:
    rows = {kind: columns} if len(columns["event_at"]) else {}
    return Decoded(rows=rows, rejected=rejected, ignored={"coin_m": coin_m} if coin_m else {})


def _without_coin_m(rows: Sequence[Any]) -> tuple[list[Any], int]:
    kept = [row for row in rows if row.st != wire.COIN_M]
    return kept, len(rows) - len(kept)


def _checked_symbol(row: Any) -> None:
    checked_text(row.symbol)


def _maybe_floats(values: Sequence[Any]) -> Any:
    return optional_floats([None if value == "" else value for value in values])


# --- klines -----------------------------------------------------------------------------------------------------------------

KLINES = "klines"
_INTERVAL, INTERVAL_SECONDS = "1m", 60
#: The running interval, and two before it so that one missed poll loses nothing.
_INTERVALS = 3
#: A reply is some while older than its arrival, and two clocks differ: only then is an interval surely over.
_SETTLED_US = 2_000_000


def request_klines(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    def request(symbol: str) -> Request:
        return Request(KLINES, "/fapi/v1/klines", {"symbol": symbol, "interval": _INTERVAL, "limit": _INTERVALS}, max_bytes=1 << 20)

    return [request(symbol) for symbol in symbols]


#: The most that still weighs 2: more rows for the weight than any other size.
_KLINES_ROWS = 499


def request_klines_between(symbol: str, first_us: int, last_us: int | None) -> Request:
    """One page, ascending, of the intervals that open within the span."""
    params: dict[str, str | int] = {"symbol": symbol, "interval": _INTERVAL, "startTime": -(-first_us // 1000), "limit": _KLINES_ROWS}
    if last_us is not None:
        params["endTime"] = last_us // 1000
    return Request(KLINES, "/fapi/v1/klines", params, weight=2, max_bytes=1 << 20)


def parse_klines(reply: Reply) -> Decoded:
    if reply.params.get("interval", _INTERVAL) != _INTERVAL:
        raise BadReply(f"klines: interval {reply.params['interval']!r} is not the one we ask for")
    symbol = asked_symbol(reply)
    rows, rejected = read_rows(reply, wire.Kline, _check_kline)
    n = len(rows)
    columns = {
        "symbol": [symbol] * n,
        "event_at": microseconds([row.openTime for row in rows]),
        "received_at": constant(reply.received_us, n),
        "interval_seconds": constant(INTERVAL_SECONDS, n),
        "open": floats([row.open for row in rows]),
        "high": floats([row.high for row in rows]),
        "low": floats([row.low for row in rows]),
        "close": floats([row.close for row in rows]),
        "volume": floats([row.volume for row in rows]),
        "quote_volume": floats([row.quoteVolume for row in rows]),
        "trades": integers([row.trades for row in rows]),
        "taker_buy_volume": floats([row.takerBase for row in rows]),
        "taker_buy_quote_volume": floats([row.takerQuote for row in rows]),
        "closed": booleans([reply.received_us > row.closeTime * 1000 + _SETTLED_US for row in rows], n),
    }
    return _decoded(CANDLES.name, columns, rejected)


def _check_kline(row: wire.Kline) -> None:
    if not row.openTime < row.closeTime:
        raise BadFrame("the interval closes before it opens")


# --- funding ----------------------------------------------------------------------------------------------------------------

#: The venue's most. One request covers one hour's funding, that is at most every instrument once (924 on 2026-10-07).
_FUNDING_ROWS = 1000
#: Funding times jitter by some ms around the hour.
_JITTER_MS = 60_000


def request_funding_rates(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    """This hour and the one before, a request each: replies are cut at 1000 rows, the newest first to go."""
    hour = now_us // 1000 // _HOUR_MS * _HOUR_MS - _JITTER_MS
    windows = [{"startTime": start, "endTime": start + _HOUR_MS - 1, "limit": _FUNDING_ROWS} for start in (hour - _HOUR_MS, hour)]
    return [Request("fundingRate", "/fapi/v1/fundingRate", window, weight=0, max_bytes=4 << 20) for window in windows]


def parse_funding_rates(reply: Reply) -> Decoded:
    rows, rejected = read_rows(reply, wire.FundingRate, _checked_symbol)
    rows, coin_m = _without_coin_m(rows)
    columns = {
        "symbol": [row.symbol for row in rows],
        "event_at": microseconds([row.fundingTime for row in rows]),
        "received_at": constant(reply.received_us, len(rows)),
        "funding_rate": floats([row.fundingRate for row in rows]),
        "mark_price": _maybe_floats([row.markPrice for row in rows]),
    }
    return _decoded(FUNDING_RATES.name, columns, rejected, coin_m)


# --- premium index ----------------------------------------------------------------------------------------------------------


def request_premium_index(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [Request("premiumIndex", "/fapi/v1/premiumIndex", weight=10, max_bytes=8 << 20)]


def parse_premium_index(reply: Reply) -> Decoded:
    rows, rejected = read_rows(reply, wire.PremiumIndex, _check_premium_index)
    rows, coin_m = _without_coin_m(rows)
    columns = {
        "symbol": [row.symbol for row in rows],
        "event_at": microseconds([row.time for row in rows]),
        "received_at": constant(reply.received_us, len(rows)),
        "mark_price": _maybe_floats([row.markPrice for row in rows]),
        "index_price": _maybe_floats([row.indexPrice for row in rows]),
        "settlement_price": _maybe_floats([row.estimatedSettlePrice for row in rows]),
        "funding_rate": _maybe_floats([row.lastFundingRate for row in rows]),
        "interest_rate": _maybe_floats([row.interestRate for row in rows]),
        "next_funding_at": optional_microseconds([row.nextFundingTime or None for row in rows]),
    }
    return _decoded(TICKERS.name, columns, rejected, coin_m)


def _check_premium_index(row: wire.PremiumIndex) -> None:
    _checked_symbol(row)
    if row.nextFundingTime and not FIRST_MS <= row.nextFundingTime <= LAST_MS:
        raise BadFrame("nextFundingTime outside 2009..2100")


# --- open interest ----------------------------------------------------------------------------------------------------------

_OPEN_INTEREST = msgspec.json.Decoder(wire.OpenInterest, strict=False)


def request_open_interest(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [Request("openInterest", "/fapi/v1/openInterest", {"symbol": symbol}, weight=1, max_bytes=1 << 16) for symbol in symbols]


def parse_open_interest(reply: Reply) -> Decoded:
    try:
        row = _OPEN_INTEREST.decode(reply.body)
        checked_text(row.symbol)
    except (Unreadable, *UNREADABLE) as exc:
        raise bad_reply(reply, exc) from exc
    columns = {
        "symbol": [row.symbol],
        "event_at": microseconds([row.time]),
        "received_at": constant(reply.received_us, 1),
        "open_interest": floats([row.openInterest]),
    }
    return _decoded(OPEN_INTEREST.name, columns, [])


# --- aggregate trades -------------------------------------------------------------------------------------------------------

AGG_TRADES_ROWS = 1000


def request_agg_trades(symbol: str, from_id: int | None = None, limit: int = AGG_TRADES_ROWS, *, start_ms: int | None = None) -> Request:
    """One page, ascending from an id or from a time (the two are not to be combined), or the newest."""
    params: dict[str, str | int] = {"symbol": symbol, "limit": limit}
    if from_id is not None:
        params["fromId"] = from_id
    if start_ms is not None:
        params["startTime"] = start_ms
    return Request("aggTrades", "/fapi/v1/aggTrades", params, weight=20, max_bytes=4 << 20)


def _request_newest(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request_agg_trades(symbol) for symbol in symbols]


def parse_agg_trades(reply: Reply) -> Decoded:
    symbol = asked_symbol(reply)
    rows, rejected = read_rows(reply, wire.AggTradeRow, lambda row: None)
    return _decoded(TRADES.name, trades(rows, constant(reply.received_us, len(rows)), [symbol] * len(rows)), rejected)


POLLS = (
    Poll("exchangeInfo", 3600, request_exchange_info, parse_exchange_info, queue="metadata"),
    Poll(KLINES, 60, request_klines, parse_klines, about=INSTRUMENTS),
    Poll("fundingRate", 3600, request_funding_rates, parse_funding_rates),
    Poll("premiumIndex", 60, request_premium_index, parse_premium_index),
    Poll("openInterest", 300, request_open_interest, parse_open_interest, about=INSTRUMENTS),
    # Not scheduled: the backfill walks its pages (history.py).
    Poll("aggTrades", None, _request_newest, parse_agg_trades, about=INSTRUMENTS, queue="backfill"),
)
