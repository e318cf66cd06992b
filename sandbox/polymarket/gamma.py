"""Gamma: keyset walks over markets and events, single lookups, tags, search."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.polymarket.gamma_views import event_view, liquidity, market_view, volume
from sandbox.polymarket.lifecycle import shown
from sandbox.polymarket.queries import Query, invalid, not_found, opened, sealed
from sandbox.polymarket.universe import TAG_IDS, Market

if TYPE_CHECKING:
    from sandbox.polymarket.venue import Polymarket

MOST = 100  # a larger limit is cut without a word
SUNSET = {"deprecation": "true", "sunset": "Fri, 01 May 2026 00:00:00 GMT"}
Handler = Callable[[Query], Any]


class Gamma:
    def __init__(self, venue: "Polymarket") -> None:
        self._venue = venue
        #: path -> handler; the last part of a path in braces is put into the query under that name
        self.routes: dict[str, Handler] = {
            "/markets/keyset": self._market_keyset,
            "/events/keyset": self._event_keyset,
            "/markets": self._market_list,
            "/events": self._event_list,
            "/markets/slug/{slug}": self._one_market,
            "/markets/{id}": self._one_market,
            "/events/slug/{event_slug}": self._one_event,
            "/events/{id}": self._one_event,
            "/tags": lambda _: [{"id": str(number), "label": tag, "slug": tag.lower()} for tag, number in TAG_IDS.items()],
            "/sports": lambda _: [{"id": 1, "sport": "tennis", "tags": str(TAG_IDS["Sports"])}],
            "/series": lambda _: [],
            "/public-search": self._search,
        }

    # --- what a query chooses

    def _chosen(self, query: Query) -> list[Market]:
        """Closed ones are hidden unless they are asked for."""
        now_ms, markets = self._now_ms, self._venue.markets
        closed = query.flag("closed") or False
        tokens, conditions = query.many("clob_token_ids"), query.many("condition_ids")
        if max(len(tokens), len(conditions), len(query.many("question_ids"))) > MOST:
            raise invalid(f"at most {MOST} ids")
        if tokens:
            markets = [markets[place // 2] for token in tokens if (place := self._venue.index.get(token)) is not None]
        elif conditions:
            markets = [market for condition in conditions if (market := self._venue.conditions.get(condition))]
        found = {market.number: market for market in markets}.values()
        ids, slugs, questions = set(query.many("id")), set(query.many("slug")), set(query.many("question_ids"))
        tag, least_volume = query.text("tag_id"), query.number("volume_num_min", 0.0)
        least_liquidity = query.number("liquidity_num_min", 0.0)
        uma = query.text("uma_resolution_status")
        return [
            market
            for market in found
            if shown(market, "gamma", now_ms) == closed
            and (not ids or market.id in ids)
            and (not slugs or market.slug in slugs)
            and (not questions or market.question in questions)
            and (not tag or str(TAG_IDS[market.kind.tag]) == tag)
            and (not least_volume or volume(market) >= least_volume)
            and (not least_liquidity or liquidity(market) >= least_liquidity)
            and (not uma or (uma == "resolved") == closed)
        ]

    @property
    def _now_ms(self) -> int:
        return self._venue.clock.now_us() // 1000

    def _place(self, market: Market, order: str) -> float | str:
        match order:
            case "id":
                return market.number
            case "volumeNum" | "volume24hr":
                return round(volume(market) if order == "volumeNum" else market.volume, 6)
            case "liquidityNum":
                return liquidity(market)
            case "createdAt" | "startDate":
                return market.created_ms
            case "endDate":
                return market.end_ms
            case "closedTime":
                return market.closed_ms
            case "volume":
                return str(volume(market))  # text, and sorted as text
        raise invalid(f"order: {order[:50]!r} is no column to order by")

    def _page(self, query: Query, found: list[Any], place: Callable[[Any], tuple[Any, int]]) -> tuple[list[Any], str | None]:
        """Keyset: what stands behind the last of the page before, whatever came and went meanwhile."""
        if "offset" in query:
            raise invalid("offset is not supported: use after_cursor")
        limit, descending = query.whole("limit", 20, MOST), query.flag("ascending") is False
        ordered = sorted(found, key=place, reverse=descending)
        after = query.text("after_cursor")
        if after:
            last = tuple(opened(after, invalid))
            ordered = [one for one in ordered if (place(one) < last if descending else place(one) > last)]
        page = ordered[: max(limit, 1)]
        more = len(ordered) > len(page)
        if page and self._venue.faults.first("endless_pages", host="gamma"):
            return page, after or sealed(place(page[-1]))
        return page, sealed(place(page[-1])) if more else None

    # --- answers

    def _view(self, market: Market) -> dict[str, Any]:
        now_ms = self._now_ms
        book = self._venue.flow.book(market, now_ms) if market.trading else None
        return market_view(market, book, self._venue.config.seed, now_ms)

    def _market_keyset(self, query: Query) -> dict[str, Any]:
        order = query.text("order", "id")
        page, cursor = self._page(query, self._chosen(query), lambda market: (self._place(market, order), market.number))
        return {"markets": [self._view(market) for market in page]} | ({"next_cursor": cursor} if cursor else {})

    def _events(self, query: Query) -> list[list[Market]]:
        """An event is closed when all its markets are."""
        now_ms, closed = self._now_ms, query.flag("closed") or False
        tag, ids, slugs = query.text("tag_id"), set(query.many("id")), set(query.many("slug"))
        found = [
            markets
            for markets in self._venue.events.values()
            if (not ids or markets[0].event_id in ids)
            and (not slugs or f"{markets[0].family}-{markets[0].event}" in slugs)
            and (not tag or str(TAG_IDS[markets[0].kind.tag]) == tag)
        ]
        return [markets for markets in found if all(shown(market, "gamma", now_ms) for market in markets) == closed]

    def _event(self, markets: list[Market]) -> dict[str, Any]:
        now_ms = self._now_ms
        books = [(market, self._venue.flow.book(market, now_ms) if market.trading else None) for market in markets]
        return event_view(books, self._venue.config.seed, now_ms)

    def _event_keyset(self, query: Query) -> dict[str, Any]:
        by_volume = query.text("order", "id") == "volume"

        def place(markets: list[Market]) -> tuple[float, int]:
            return (round(sum(map(volume, markets)), 6) if by_volume else 0.0, markets[0].event)

        page, cursor = self._page(query, self._events(query), place)
        return {"events": [self._event(markets) for markets in page]} | ({"next_cursor": cursor} if cursor else {})

    def _market_list(self, query: Query) -> list[dict[str, Any]]:
        """The list of before May 2026."""
        offset, limit = query.whole("offset", 0, 1_000_000), query.whole("limit", 20, MOST)
        return [self._view(market) for market in self._chosen(query)[offset : offset + limit]]

    def _event_list(self, query: Query) -> list[dict[str, Any]]:
        offset, limit = query.whole("offset", 0, 1_000_000), query.whole("limit", 20, MOST)
        return [self._event(markets) for markets in self._events(query)[offset : offset + limit]]

    def _one_market(self, query: Query) -> dict[str, Any]:
        wanted = query.text("id"), query.text("slug")
        for market in self._venue.markets:
            if market.id == wanted[0] or market.slug == wanted[1]:
                return self._view(market)
        raise not_found()

    def _one_event(self, query: Query) -> dict[str, Any]:
        for markets in self._venue.events.values():
            first = markets[0]
            if first.event_id == query.text("id") or f"{first.family}-{first.event}" == query.text("event_slug"):
                return self._event(markets)
        raise not_found()

    def _search(self, query: Query) -> dict[str, Any]:
        words = query.text("q").lower()
        if not words:
            raise invalid("q is required")
        found = [markets for markets in self._venue.events.values() if words in markets[0].event_title.lower()][:20]
        return {"events": [self._event(markets) for markets in found], "tags": [], "profiles": []}
