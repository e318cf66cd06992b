"""Reading the past again, by time: trades of a market, newest first behind cursors, and its candles. Must not know HTTP.

What is older than some three months stands in an archive under paths of its own. No reply tells where the line is, so the archive is asked
for by name.
"""

from collections.abc import Callable

from core.history import History, Page
from core.records import CANDLES, TRADES
from core.venue import Decoded, Reply, Request
from venues.kalshi import candles, tape
from venues.replies import bad_reply

_SECOND_US = 1_000_000
_DAY_S = 86_400
#: Live endpoints hold about as much.
_REACH_SECONDS = 92.0 * _DAY_S
#: Asked for at once, of 10,000 that a reply may hold.
_MINUTES = 5_000


# --- trades ---------------------------------------------------------------------------------------------------------------


def _request_trades(poll: str) -> Callable[[str, int, int | None], Request]:
    def request(symbol: str, first: int, last: int | None) -> Request:
        """A day, and a second more at both ends: whether a bound is within what it bounds is not documented."""
        start = first // _SECOND_US - 1
        end = start + _DAY_S if last is None else min(start + _DAY_S, last // _SECOND_US + 1)
        return tape.request_span(poll, symbol, start, end)

    return request


def _read_trades(follow: Callable[[Reply], Request | None]) -> Callable[[Reply], Page]:
    def read(reply: Reply) -> Page:
        """The newest come first, so all is told where the cursors end. Counted are rows that are surely within what was asked for."""
        start, end = int(reply.params["min_ts"]), int(reply.params["max_ts"])
        decoded = tape.parse_trades(reply)
        events = _events(decoded, TRADES.name)
        rows = sum((start + 2) * _SECOND_US <= us < (end - 1) * _SECOND_US for us in events) + len(decoded.rejected)
        after = follow(reply) if events or decoded.rejected else None
        if after is not None and after.params["cursor"] == reply.params.get("cursor"):
            raise bad_reply(reply, "the cursor is the one before it again")
        reached = (end if after is None else start + 1) * _SECOND_US
        return Page(rows, reached, max(events, default=None), ended=False, follow=after)

    return read


# --- candles --------------------------------------------------------------------------------------------------------------


def _request_candles(poll: str) -> Callable[[str, int, int | None], Request]:
    def request(symbol: str, first: int, last: int | None) -> Request:
        """An interval is called by its end."""
        start = -(-first // _SECOND_US) + candles.MINUTE_S
        end = start + (_MINUTES - 1) * candles.MINUTE_S
        return candles.request_span(poll, symbol, start, end if last is None else min(end, last // _SECOND_US + candles.MINUTE_S))

    return request


def _read_candles(parse: Callable[[Reply], Decoded]) -> Callable[[Reply], Page]:
    def read(reply: Reply) -> Page:
        """All of the span, and perhaps the interval that was running at its start."""
        first, last = (int(reply.params[name]) - candles.MINUTE_S for name in ("start_ts", "end_ts"))
        decoded = parse(reply)
        events = [us for us in _events(decoded, CANDLES.name) if first * _SECOND_US <= us <= last * _SECOND_US]
        return Page(len(events) + len(decoded.rejected), (last + 1) * _SECOND_US, max(events, default=None), ended=False)

    return read


def _events(decoded: Decoded, kind: str) -> list[int]:
    return decoded.rows[kind]["event_at"].tolist() if kind in decoded.rows else []


#: Of the channel what lives, and of the archive what its polls are called.
HISTORIES = {
    "trade": History(
        tape.OF_MARKET,
        TRADES.name,
        _request_trades(tape.OF_MARKET),
        _read_trades(tape.follow_market),
        reach_seconds=_REACH_SECONDS,
        whole=True,
    ),
    candles.POLL: History(
        candles.POLL, CANDLES.name, _request_candles(candles.POLL), _read_candles(candles.parse_candles), reach_seconds=_REACH_SECONDS
    ),
    tape.OLD_TRADES: History(tape.OLD_TRADES, TRADES.name, _request_trades(tape.OLD_TRADES), _read_trades(tape.follow_old_trades)),
    candles.OLD: History(candles.OLD, CANDLES.name, _request_candles(candles.OLD), _read_candles(candles.parse_old_candles)),
}
