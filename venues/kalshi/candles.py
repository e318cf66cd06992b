"""Candles of one minute: of the recorded markets a hundred at a time, and of one market of the archive. Must not know HTTP."""

from collections.abc import Sequence
from typing import Any

import msgspec

from core.records import CANDLES
from core.venue import Decoded, Rejected, Reply, Request
from venues.decoding import UNREADABLE, booleans, checked_text, constant, floats, integers
from venues.kalshi import wire_rest
from venues.kalshi.replies import in_parts, request, rows_of
from venues.replies import bad_reply, read_each

POLL, OLD = "candlesticks", "historical_candlesticks"
#: poll: path, and how markets are named
_ADDRESSES = {POLL: ("/markets/candlesticks", "market_tickers"), OLD: ("/historical/markets/{ticker}/candlesticks", "ticker")}
MINUTE_S = 60
#: The running interval, and two before it so that one missed poll loses nothing.
_INTERVALS = 3
#: A reply is some while older than its arrival, and two clocks differ: only then is an interval surely over.
_SETTLED_US = 2_000_000
#: Of an old market at once; it may have traded for years.
_OLD_SPAN_S = 7 * 86_400
_CANDLES = msgspec.json.Decoder(wire_rest.MarketCandles)
_CANDLE = msgspec.json.Decoder(wire_rest.Candle, strict=False)
_OHLC = ("open", "high", "low", "close")


def request_candles(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    end = now_us // 1_000_000 + MINUTE_S
    return [request_span(POLL, ",".join(part), end - _INTERVALS * MINUTE_S, end) for part in in_parts(symbols)]


def request_old_candles(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    end = now_us // 1_000_000
    return [request_span(OLD, ticker, end - _OLD_SPAN_S, end) for ticker in symbols]


def request_span(poll: str, tickers: str, start: int, end: int) -> Request:
    """Intervals that end between two seconds since 1970: of markets, or of one market of the archive."""
    path, name = _ADDRESSES[poll]
    return request(poll, path, {name: tickers, "start_ts": start, "end_ts": end, "period_interval": 1})


def parse_candles(reply: Reply) -> Decoded:
    """Rejected are counted over all candles of the reply."""
    rows: list[tuple[str, wire_rest.Candle]] = []
    rejected: list[Rejected] = []
    place = 0
    for raw in rows_of(reply, "markets"):
        ticker, candles = _of_market(reply, raw)
        read, broken = read_each(candles, _CANDLE, lambda row: None)
        rows += [(ticker, candle) for candle in read]
        rejected += [Rejected(place + one.frame, one.reason) for one in broken]
        place += len(candles)
    return _decoded(rows, rejected, reply)


def parse_old_candles(reply: Reply) -> Decoded:
    ticker, candles = _of_market(reply, reply.body)
    read, rejected = read_each(candles, _CANDLE, lambda row: None)
    return _decoded([(ticker, candle) for candle in read], rejected, reply)


def _of_market(reply: Reply, raw: bytes | msgspec.Raw) -> tuple[str, list[msgspec.Raw]]:
    try:
        found = _CANDLES.decode(raw)
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    ticker = found.market_ticker or found.ticker
    if not ticker:
        raise bad_reply(reply, "candles of no market")
    return checked_text(ticker), found.candlesticks


def _decoded(rows: Sequence[tuple[str, wire_rest.Candle]], rejected: Sequence[Rejected], reply: Reply) -> Decoded:
    """An interval in which nothing traded has no prices, and is left out."""
    priced = [(ticker, candle, prices) for ticker, candle in rows if (prices := _prices(candle)) is not None]
    n, still = len(priced), len(rows) - len(priced)
    columns: dict[str, Any] = {
        "symbol": [ticker for ticker, _, _ in priced],
        "event_at": integers([(candle.end_period_ts - MINUTE_S) * 1_000_000 for _, candle, _ in priced]),
        "received_at": constant(reply.received_us, n),
        "interval_seconds": constant(MINUTE_S, n),
        **{name: floats([prices[place] for _, _, prices in priced]) for place, name in enumerate(_OHLC)},
        "volume": floats([(candle.volume if candle.volume_fp is None else candle.volume_fp) or 0.0 for _, candle, _ in priced]),
        "closed": booleans([reply.received_us > candle.end_period_ts * 1_000_000 + _SETTLED_US for _, candle, _ in priced], n),
    }
    return Decoded(rows={CANDLES.name: columns} if n else {}, rejected=rejected, ignored={"nothing traded": still} if still else {})


def _prices(candle: wire_rest.Candle) -> tuple[float, ...] | None:
    """Open, high, low and close, under either name."""
    found = [getattr(candle.price, f"{name}_dollars") for name in _OHLC]
    if None in found:
        found = [getattr(candle.price, name) for name in _OHLC]
    return None if None in found else tuple(found)
