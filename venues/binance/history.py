"""Walking the pages of aggregate trades over a hole in the ids: which page comes next, and when to stop. Must not know HTTP."""

import msgspec

from core.venue import Reply, Request
from venues.binance.rest import AGG_TRADES_ROWS, request_agg_trades
from venues.decoding import UNREADABLE, Id
from venues.replies import bad_reply


class _Page(msgspec.Struct, gc=False):
    a: Id


_PAGE = msgspec.json.Decoder(list[_Page], strict=False)


class AggTradesWalk:
    """Pages of `symbol` from `first_id` to `last_id`, both included: `next_request(None)`, then with each reply, until None.

    `reached` says afterwards whether the walk came to the end of the hole or of what the venue has; if not, it met its bound,
    and what it brought is partial. Raises BadReply when a page is none, or does not go on from where it was asked to.
    """

    def __init__(self, symbol: str, first_id: int, last_id: int) -> None:
        self.reached = False
        self._symbol = symbol
        self._from_id = first_id
        self._last_id = last_id
        # Ids rise by one, so full pages carry a thousand each; twice that and one serves a venue with holes and short pages.
        self._pages_left = 2 * -(-(last_id - first_id + 1) // AGG_TRADES_ROWS) + 1

    def next_request(self, previous: Reply | None) -> Request | None:
        if previous is not None:
            self._advance(previous)
        if self.reached or self._pages_left <= 0:
            return None
        self._pages_left -= 1
        return request_agg_trades(self._symbol, self._from_id)

    def _advance(self, reply: Reply) -> None:
        try:
            ids = [row.a for row in _PAGE.decode(reply.body)]
        except UNREADABLE as exc:
            raise bad_reply(reply, exc) from exc
        if not ids:
            self.reached = True
            return
        if min(ids) < self._from_id:
            raise bad_reply(reply, f"ids begin at {min(ids)}, asked from {self._from_id}")
        self._from_id = max(ids) + 1
        self.reached = self._from_id > self._last_id
