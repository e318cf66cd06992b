"""Polymarket REST reads: which requests a poll makes and what a reply means. Must not know HTTP, clocks or budgets.

A broken row is rejected by its place and its neighbours stand; a reply of the wrong shape is a BadReply.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from core.records import BOOK_CLAIMS, BOOK_SNAPSHOTS, PRICES, TRADES
from core.venue import INSTRUMENTS, MARKETS, UNKNOWN, UNRESOLVED, Decoded, Poll, Rejected, Reply, Request
from venues.decoding import UNREADABLE, checked_text, constant, floats, integers, optional_floats, reason_of
from venues.errors import Unreadable
from venues.polymarket import wire
from venues.polymarket.books import state_rows
from venues.polymarket.hosts import CLOB_BOOKS, DATA_TRADES, GAMMA_EVENTS, GAMMA_MARKETS, PAGE, chosen, request
from venues.polymarket.identity import print_number
from venues.polymarket.listings import markets_of, page, parse_events, parse_markets
from venues.polymarket.resolutions import POLL as RESOLUTIONS_POLL
from venues.polymarket.resolutions import parse_resolutions, request_resolutions
from venues.polymarket.texts import microseconds_of
from venues.replies import bad_reply, read_rows

# --- metadata -------------------------------------------------------------------------------------------------------------

#: The largest first: what a cap cuts off is what hardly anyone trades.
MAX_MARKETS, MAX_EVENTS = 10_000, 5_000
_EVENTS_PER_PAGE = 50
_OPEN: dict[str, str | int] = {"closed": "false", "order": "volumeNum", "ascending": "false", "limit": PAGE}
_LAST_CLOSED: dict[str, str | int] = {"closed": "true", "order": "closedTime", "ascending": "false", "limit": PAGE}
#: What closed longer ago has been seen by an earlier round, or waits to be asked about by name.
_CLOSED_SINCE_US = 2 * 86_400_000_000
_TOKENS_PER_REQUEST = 20
_CLOSED = msgspec.json.Decoder(wire.GammaMarket, strict=False)


def request_markets(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    """Closed markets are hidden unless they are asked for."""
    return [request("markets", GAMMA_MARKETS, params) for params in (_OPEN, _LAST_CLOSED)]


def follow_markets(reply: Reply) -> Request | None:
    cursor = page(reply).next_cursor
    if not cursor or (reply.params.get("closed") == "true" and _long_closed(reply)):
        return None
    return request("markets", GAMMA_MARKETS, {**reply.params, "after_cursor": cursor})


def _long_closed(reply: Reply) -> bool:
    """Whether the page ends with a market that closed before the span looked at; True when it cannot be told."""
    last = markets_of(reply)[-1:]
    try:
        closed_us = microseconds_of(_CLOSED.decode(last[0]).closedTime) if last else None
    except UNREADABLE:
        closed_us = None
    return closed_us is None or closed_us < reply.received_us - _CLOSED_SINCE_US


def request_events(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    params: dict[str, str | int] = {"closed": "false", "order": "volume", "ascending": "false", "limit": _EVENTS_PER_PAGE}
    return [request("events", GAMMA_EVENTS, params, max_bytes=32 << 20)]


def follow_events(reply: Reply) -> Request | None:
    cursor = page(reply).next_cursor
    return request("events", GAMMA_EVENTS, {**reply.params, "after_cursor": cursor}, max_bytes=32 << 20) if cursor else None


def request_by_token(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    """Tokens that frames have named and no list yet."""
    parts = [symbols[i : i + _TOKENS_PER_REQUEST] for i in range(0, len(symbols), _TOKENS_PER_REQUEST)]
    return [chosen("markets_by_token", "clob_token_ids", part, closed=closed) for part in parts for closed in (False, True)]


# --- books ----------------------------------------------------------------------------------------------------------------

BOOKS_POLL, PRICES_POLL = "books", "prices"
BOOKS_PER_REQUEST = 500


def _request_books(poll: str, symbols: Sequence[str]) -> Sequence[Request]:
    parts = [symbols[i : i + BOOKS_PER_REQUEST] for i in range(0, len(symbols), BOOKS_PER_REQUEST)]
    return [request(poll, CLOB_BOOKS, body=[{"token_id": token} for token in part]) for part in parts]


def request_books(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return _request_books(BOOKS_POLL, symbols)


def request_prices(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return _request_books(PRICES_POLL, symbols)


def _books(reply: Reply) -> tuple[list[wire.RestBook], list[Rejected]]:
    return read_rows(reply, wire.RestBook, lambda book: checked_text(book.asset_id))


def _tops(books: Sequence[wire.RestBook]) -> tuple[list[wire.Level | None], list[wire.Level | None]]:
    """Best bids and best asks, wherever they stand in their lists."""
    bids = [max(book.bids, key=lambda level: level.price, default=None) for book in books]
    return bids, [min(book.asks, key=lambda level: level.price, default=None) for book in books]


def parse_books(reply: Reply) -> Decoded:
    """Whole books, and their tops as claims: what the stream should know by then. Tokens without a book are absent from the reply."""
    books, rejected = _books(reply)
    if not books:
        return Decoded(rejected=rejected)
    rows = state_rows(books, np.arange(len(books)), constant(reply.received_us, len(books)))
    snapshots = {name: column for name, column in rows[BOOK_SNAPSHOTS.name].items() if name != "frame"}
    bids, asks = _tops(books)
    claims = {
        "symbol": [book.asset_id for book in books],
        "event_at": integers([book.timestamp for book in books]) * 1000,
        "received_at": constant(reply.received_us, len(books)),
        "bid_price": floats([bid.price if bid else 0.0 for bid in bids]),
        "ask_price": floats([ask.price if ask else 0.0 for ask in asks]),
    }
    return Decoded(rows={BOOK_SNAPSHOTS.name: snapshots, BOOK_CLAIMS: claims}, rejected=rejected)


def parse_prices(reply: Reply) -> Decoded:
    """The tops as they stood when the reply came: a book's own time is that of its last change, which may be hours ago."""
    books, rejected = _books(reply)
    if not books:
        return Decoded(rejected=rejected)
    bids, asks = _tops(books)
    columns = {
        "symbol": [book.asset_id for book in books],
        "event_at": constant(reply.received_us, len(books)),
        "received_at": constant(reply.received_us, len(books)),
        "bid_price": optional_floats([bid.price if bid else None for bid in bids]),
        "bid_quantity": optional_floats([bid.size if bid else None for bid in bids]),
        "ask_price": optional_floats([ask.price if ask else None for ask in asks]),
        "ask_quantity": optional_floats([ask.size if ask else None for ask in asks]),
        "last_price": optional_floats([book.last_trade_price or None for book in books]),
    }
    return Decoded(rows={PRICES.name: columns}, rejected=rejected)


