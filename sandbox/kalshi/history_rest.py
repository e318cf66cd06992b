"""REST answers about the past: trades from the ledger, candles, and the archive that takes over behind a moving cut-off."""

from typing import Any

from sandbox.kalshi import wire
from sandbox.kalshi.candles import Candle, Range, mean
from sandbox.kalshi.descriptions import Descriptions
from sandbox.kalshi.grids import DOLLARS, contracts
from sandbox.kalshi.listings import Listing
from sandbox.kalshi.markets_rest import Markets
from sandbox.kalshi.queries import BadQuery, NotFound, Query, cursor_text
from sandbox.kalshi.times import rfc3339
from sandbox.kalshi.venue import Kalshi

INTERVALS = (1, 60, 1440)
MARKETS, MOST_CANDLES = 100, 10_000
FOREVER_US = 4_102_444_800_000_000


class History:
    def __init__(self, venue: Kalshi, markets: Markets, descriptions: Descriptions) -> None:
        self._venue, self._markets, self._descriptions = venue, markets, descriptions

    # --- trades

    def trades(self, query: Query) -> dict[str, Any]:
        return self._page(query, self._descriptions.cutoff_us(), FOREVER_US)

    def old_trades(self, query: Query) -> dict[str, Any]:
        return self._page(query, 0, self._descriptions.cutoff_us() - 1)

    def _page(self, query: Query, oldest_us: int, newest_us: int) -> dict[str, Any]:
        """The newest first, over all markets or of one; a cursor names the last trade shown."""
        limit, before = query.limit(), query.cursor()
        oldest_us = max(oldest_us, query.number("min_ts", 0) * 1_000_000)
        newest_us = min(newest_us, query.number("max_ts", FOREVER_US // 1_000_000) * 1_000_000 + 999_999)
        rows = self._rows(query, before, oldest_us, newest_us, limit + 1)
        shown = rows[:limit]
        fault = self._venue.faults.first("endless_pages")
        cursor = cursor_text(int(shown[-1]["number"])) if len(rows) > limit else ""
        if fault and not cursor and before is not None:
            fault.take()
            cursor = cursor_text(before)  # the last page again and again
        listings = self._venue.universe.markets
        return {"trades": [wire.rest_trade(listings[row["symbol"]], row) for row in shown], "cursor": cursor}

    def _rows(self, query: Query, before: int | None, oldest_us: int, newest_us: int, count: int) -> list[Any]:
        ticker, block = query.text("ticker"), query.text("is_block_trade").lower()
        found: list[Any] = []
        symbol = self._venue.index.get(ticker, -1)
        for records in self._venue.tape.newest_first(before, newest_us):
            kept = records[records["created_us"] >= oldest_us]
            chosen = kept if not ticker else kept[kept["symbol"] == symbol]
            chosen = chosen if not block else chosen[(chosen["flags"] > 0) == (block == "true")]
            found += list(chosen[::-1][: count - len(found)])
            if len(found) >= count or len(kept) < len(records):
                break
        return found

    # --- candles

    def candlesticks(self, query: Query) -> dict[str, Any]:
        row = self._known(query.names["ticker"])
        if row.series != query.names["series"]:
            raise NotFound(query.names["series"])
        return {"ticker": row.name, "candlesticks": self._candles(row, query, "_dollars", "_fp")}

    def many_candlesticks(self, query: Query) -> dict[str, Any]:
        names = query.listed("market_tickers")
        if not 1 <= len(names) <= MARKETS:
            raise BadQuery(f"market_tickers: 1 to {MARKETS}")
        rows = [row for row in map(self._venue.known, names) if row is not None]
        found = [{"market_ticker": row.name, "candlesticks": self._candles(row, query, "_dollars", "_fp")} for row in rows]
        if sum(len(one["candlesticks"]) for one in found) > MOST_CANDLES:
            raise BadQuery(f"more than {MOST_CANDLES} candlesticks")
        return {"markets": found}

    def old_candlesticks(self, query: Query) -> dict[str, Any]:
        """Of archived markets, under names without a suffix."""
        row = self._known(query.names["ticker"])
        if not self._descriptions.archived(row):
            raise NotFound(row.name)
        return {"ticker": row.name, "candlesticks": self._candles(row, query, "", "")}

    def _candles(self, row: Listing, query: Query, dollars: str, counts: str) -> list[dict[str, Any]]:
        minutes = query.number("period_interval")
        if minutes not in INTERVALS:
            raise BadQuery("period_interval: 1, 60 or 1440")
        span = query.number("start_ts"), query.number("end_ts")
        rows = self._venue.candles.rows(self._venue.index[row.name], *span, minutes)
        return [_candle(end, candle, previous, dollars, counts) for end, candle, previous in rows]

    def _known(self, name: str) -> Listing:
        row = self._venue.known(name)
        if row is None:
            raise NotFound(name)
        return row

    # --- the archive

    def cutoff(self, query: Query) -> dict[str, Any]:
        text = rfc3339(self._descriptions.cutoff_us())
        names = ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts")
        return dict.fromkeys(names, text)

    def old_markets(self, query: Query) -> dict[str, Any]:
        return self._markets.page(query, [row for row in self._venue.universe.markets if self._descriptions.archived(row)])

    def old_market(self, query: Query) -> dict[str, Any]:
        row = self._known(query.names["ticker"])
        if not self._descriptions.archived(row):
            raise NotFound(row.name)
        return {"market": self._descriptions.market(row)}


def _candle(end: int, candle: Candle, previous: int, dollars: str, counts: str) -> dict[str, Any]:
    price = _range(candle.price, dollars) | {f"mean{dollars}": DOLLARS[mean(candle)] if candle.volume else None}
    price[f"previous{dollars}"] = None if previous < 0 else DOLLARS[previous]
    volumes = {f"volume{counts}": contracts(candle.volume), f"open_interest{counts}": contracts(candle.open_interest)}
    return {"end_period_ts": end, "yes_bid": _range(candle.bid, dollars), "yes_ask": _range(candle.ask, dollars), "price": price, **volumes}


def _range(prices: Range, dollars: str) -> dict[str, Any]:
    """A price that did not occur is null."""
    return {f"{name}{dollars}": DOLLARS[getattr(prices, name)] if prices.open >= 0 else None for name in ("open", "low", "high", "close")}
