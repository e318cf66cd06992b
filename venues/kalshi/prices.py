"""Prices of the instant, over REST: the recorded markets a hundred at a time, and whole books. Must not know HTTP.

A bid of 0 and an ask of a whole dollar stand for none. A reply without a time of its own is as old as its arrival.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from core.records import BOOK_CLAIMS, BOOK_SNAPSHOTS, PRICES, TICKERS, Columns
from core.venue import Decoded, Reply, Request
from venues.decoding import UNREADABLE, checked_text, constant, floats, optional_floats
from venues.errors import BadReply
from venues.kalshi import wire, wire_rest
from venues.kalshi.books import book_levels, spread, yes_prices
from venues.kalshi.replies import in_parts, request, rows_of
from venues.replies import bad_reply, read_each

MARKETS = "markets"
_QUOTED = msgspec.json.Decoder(wire_rest.Quoted, strict=False)


def request_markets(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request(MARKETS, "/markets", {"tickers": ",".join(part), "limit": 1000}) for part in in_parts(symbols)]


def parse_markets(reply: Reply) -> Decoded:
    """Prices, and what the venue computes; the volume is that of 24 hours."""
    rows, rejected = read_each(rows_of(reply, "markets"), _QUOTED, lambda row: checked_text(row.ticker))
    bids = [row.yes_bid_dollars or None for row in rows]
    asks = [row.yes_ask_dollars if row.yes_ask_dollars and row.yes_ask_dollars < 1 else None for row in rows]
    prices = {
        **_now([row.ticker for row in rows], reply),
        "bid_price": optional_floats(bids),
        "bid_quantity": optional_floats([row.yes_bid_size_fp if bid else None for row, bid in zip(rows, bids, strict=True)]),
        "ask_price": optional_floats(asks),
        "ask_quantity": optional_floats([row.yes_ask_size_fp if ask else None for row, ask in zip(rows, asks, strict=True)]),
        "last_price": optional_floats([row.last_price_dollars or None for row in rows]),
    }
    computed = {
        "open_interest": optional_floats([row.open_interest_fp for row in rows]),
        "volume": optional_floats([row.volume_24h_fp for row in rows]),
    }
    return Decoded(rows={PRICES.name: prices, TICKERS.name: {**prices, **computed}} if rows else {}, rejected=rejected)


def _now(symbols: list[str], reply: Reply) -> dict[str, Any]:
    times = constant(reply.received_us, len(symbols))
    return {"symbol": symbols, "event_at": times, "received_at": times}


# --- books ----------------------------------------------------------------------------------------------------------------

BOOKS, SNAPSHOTS, ONE_BOOK = "orderbooks", "orderbook_snapshots", "orderbook"
_BULK_TOKENS = 20
_TICKER_BOOK = msgspec.json.Decoder(wire_rest.TickerBook, strict=False)
_ONE_BOOK = msgspec.json.Decoder(wire_rest.OneBook, strict=False)
_WHOSE = "ticker"


def request_books(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    """For who has a login: a hundred books a request."""
    return [_bulk(BOOKS, part) for part in in_parts(symbols)]


def request_snapshots(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [_bulk(SNAPSHOTS, part) for part in in_parts(symbols)]


def _bulk(poll: str, part: Sequence[str]) -> Request:
    """The parameter is repeated, which a mapping cannot say."""
    return request(poll, "/markets/orderbooks?" + urlencode([("tickers", ticker) for ticker in part]), weight=_BULK_TOKENS)


def request_each_book(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    """Without a login, one by one; the reply does not say whose book it is."""
    return [request(ONE_BOOK, f"/markets/{{{_WHOSE}}}/orderbook", {_WHOSE: ticker}) for ticker in symbols]


def parse_books(reply: Reply) -> Decoded:
    """The tops: prices, and the word of a witness."""
    rows, rejected = read_each(rows_of(reply, "orderbooks"), _TICKER_BOOK, lambda row: checked_text(row.ticker))
    return Decoded(rows=_tops([row.orderbook_fp.book(row.ticker) for row in rows], reply), rejected=rejected)


def parse_snapshots(reply: Reply) -> Decoded:
    rows, rejected = read_each(rows_of(reply, "orderbooks"), _TICKER_BOOK, lambda row: checked_text(row.ticker))
    return Decoded(rows=_levels([row.orderbook_fp.book(row.ticker) for row in rows], reply), rejected=rejected)


def parse_one_book(reply: Reply) -> Decoded:
    ticker = reply.params.get(_WHOSE)
    try:
        found = _ONE_BOOK.decode(reply.body)
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    if not isinstance(ticker, str) or not ticker:
        raise BadReply(f"{reply.poll}: the request names no market, and the reply does not either")
    book = found.orderbook_fp.book(checked_text(ticker))
    tops = _tops([book], reply)
    return Decoded(rows={PRICES.name: tops[PRICES.name], **_levels([book], reply)})


def _tops(books: list[wire.Book], reply: Reply) -> dict[str, Columns]:
    """Documents differ about the order of levels, so the best is looked for. The best bid for NO is the best ask for YES."""
    if not books:
        return {}
    bids, nays = (
        [max(levels, key=lambda level: level.price, default=None) for levels in side]
        for side in ([book.yes_dollars_fp for book in books], [book.no_dollars_fp for book in books])
    )
    asks = [None if level is None else float(yes_prices(level.price)) for level in nays]
    head = _now([book.market_ticker for book in books], reply)
    prices = {
        **head,
        "bid_price": optional_floats([None if level is None else level.price for level in bids]),
        "bid_quantity": optional_floats([None if level is None else level.count for level in bids]),
        "ask_price": optional_floats(asks),
        "ask_quantity": optional_floats([None if level is None else level.count for level in nays]),
    }
    claims = {
        **head,
        "frame": constant(0, len(books)),
        "bid_price": floats([0.0 if level is None else level.price for level in bids]),
        "ask_price": floats([ask or 0.0 for ask in asks]),
    }
    return {PRICES.name: prices, BOOK_CLAIMS: claims}


def _levels(books: list[wire.Book], reply: Reply) -> dict[str, Columns]:
    """Whole books, which have no number of the venue's here."""
    levels = book_levels(books, yes_price=False)
    if not len(levels["at"]):
        return {}
    head = {**_now([book.market_ticker for book in books], reply), "update_id": constant(0, len(books))}
    return {BOOK_SNAPSHOTS.name: spread(head, levels)}
