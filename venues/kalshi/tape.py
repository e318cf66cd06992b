"""Trades over REST: the whole exchange by one walk, newest first. Must not know HTTP."""

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

TRADES_POLL, OLD_TRADES = "trades", "historical_trades"
_PAGE = 1000
_TOKENS = 20
#: Overlaps the rounds before it, so that one missed loses nothing.
_SPAN_S = 180
_FILL = msgspec.json.Decoder(wire_rest.Fill, strict=False)


def request_trades(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request(TRADES_POLL, "/markets/trades", {"min_ts": now_us // 1_000_000 - _SPAN_S, "limit": _PAGE}, weight=_TOKENS)]


def request_old_trades(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    """Of the archive, which takes over after some months."""
    return [request(OLD_TRADES, "/historical/trades", {"limit": _PAGE}, weight=_TOKENS)]


follow_trades = follow(TRADES_POLL, "/markets/trades", weight=_TOKENS)
follow_old_trades = follow(OLD_TRADES, "/historical/trades", weight=_TOKENS)


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
