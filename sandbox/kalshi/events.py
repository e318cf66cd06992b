"""What happens in the books becomes records and messages: changes, trades, a ticker for every market that moved, and whole books."""

from typing import TYPE_CHECKING

import numpy as np

from sandbox.emission import NONE, SKIPPED
from sandbox.kalshi import wire
from sandbox.kalshi.books import NO, YES, Change, Fill
from sandbox.kalshi.grids import CONTRACT, DOLLAR
from sandbox.kalshi.market import dollars
from sandbox.kalshi.records import CHANGE, LEVEL, TICKER, TRADE
from sandbox.kalshi.subscriptions import ORDERBOOK, Subscription
from sandbox.kalshi.subscriptions import TICKER as TICKER_CHANNEL
from sandbox.kalshi.subscriptions import TRADE as TRADE_CHANNEL

if TYPE_CHECKING:
    from sandbox.kalshi.venue import Kalshi

BLOCK_SHARE = 0.01
BLOCK_TRADE = 2


class Events:
    def __init__(self, venue: "Kalshi") -> None:
        self._venue = venue
        self._tickers = 0  # number of the last one
        self._told: dict[int, int] = {}  # market -> time of its last ticker that somebody got

    def run(self, count: int, now_us: int) -> None:
        """So many things happen at once; those of one market in their order."""
        venue = self._venue
        forced = {name: venue.troubles.forced(venue.feeds[name]) for name in (ORDERBOOK, TRADE_CHANNEL)}
        twice = [symbol for symbol in forced.values() if symbol is not None] * 2
        changes, venue.scripts = [(s, change) for s, sides in venue.scripts for change in venue.market.become(s, sides)], []
        fills: list[tuple[int, Fill]] = []
        for symbol in sorted(venue.market.draw(count) + twice):
            changed, filled = venue.market.step(symbol)
            changes += [(symbol, change) for change in changed]
            fills += [(symbol, fill) for fill in filled]
        if (swapped := forced[TRADE_CHANNEL]) is not None:
            fills += self._traded_twice(swapped, changes)
        if changes:
            self._change(changes, forced[ORDERBOOK], now_us)
        if fills:
            self._trade(fills, forced[TRADE_CHANNEL], now_us)
        moved = sorted({symbol for symbol, _ in changes})
        self._candles(moved, now_us)
        self._tell_tickers(moved, now_us)

    def _traded_twice(self, symbol: int, changes: list[tuple[int, Change]]) -> list[tuple[int, Fill]]:
        """Two trades of one market, so that they can change places."""
        found: list[tuple[int, Fill]] = []
        book = self._venue.market.book(symbol)
        while len(found) < 2:
            changed, filled = book.step()
            changes += [(symbol, change) for change in changed]
            found += [(symbol, fill) for fill in filled]
        return found

    def _change(self, rows: list[tuple[int, Change]], forced: int | None, now_us: int) -> None:
        venue = self._venue
        venue.market.changes += len(rows)
        rows = [row for row in rows if venue.feeds[ORDERBOOK].targets.wanted[row[0]]]
        if not rows:
            return
        batch = np.zeros(len(rows), CHANGE)
        batch["symbol"], changes = [symbol for symbol, _ in rows], [change for _, change in rows]
        prices = [venue.market.price(symbol, change.place) for symbol, change in rows]
        batch["update_id"] = venue.market.changes - len(rows) + 1 + np.arange(len(rows))
        batch["event_us"] = now_us - now_us % 1000
        batch["side"], batch["price"] = [change.side for change in changes], np.array(prices) / DOLLAR
        batch["change"] = np.array([change.change for change in changes]) / CONTRACT
        batch["quantity"] = np.array([change.quantity for change in changes]) / CONTRACT
        heads = [wire.head(venue.universe.markets[symbol]) for symbol, _ in rows]
        bodies = [wire.delta(head, change, price, now_us) for head, change, price in zip(heads, changes, prices, strict=True)]
        venue.emit("book_changes", ORDERBOOK, batch, lambda _: bodies, forced)

    def _trade(self, rows: list[tuple[int, Fill]], forced: int | None, now_us: int) -> None:
        venue, batch = self._venue, np.zeros(len(rows), TRADE)
        ids = [venue.market.trade_id() for _ in rows]
        fills = [fill for _, fill in rows]
        prices = [venue.market.price(symbol, fill.place) for symbol, fill in rows]
        batch["symbol"] = [symbol for symbol, _ in rows]
        batch["uuid_high"] = [int.from_bytes(one[:8], "big") for one in ids]
        batch["uuid_low"] = [int.from_bytes(one[8:], "big") for one in ids]
        batch["trade_id"] = (batch["uuid_high"] >> np.uint64(1)).astype(np.int64)
        batch["number"] = venue.market.number - len(rows) + 1 + np.arange(len(rows))
        batch["created_us"], batch["event_us"] = now_us, now_us - now_us % 1000
        batch["price"], batch["quantity"] = np.array(prices) / DOLLAR, np.array([fill.size for fill in fills]) / CONTRACT
        batch["buyer_maker"] = [fill.taker == NO for fill in fills]
        batch["flags"] = [BLOCK_TRADE * (venue.market.random.random() < BLOCK_SHARE) for _ in fills]
        batch["quantity_no_rpi"], batch["first_id"], batch["last_id"] = np.nan, -1, -1
        for (symbol, fill), price in zip(rows, prices, strict=True):
            venue.market.totals[symbol].add(price, fill.size)
            candle = venue.candles.at(symbol, now_us)
            candle.price.add(price)
            candle.volume, candle.cost = candle.volume + fill.size, candle.cost + fill.size * price
        listings = venue.universe.markets

        def bodies(batch: np.ndarray) -> list[tuple[bytes, bytes]]:
            return [(wire.stream_trade(listings[row["symbol"]], row),) * 2 for row in batch]

        venue.emit("trades", TRADE_CHANNEL, batch, bodies, forced)

    def _candles(self, moved: list[int], now_us: int) -> None:
        for symbol in moved:
            bid, _, ask, _ = self._venue.market.top(symbol)
            candle = self._venue.candles.at(symbol, now_us)
            candle.bid.add(bid)
            candle.ask.add(ask)
            candle.open_interest = self._venue.market.totals[symbol].open_interest

    # --- tickers

    def _tell_tickers(self, moved: list[int], now_us: int) -> None:
        venue = self._venue
        symbols = [symbol for symbol in moved if venue.feeds[TICKER_CHANNEL].targets.wanted[symbol]]
        if symbols:
            batch = self.tickers(symbols, now_us)
            venue.emit("tickers", TICKER_CHANNEL, batch, self._ticker_bodies, None)
            self._told |= {int(row["symbol"]): int(row["event_us"]) for row in batch if row["delivered"]}

    def _ticker_bodies(self, batch: np.ndarray) -> list[tuple[bytes, bytes]]:
        return [(wire.ticker(self._venue.universe.markets[row["symbol"]], row),) * 2 for row in batch]

    def tell_ticker(self, one: Subscription, symbol: int, now_us: int) -> None:
        """The ticker as it stands, for who asked for a beginning; one record for all who ask in the same millisecond."""
        batch = self.tickers([symbol], now_us)
        if self._told.get(symbol) != int(batch["event_us"][0]) and self._keep("tickers", one, batch, now_us):
            self._told[symbol] = int(batch["event_us"][0])
        [(body, _)] = self._ticker_bodies(batch)
        self._venue.feeds[TICKER_CHANNEL].tell(one, TICKER_CHANNEL, body, now_us // 1000)

    def tell_book(self, one: Subscription, symbol: int, now_us: int, command: int | None = None) -> None:
        """The book as it stands: one record a level."""
        venue, sides = self._venue, {side: self._venue.market.levels(symbol, side) for side in (YES, NO)}
        rows = [(side, price / DOLLAR, count / CONTRACT) for side, levels in sides.items() for price, count in levels]
        batch = np.zeros(len(rows), LEVEL)
        batch["symbol"], batch["update_id"], batch["event_us"] = symbol, one.seq + 1, now_us - now_us % 1000
        for place, name in enumerate(("side", "price", "quantity")):
            batch[name] = [row[place] for row in rows]
        self._keep("book_snapshots", one, batch, now_us)
        body = wire.snapshot(venue.universe.markets[symbol], sides[YES], sides[NO], yes_price=one.yes_price)
        venue.feeds[ORDERBOOK].tell(one, "orderbook_snapshot", body, now_us // 1000, command)

    def _keep(self, kind: str, one: Subscription, batch: np.ndarray, now_us: int) -> bool:
        """Records of what a single subscription is told; whether it gets it."""
        silenced = self._venue.troubles.silenced(one.channel, one.socket)
        batch["sent_us"], batch["delivered"], batch["fault"] = now_us, not silenced, SKIPPED if silenced else NONE
        self._venue.counts[kind].add(batch)
        self._venue.record(kind, batch)
        return not silenced

    def tickers(self, symbols: list[int], now_us: int) -> np.ndarray:
        market, batch = self._venue.market, np.zeros(len(symbols), TICKER)
        tops, totals = np.array([market.top(symbol) for symbol in symbols]), [market.totals[symbol] for symbol in symbols]
        batch["symbol"], batch["event_us"] = symbols, now_us - now_us % 1000
        batch["update_id"] = self._tickers + 1 + np.arange(len(symbols))
        self._tickers += len(symbols)
        batch["bid"], batch["ask"] = tops[:, 0] / DOLLAR, np.where(tops[:, 2] == DOLLAR, 0, tops[:, 2]) / DOLLAR
        batch["bid_quantity"], batch["ask_quantity"] = tops[:, 1] / CONTRACT, tops[:, 3] / CONTRACT
        batch["last_price"] = np.array([row.last_price for row in totals]) / DOLLAR
        for column, name in (("last_quantity", "last_count"), ("total_volume", "volume"), ("open_interest", "open_interest")):
            batch[column] = np.array([getattr(row, name) for row in totals]) / CONTRACT
        # half a dollar a contract, as in the frames of 2026-02 and 2026-07
        batch["dollar_volume"] = [dollars(row.volume, DOLLAR // 2) for row in totals]
        batch["dollar_open_interest"] = [dollars(row.open_interest, DOLLAR // 2) for row in totals]
        return batch
