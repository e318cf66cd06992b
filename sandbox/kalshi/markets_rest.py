"""REST answers about markets, events, series and books as they are now."""

from collections.abc import Callable
from typing import Any

from sandbox.kalshi import wire
from sandbox.kalshi.descriptions import Descriptions
from sandbox.kalshi.lifecycle import GONE
from sandbox.kalshi.listings import Listing
from sandbox.kalshi.queries import BadQuery, NotFound, Query, cursor_text
from sandbox.kalshi.times import rfc3339
from sandbox.kalshi.venue import Kalshi

BOOKS = 100
#: word of a query -> statuses of answers
STATUSES = {
    "unopened": ("initialized",),
    "open": ("active",),
    "paused": ("inactive",),
    "closed": ("closed", "determined", "disputed", "amended"),
    "settled": ("finalized",),
}
TIMES = {"created_ts": "created_us", "close_ts": "close_us", "settled_ts": "settled_us", "updated_ts": "updated_us"}


class Markets:
    def __init__(self, venue: Kalshi, descriptions: Descriptions) -> None:
        self._venue, self._descriptions = venue, descriptions

    def _market(self, listing: Listing) -> dict[str, Any]:
        return self._descriptions.market(listing)

    # --- markets

    def markets(self, query: Query) -> dict[str, Any]:
        return self.page(query, [row for row in self._venue.universe.markets if not self._descriptions.archived(row)])

    def page(self, query: Query, rows: list[Listing]) -> dict[str, Any]:
        """The newest first. A cursor names the last market shown, so that what is listed meanwhile shifts nothing."""
        chosen = [row for row in rows if row.status != GONE and all(test(row) for test in self._tests(query))]
        chosen.sort(key=lambda row: (row.created_us, row.name), reverse=True)
        last, limit = query.cursor(), query.limit()
        if last is not None:
            chosen = [row for row in chosen if (row.created_us, row.name) < tuple(last)]
        shown = chosen[:limit]
        fault = self._venue.faults.first("shifted_page") if last is not None else None
        if fault and shown:
            fault.take()
            shown = [row for row in self._venue.universe.markets if row.name == last[1]] + shown
        more = len(chosen) > limit or (bool(chosen) and self._venue.faults.first("endless_pages") is not None)
        cursor = cursor_text([shown[-1].created_us, shown[-1].name]) if more else ""
        return {"markets": [self._market(row) for row in shown], "cursor": cursor}

    def _tests(self, query: Query) -> list[Callable[[Listing], bool]]:
        tests: list[Callable[[Listing], bool]] = []
        status = query.text("status")
        if status:
            if status not in STATUSES:
                raise BadQuery(f"status: one of {', '.join(STATUSES)}")
            tests.append(lambda row: row.status in STATUSES[status])
        for name, field in (("event_ticker", "event"), ("series_ticker", "series")):
            named = query.text(name)
            if named:
                tests.append(lambda row, named=named, field=field: getattr(row, field) == named)  # type: ignore[misc]
        tickers = query.listed("tickers")
        if tickers:
            tests.append(lambda row: row.name in tickers)
        combos = query.text("mve_filter")
        if combos:
            tests.append(lambda row: row.combo == (combos == "only"))
        for name, field in TIMES.items():
            for word, sign in (("min", 1), ("max", -1)):
                if f"{word}_{name}" in query.values:
                    bound = query.number(f"{word}_{name}") * 1_000_000
                    tests.append(lambda row, bound=bound, field=field, sign=sign: (getattr(row, field) - bound) * sign >= 0)  # type: ignore[misc]
        return tests

    def _known(self, name: str, *, hydrated: bool = True) -> Listing:
        row = self._venue.known(name)
        if row is None or (hydrated and not self._venue.lifecycle.hydrated(row, self._venue.clock.now_us())):
            raise NotFound(name)
        return row

    def market(self, query: Query) -> dict[str, Any]:
        row = self._known(query.names["ticker"])
        if self._descriptions.archived(row):
            raise NotFound(row.name)
        return {"market": self._market(row)}

    # --- books

    def orderbook(self, query: Query) -> dict[str, Any]:
        return self._book(self._known(query.names["ticker"]), query.number("depth", 0))

    def orderbooks(self, query: Query) -> dict[str, Any]:
        names = query.listed("tickers")
        if not 1 <= len(names) <= BOOKS:
            raise BadQuery(f"tickers: 1 to {BOOKS}")
        rows = [row for row in map(self._venue.known, names) if row is not None]
        return {"orderbooks": [{"ticker": row.name, **self._book(row, 0)} for row in rows]}

    def _book(self, row: Listing, depth: int) -> dict[str, Any]:
        """Bids of both sides in prices of their own, the best last."""
        symbol, sides = self._venue.index[row.name], {}
        for name, side in (("yes_dollars", 1), ("no_dollars", -1)):
            levels = self._venue.market.levels(symbol, side)
            sides[name] = wire.levels(levels[-depth:] if depth > 0 else levels, flip=side < 0)
        return {"orderbook_fp": sides}

    # --- events and series

    def events(self, query: Query) -> dict[str, Any]:
        return self._events(query, combos=False)

    def combos(self, query: Query) -> dict[str, Any]:
        return self._events(query, combos=True)

    def _events(self, query: Query, *, combos: bool) -> dict[str, Any]:
        rows = [row for row in self._venue.universe.events.values() if row.ticker.startswith("KXMVE") == combos]
        wanted, series, tickers = query.text("status"), query.text("series_ticker"), query.listed("tickers")
        if wanted:
            statuses = STATUSES.get(wanted, ())
            alive = {row.event for row in self._venue.universe.markets if row.status in statuses}
            rows = [row for row in rows if row.ticker in alive]
        rows = [row for row in rows if (not series or row.series == series) and (not tickers or row.ticker in tickers)]
        rows.sort(key=lambda row: row.ticker)
        last, limit = query.cursor(), query.limit(200, 200)
        rows = [row for row in rows if last is None or row.ticker > last]
        nested = query.flag("with_nested_markets")
        cursor = cursor_text(rows[limit - 1].ticker) if len(rows) > limit else ""
        return {"events": [self._descriptions.event(row, nested=nested) for row in rows[:limit]], "cursor": cursor}

    def event(self, query: Query) -> dict[str, Any]:
        row = self._venue.universe.events.get(query.names["event"])
        if row is None:
            raise NotFound(query.names["event"])
        markets = self._descriptions.markets_of(row)
        nested = query.flag("with_nested_markets")
        return {"event": self._descriptions.event(row, nested=nested), "markets": [] if nested else markets}

    def all_series(self, query: Query) -> dict[str, Any]:
        wanted = query.text("category")
        rows = [row for row in self._venue.universe.series.values() if wanted in ("", row.category)]
        return {"series": [self._descriptions.series(row) for row in rows]}

    def one_series(self, query: Query) -> dict[str, Any]:
        row = self._venue.universe.series.get(query.names["series"])
        if row is None:
            raise NotFound(query.names["series"])
        return {"series": self._descriptions.series(row)}

    def fee_changes(self, query: Query) -> dict[str, Any]:
        """Of series: one that was scheduled long ago, shown when history is asked for."""
        old = {"id": "series-fee-1", "series_ticker": "KXINX", "fee_type": "quadratic", "fee_multiplier": 0.5}
        rows = [old | {"scheduled_ts": "2026-01-05T05:00:00Z"}] if query.flag("show_historical") else []
        return {"series_fee_change_arr": [row for row in rows if query.text("series_ticker") in ("", row["series_ticker"])]}

    def event_fee_changes(self, query: Query) -> dict[str, Any]:
        rows = self._venue.commands.fee_changes[::-1]
        first, limit = query.cursor() or 0, query.limit()
        shown = [{name: value for name, value in row.items() if name != "scheduled_us"} for row in rows[first : first + limit]]
        times = [{"scheduled_ts": rfc3339(row["scheduled_us"])} for row in rows[first : first + limit]]
        cursor = cursor_text(first + limit) if len(rows) > first + limit else ""
        return {"event_fee_changes": [row | time for row, time in zip(shown, times, strict=True)], "cursor": cursor}
