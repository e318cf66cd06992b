"""Walking the pages of a market's trades back to a moment: which page comes next, and when to stop. Must not know HTTP."""

from core.venue import Reply, Request
from venues.polymarket.rest import request_trades, trades_page
from venues.replies import bad_reply

_SECOND_US = 1_000_000


class TradesWalk:
    """Pages of `condition`, newest first, back to `since_us`: `next_request(None)`, then with each reply, until None.

    `reached` says afterwards whether the walk came to that moment or to the first trade; if not, it met its bound, and what it
    brought is partial. Raises BadReply when a page is none, or is the one before it again.
    """

    def __init__(self, condition: str, since_us: int, *, max_pages: int = 500) -> None:
        self.reached = False
        self._condition, self._since_us = condition, since_us
        self._pages_left = max_pages
        self._cursor = ""

    def next_request(self, previous: Reply | None) -> Request | None:
        if previous is not None:
            self._advance(previous)
        if self.reached or self._pages_left <= 0:
            return None
        self._pages_left -= 1
        return request_trades(self._condition, self._cursor)

    def _advance(self, reply: Reply) -> None:
        rows, _, cursor = trades_page(reply)
        if cursor is not None and cursor == self._cursor:
            raise bad_reply(reply, "the cursor is the one before it again")
        self._cursor = cursor or ""
        # A block's time is in whole seconds: one that ends within the first second may hold earlier trades.
        before = bool(rows) and rows[-1].timestamp * _SECOND_US < self._since_us - _SECOND_US
        self.reached = before or cursor is None