# --- trades ---------------------------------------------------------------------------------------------------------------

TRADES_POLL = "trades"
TRADES_PER_PAGE = 1000
_TRADES = msgspec.json.Decoder(wire.DataPage)
_TRADE = msgspec.json.Decoder(wire.DataTrade, strict=False)


def trades_page(reply: Reply) -> tuple[list[wire.DataTrade], list[Rejected], str | None]:
    """(trades, newest first; what could not be read; cursor of the next page)"""
    try:
        found = _TRADES.decode(reply.body)
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    rows, rejected = [], []
    for i, raw in enumerate(found.data):
        try:
            row = _TRADE.decode(raw)
            checked_text(row.token_id)
            checked_text(row.transaction_hash)
            rows.append(row)
        except (Unreadable, *UNREADABLE) as exc:
            rejected.append(Rejected(i, reason_of(exc)))
    return rows, rejected, found.pagination.next_cursor if found.pagination.has_more else None


def parse_trades(reply: Reply) -> Decoded:
    """Numbered like the prints of the stream, but at the time of the block: a copy shares `trade_id` and not `event_at`."""
    rows, rejected, _ = trades_page(reply)
    if not rows:
        return Decoded(rejected=rejected)
    columns = {
        "symbol": [row.token_id for row in rows],
        "event_at": integers([row.timestamp for row in rows]) * 1_000_000,
        "received_at": constant(reply.received_us, len(rows)),
        "trade_id": integers(
            [print_number(row.transaction_hash, row.token_id, row.side, row.size, row.price, otherwise=str(row.timestamp)) for row in rows]
        ),
        "price": floats([row.price for row in rows]),
        "quantity": floats([row.size for row in rows]),
        "side": np.fromiter((1 if row.side == "BUY" else -1 for row in rows), np.int16, len(rows)),
        "venue_trade_id": [row.transaction_hash or None for row in rows],
    }
    return Decoded(rows={TRADES.name: columns}, rejected=rejected)


def request_trades(condition: str = "", cursor: str = "") -> Request:
    """Newest first; all markets without a condition. The cursor fixes the size of the pages."""
    params: dict[str, str | int] = {"limit": TRADES_PER_PAGE, "taker_only": "true"}
    params |= {name: value for name, value in (("condition", condition), ("cursor", cursor)) if value}
    return request(TRADES_POLL, DATA_TRADES, params)


def _request_newest_trades(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request_trades()]


POLLS = (
    Poll("markets", 600, request_markets, parse_markets, queue="metadata", follow=follow_markets, max_pages=MAX_MARKETS // PAGE),
    Poll("events", 3600, request_events, parse_events, queue="metadata", follow=follow_events, max_pages=MAX_EVENTS // _EVENTS_PER_PAGE),
    Poll("markets_by_token", 60, request_by_token, parse_markets, about=UNKNOWN),
    Poll(BOOKS_POLL, 300, request_books, parse_books, about=MARKETS),
    Poll(PRICES_POLL, 60, request_prices, parse_prices, about=INSTRUMENTS),
    Poll(RESOLUTIONS_POLL, 300, request_resolutions, parse_resolutions, about=UNRESOLVED),
    # Not scheduled: the backfill walks its pages by condition (history.py).
    Poll(TRADES_POLL, None, _request_newest_trades, parse_trades, queue="backfill"),
)
