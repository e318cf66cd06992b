"""Walking the pages of trades over a hole in `trade_seq`: which page comes next, and when to stop. Must not know HTTP."""

import msgspec

from core.venue import Reply, Request
from venues.decoding import UNREADABLE, Id
from venues.deribit.rest import TRADES_ROWS, request_trades, trades_page
from venues.replies import bad_reply


class _Numbered(msgspec.Struct, gc=False):
    trade_seq: Id


_NUMBERED = msgspec.json.Decoder(_Numbered)


class TradesWalk:
    """Pages of `symbol` from `first_seq` to `last_seq`, both included: `next_request(None)`, then with each reply, until None.

    `reached` says afterwards whether the walk came to the end of the hole or of what the venue has; if not, it met its bound,
    and what it brought is partial. Raises BadReply when a page is none, or does not go on from where it was asked to.
    The same requests are understood by history.deribit.com, which also has what expired long ago.
    """

    def __init__(self, symbol: str, first_seq: int, last_seq: int) -> None:
        self.reached = False
        self._symbol = symbol
        self._next_seq = first_seq
        self._last_seq = last_seq
        # Numbers rise by one, so full pages carry a thousand each; twice that and one serves a venue with holes and short pages.
        self._pages_left = 2 * -(-(last_seq - first_seq + 1) // TRADES_ROWS) + 1

    def next_request(self, previous: Reply | None) -> Request | None:
        if previous is not None:
            self._advance(previous)
        if self.reached or self._pages_left <= 0:
            return None
        self._pages_left -= 1
        return request_trades(self._symbol, self._next_seq, self._asked_to())

    def _asked_to(self) -> int:
        return min(self._last_seq, self._next_seq + TRADES_ROWS - 1)

    def _advance(self, reply: Reply) -> None:
        page = trades_page(reply)
        try:
            numbers = [_NUMBERED.decode(raw).trade_seq for raw in page.trades]
        except UNREADABLE as exc:
            raise bad_reply(reply, exc) from exc
        if numbers and not self._next_seq <= min(numbers) <= max(numbers) <= self._last_seq:
            raise bad_reply(reply, f"numbers {min(numbers)} to {max(numbers)}, asked for {self._next_seq} to {self._last_seq}")
        # A page is asked for a thousand numbers at most: those that are not in it, and not in a next one, are not to be had.
        self._next_seq = (max(numbers) if numbers and page.has_more else self._asked_to()) + 1
        self.reached = self._next_seq > self._last_seq
