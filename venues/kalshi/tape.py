"""Trades over REST, newest first: of the whole exchange by one walk, and of one market between two times. Must not know HTTP."""

from collections.abc import Sequence

import msgspec

from core.records import TRADES
from core.venue import Decoded, Reply, Request
from venues.decoding import checked_text, constant, integers
from venues.errors import BadFrame
from venues.kalshi import wire_rest
from venues.kalshi.frames import trade_columns
from venues.kalshi.replies import follow, microseconds, request, rows_of
from venues.replies import read_each

#: of the whole exchange, of one market, and of one market in the archive that takes over after some months
TRADES_POLL, OF_MARKET, OLD_TRADES = "trades", "market_trades", "historical_trades"
_PATHS = {TRADES_POLL: "/markets/trades", OF_MARKET: "/markets/trades", OLD_TRADES: "/historical/trades"}
_PAGE = 1000
_TOKENS = 20
#: Overlaps the rounds before it, so that one missed loses nothing.
_SPAN_S = 180
#: Of one market, where nobody says which time is meant.
_OLD_SPAN_S = 86_400
_FILL = msgspec.json.Decoder(wire_rest.Fill, strict=False)


def request_trades(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    params = {"min_ts": now_us // 1_000_000 - _SPAN_S, "limit": _PAGE}
    return [request(TRADES_POLL, _PATHS[TRADES_POLL], params, weight=_TOKENS)]


def request_of_market(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return _of_markets(OF_MARKET, symbols, now_us)


def request_old_trades(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return _of_markets(OLD_TRADES, symbols, now_us)


def _of_markets(poll: str, symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    end = now_us // 1_000_000
    return [request_span(poll, symbol, end - _OLD_SPAN_S, end) for symbol in symbols]


def request_span(poll: str, symbol: str, start: int, end: int) -> Request:
    """Between two seconds since 1970; of the whole exchange without a symbol."""
    market = {"ticker": symbol} if symbol else {}
    return request(poll, _PATHS[poll], {**market, "min_ts": start, "max_ts": end, "limit": _PAGE}, weight=_TOKENS)


follow_trades, follow_market, follow_old_trades = (
    follow(poll, _PATHS[poll], weight=_TOKENS) for poll in (TRADES_POLL, OF_MARKET, OLD_TRADES)
)


def parse_trades(reply: Reply) -> Decoded:
    """The stream has milliseconds and a page microseconds: cut to the same, both copies of a trade are one row."""
    rows, rejected = read_each(rows_of(reply, "trades"), _FILL, _check)
    head = {
        "symbol": [row.ticker for row in rows],
        "event_at": integers([microseconds(row.created_time) or 0 for row in rows]) // 1000 * 1000,
        "received_at": constant(reply.received_us, len(rows)),
    }
    return Decoded(rows={TRADES.name: trade_columns(head, rows)} if rows else {}, rejected=rejected)


def _check(row: wire_rest.Fill) -> None:
    checked_text(row.ticker)
    if microseconds(row.created_time) is None:
        raise BadFrame(f"a trade at {row.created_time.isoformat()}")
