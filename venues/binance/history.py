"""Reading the past again: aggregate trades by id, candles by time. Must not know HTTP."""

import msgspec

from core.history import History, Page
from core.records import CANDLES, TRADES
from core.venue import Reply, Request
from venues.binance.rest import AGG_TRADES_ROWS, INTERVAL_SECONDS, KLINES, request_agg_trades, request_klines_between
from venues.decoding import UNREADABLE, Id, Milliseconds
from venues.replies import bad_reply

#: Older is refused with -4166.
_AGG_TRADES_REACH_SECONDS = 48 * 3600


class _AggTrade(msgspec.Struct, gc=False):
    a: Id
    T: Milliseconds


class _Kline(msgspec.Struct, gc=False, array_like=True):
    opens: Milliseconds


_AGG_TRADES = msgspec.json.Decoder(list[_AggTrade], strict=False)
_KLINES = msgspec.json.Decoder(list[_Kline], strict=False)


def request_ids(symbol: str, first: int, last: int | None) -> Request:
    """No more rows than are wanted: those behind the hole are there already, and would be written in vain."""
    return request_agg_trades(symbol, first, AGG_TRADES_ROWS if last is None else min(AGG_TRADES_ROWS, last - first + 1))


def read_ids(reply: Reply) -> Page:
    try:
        rows = _AGG_TRADES.decode(reply.body)
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    asked = int(reply.params.get("fromId", 0))
    if rows and min(row.a for row in rows) < asked:
        raise bad_reply(reply, f"ids begin at {min(row.a for row in rows)}, asked from {asked}")
    last = max(rows, key=lambda row: row.a, default=None)
    ended = len(rows) < int(reply.params["limit"])
    return Page(len(rows), asked if last is None else last.a + 1, None if last is None else last.T * 1000, ended)


def request_first(symbol: str, from_us: int) -> Request:
    return request_agg_trades(symbol, limit=1, start_ms=-(-from_us // 1000))


def read_klines(reply: Reply) -> Page:
    """Ascending from the start time; before its listing an instrument has none, and the first ones come instead."""
    try:
        opened = [row.opens for row in _KLINES.decode(reply.body)]
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    asked = int(reply.params["startTime"])
    if opened and (opened[0] < asked or opened != sorted(opened)):
        raise bad_reply(reply, f"candles begin at {opened[0]}, asked from {asked}, or are out of order")
    reached = (opened[-1] + INTERVAL_SECONDS * 1000 if opened else asked) * 1000
    return Page(len(opened), reached, opened[-1] * 1000 if opened else None, len(opened) < int(reply.params["limit"]))


HISTORIES = {
    "aggTrade": History(
        "aggTrades",
        TRADES.name,
        request_ids,
        read_ids,
        numbered=True,
        locate=request_first,
        reach_seconds=_AGG_TRADES_REACH_SECONDS,
    ),
    KLINES: History(KLINES, CANDLES.name, request_klines_between, read_klines),
}
