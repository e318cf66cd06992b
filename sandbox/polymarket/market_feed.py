"""What one event of the order flow becomes: changes of the book, the book itself after a trade, prints a moment later."""

import hashlib
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox.polymarket import names, wire
from sandbox.polymarket.books import ASK, BID, MICRO, Book, exact_text, size_text
from sandbox.polymarket.feed import Frame
from sandbox.polymarket.flow import Change, Fill, Step
from sandbox.polymarket.hub import Route
from sandbox.polymarket.universe import UNIT, Market

if TYPE_CHECKING:
    from sandbox.polymarket.venue import Polymarket

PRINT_MS = (20, 250)  # a print comes later than the change of the book (228 ms in a recording of 2026-07-20)
CHAIN_SECONDS = 2  # a trade stands in a block, and in the Data API, so long after
WALLETS = 4_000
NOBODY = float("nan")


class Print(NamedTuple):
    due_ms: int
    market: Market
    fill: Fill
    transaction: bytes


class MarketFeed:
    def __init__(self, venue: "Polymarket") -> None:
        self._venue = venue
        self._prints: deque[Print] = deque()
        self._transactions = venue.sequence

    def happen(self, market: Market, step: Step, now_ms: int) -> None:
        venue = self._venue
        book = venue.flow.book(market, now_ms)
        book.events = book.events_at(now_ms) + 1
        if step.fills:
            market.last_trade = step.fills[-1].units
            market.volume += sum(fill.units / UNIT * fill.micro / MICRO for fill in step.fills)
        before = (book.top(0), book.top(1))
        told: list[wire.Told] = []
        rows: list[tuple[str, tuple[Any, ...]]] = []
        first = step.fills[0].token if step.fills else venue.flow.random.randrange(2)
        for change in step.changes:
            book.set(*change)
            book.stamp(market, now_ms)
            for token in (first, 1 - first):
                told.append(self._told(book, token, change))
                rows.append(("book_deltas", self._delta(market, told[-1], now_ms)))
        rows += [("quotes", self._quote(market, book, token, now_ms)) for token in (0, 1) if book.top(token) != before[token]]
        body = wire.price_change(market, told, now_ms)
        venue.feed.tell(Frame("price_change", market.number, market.tokens, body, venue.hub.route("price_change", market.number), rows))
        for token in (0, 1):
            self._tell_top(market, book, token, before[token], now_ms)
        if step.fills:
            self._tell_books(market, book)
            self._transactions += 1
            transaction = names.transaction(venue.config.seed, self._transactions)
            due_ms = now_ms + venue.flow.random.randint(*PRINT_MS)
            self._prints.extend(Print(due_ms, market, fill, transaction) for fill in step.fills)

    def _told(self, book: Book, token: int, change: Change) -> wire.Told:
        side, units = (change.side, change.units) if token == 0 else (-change.side, UNIT - change.units)
        bid, _, ask, _ = book.top(token)
        return wire.Told(token, side, units, book.size(change.side, change.units), book.hashes[token], bid, ask)

    def _delta(self, market: Market, told: wire.Told, now_ms: int) -> tuple[Any, ...]:
        symbol, number = 2 * market.number + told.token, names.number_of(told.hash)
        quantity = float(size_text(told.micro))
        return (symbol, now_ms * 1000, number, told.side, told.units / UNIT, quantity, told.bid / UNIT, told.ask / UNIT)

    def _quote(self, market: Market, book: Book, token: int, now_ms: int) -> tuple[Any, ...]:
        bid, bid_micro, ask, ask_micro = book.top(token)
        quantities = float(size_text(bid_micro)), float(size_text(ask_micro))
        number = names.number_of(book.hashes[token])
        ask_price = ask / UNIT if ask_micro else 0.0
        return (2 * market.number + token, now_ms * 1000, number, bid / UNIT, quantities[0], ask_price, quantities[1])

    def _tell_top(self, market: Market, book: Book, token: int, before: tuple[int, int, int, int], now_ms: int) -> None:
        bid, _, ask, _ = book.top(token)
        route = self._venue.hub.route("best_bid_ask", market.number, token)
        if route.live and (bid, ask) != (before[0], before[2]):
            body = wire.best_bid_ask(market, token, bid, ask, now_ms)
            self._venue.feed.tell(Frame("best_bid_ask", market.number, (market.tokens[token],), body, route))

    def _tell_books(self, market: Market, book: Book) -> None:
        """After a trade, to who listens to the token."""
        for token in (0, 1):
            route = self._venue.hub.route("book", market.number, token)
            if route.wanted:
                body = wire.book(market, token, book, greeting=False)
                frame = Frame("book", market.number, (market.tokens[token],), body, route, self.snapshot(market, book, token))
                self._venue.feed.tell(frame)

    def snapshot(self, market: Market, book: Book, token: int) -> list[tuple[str, tuple[Any, ...]]]:
        """The records of a whole book, one a level; of an empty one, nothing at a price of 0."""
        head = (2 * market.number + token, book.changed_ms * 1000, names.number_of(book.hashes[token]))
        bids, asks = book.levels(token)
        levels = [(BID, *level) for level in bids] + [(ASK, *level) for level in asks] or [(BID, 0, 0)]
        return [("book_snapshots", (*head, side, units / UNIT, float(size_text(micro)))) for side, units, micro in levels]

    def note_book(self, market: Market, book: Book, token: int) -> None:
        """REST is about to tell this state: on record once, as no socket may have been given it."""
        if book.noted[token] != book.hashes[token]:
            book.noted[token] = book.hashes[token]
            self._venue.feed.note(self.snapshot(market, book, token))

    def greeting(self, market: Market, token: int, now_ms: int) -> tuple[bytes, list[tuple[str, tuple[Any, ...]]]]:
        """The first book of a subscription, and its records."""
        book = self._venue.flow.book(market, now_ms)
        self._venue.feed.note([("quotes", self._quote(market, book, token, book.changed_ms))])
        return wire.book(market, token, book, greeting=True), self.snapshot(market, book, token)

    def prints(self, now_ms: int) -> None:
        """What was traded and is due to be printed."""
        waiting = len(self._prints)
        for _ in range(waiting):
            due = self._prints.popleft()
            if due.due_ms <= now_ms:
                self._print(due, now_ms)
            else:
                self._prints.append(due)

    def _print(self, due: Print, now_ms: int) -> None:
        venue, (_, market, fill, transaction) = self._venue, due
        symbol = 2 * market.number + fill.token
        body = wire.last_trade_price(market, fill, transaction, now_ms)
        venue.sequence += 1
        price, quantity = fill.units / UNIT, float(exact_text(fill.micro))
        identity = f"0x{transaction.hex()}:{market.tokens[fill.token]}:{wire.side_of(fill)}:{quantity:.15g}:{price:.15g}"
        values = (names.number_of(hashlib.sha256(identity.encode()).hexdigest()), venue.sequence, price, quantity)
        taker = names.wallet(venue.config.seed, venue.sequence % WALLETS)
        chain_s = now_ms // 1000 + CHAIN_SECONDS
        rest = (NOBODY, -1, -1, int(not fill.bought), transaction, taker, chain_s)
        rows: list[tuple[str, tuple[Any, ...]]] = [("trades", (symbol, now_ms * 1000, *values, *rest))]
        route: Route = venue.hub.route("last_trade_price", market.number, fill.token)
        venue.feed.tell(Frame("last_trade_price", market.number, (market.tokens[fill.token],), body, route, rows))
