"""Reading the past again: trades by number, candles by time. Must not know HTTP."""

from dataclasses import replace

import msgspec

from core.history import History, Page
from core.records import CANDLES, TRADES
from core.venue import Reply, Request
from venues.decoding import LAST_MS, UNREADABLE, Id, Milliseconds
from venues.deribit.replies import request
from venues.deribit.rest import CANDLE_POLL, TRADES_POLL, chart, request_candles, request_trades, trades_page
from venues.replies import bad_reply

#: www gives an empty page, and no error, for what is older (documents of the methods by time); the archive has it all.
_TRADES_REACH_SECONDS = 24 * 3600
_MINUTE_MS = 60_000
#: Minutes asked for at once: what a reply holds at most is not documented.
_CANDLES = 1000


class _Trade(msgspec.Struct, gc=False):
    trade_seq: Id
    timestamp: Milliseconds


_TRADE = msgspec.json.Decoder(_Trade)


def read_trades(reply: Reply) -> Page:
    """Ascending. An empty page ends it, whatever it says of more."""
    page = trades_page(reply)
    try:
        rows = [_TRADE.decode(raw) for raw in page.trades]
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    first, last = int(reply.params.get("start_seq", 0)), int(reply.params.get("end_seq", 2**63))
    numbers = [row.trade_seq for row in rows]
    if rows and not first <= min(numbers) <= max(numbers) <= last:
        raise bad_reply(reply, f"numbers {min(numbers)} to {max(numbers)}, asked for {first} to {last}")
    newest = max(rows, key=lambda row: row.trade_seq, default=None)
    reached = first if newest is None else newest.trade_seq + 1
    return Page(len(rows), reached, None if newest is None else newest.timestamp * 1000, not (rows and page.has_more))


def request_first(symbol: str, from_us: int) -> Request:
    """A page of trades too, so it is told under the name of that poll."""
    span = {"start_timestamp": -(-from_us // 1000), "end_timestamp": LAST_MS}
    found = request("get_last_trades_by_instrument_and_time", {"instrument_name": symbol, **span, "count": 1, "sorting": "asc"})
    return replace(found, poll=TRADES_POLL)


def request_minutes(symbol: str, first: int, last: int | None) -> Request:
    start_ms = first // 1000
    end_ms = start_ms + _CANDLES * _MINUTE_MS - 1
    return request_candles(symbol, start_ms, end_ms if last is None else min(end_ms, last // 1000))


def read_candles(reply: Reply) -> Page:
    """All that opens within the span; the venue may begin with the interval that was running at its start."""
    start_ms, end_ms = int(reply.params["start_timestamp"]), int(reply.params["end_timestamp"])
    ticks = [tick for tick in chart(reply).ticks if isinstance(tick, int) and start_ms <= tick <= end_ms]
    return Page(len(ticks), (end_ms + 1) * 1000, max(ticks) * 1000 if ticks else None, ended=False)


HISTORIES = {
    "trades": History(
        TRADES_POLL,
        TRADES.name,
        request_trades,
        read_trades,
        numbered=True,
        locate=request_first,
        reach_seconds=_TRADES_REACH_SECONDS,
        archived=True,
    ),
    CANDLE_POLL: History(CANDLE_POLL, CANDLES.name, request_minutes, read_candles),
}
