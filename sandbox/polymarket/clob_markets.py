"""The CLOB's reads about markets: by page, by condition, by token; the winner stands here first."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.polymarket.clob import known
from sandbox.polymarket.lifecycle import OPENING_MS, shown
from sandbox.polymarket.queries import Query, clob_error, offset_of, page_after
from sandbox.polymarket.texts import description, iso
from sandbox.polymarket.universe import UNIT, Market

if TYPE_CHECKING:
    from sandbox.polymarket.venue import Polymarket

PAGE = 1000
START, END = "MA==", "LTE="


class ClobMarkets:
    def __init__(self, venue: "Polymarket") -> None:
        self._venue = venue
        self.routes: dict[str, Callable[[Query], Any]] = {
            "/markets": lambda query: self._page(query, self._full),
            "/sampling-markets": lambda query: self._page(query, self._full, open_only=True),
            "/simplified-markets": lambda query: self._page(query, self._simplified),
            "/sampling-simplified-markets": lambda query: self._page(query, self._simplified, open_only=True),
            "/markets/{condition_id}": lambda query: self._full(self._of_condition(query)),
            "/clob-markets/{condition_id}": self._short,
            "/markets-by-token/{token_id}": self._by_token,
            "/rewards/markets/current": lambda _: {"limit": 100, "count": 0, "next_cursor": END, "data": []},
        }

    @property
    def _now_ms(self) -> int:
        return self._venue.clock.now_us() // 1000

    def _of_condition(self, query: Query) -> Market:
        market = self._venue.conditions.get(query.text("condition_id"))
        if market is None or self._now_ms - market.created_ms < OPENING_MS:
            raise clob_error(404, "market not found")
        return market

    def _page(self, query: Query, view: Callable[[Market], dict[str, Any]], *, open_only: bool = False) -> dict[str, Any]:
        cursor = query.text("next_cursor", START)
        if cursor == END:
            raise clob_error(400, "invalid cursor")
        offset = offset_of(cursor)
        found = [market for market in self._venue.markets if not open_only or market.trading]
        page = found[offset : offset + PAGE]
        after = offset + len(page)
        following = page_after(after) if after < len(found) else END
        if self._venue.faults.first("endless_pages", host="clob"):
            following = cursor
        return {"limit": PAGE, "count": len(page), "next_cursor": following, "data": [view(market) for market in page]}

    def _tokens(self, market: Market) -> list[dict[str, Any]]:
        payouts = market.payouts if shown(market, "clob", self._now_ms) else None
        if payouts is not None:
            prices, winners = list(payouts), [payout == 1 for payout in payouts]
        else:
            bid, _, ask, _ = self._venue.flow.book(market, self._now_ms).top(0)
            middle = round((bid + ask) / 2 / UNIT, 5)
            prices, winners = [middle, round(1 - middle, 5)], [False, False]
        rows = zip(market.tokens, market.outcomes, prices, winners, strict=True)
        return [{"token_id": token, "outcome": outcome, "price": price, "winner": won} for token, outcome, price, won in rows]

    def _simplified(self, market: Market) -> dict[str, Any]:
        return {
            "condition_id": market.condition,
            "tokens": self._tokens(market),
            "rewards": {"rates": None, "min_size": 0, "max_spread": 0},
            "active": True,
            "closed": not market.trading,
            "archived": False,
            "accepting_orders": market.trading,
        }

    def _full(self, market: Market) -> dict[str, Any]:
        kind, opened = market.kind, iso(market.created_ms)
        return {
            "enable_order_book": market.trading,
            "active": True,
            "closed": not market.trading,
            "archived": False,
            "accepting_orders": market.trading,
            "accepting_order_timestamp": opened,
            "minimum_order_size": kind.min_size,
            "minimum_tick_size": market.tick / UNIT,
            "condition_id": market.condition,
            "question_id": market.question,
            "question": market.title,
            "description": description(market),
            "market_slug": market.slug,
            "end_date_iso": iso(market.end_ms),
            "game_start_time": None,
            "seconds_delay": 3 if kind.tag == "Sports" else 0,
            "fpmm": "",
            "maker_base_fee": 1000 if kind.fee_rate else 0,
            "taker_base_fee": 1000 if kind.fee_rate else 0,
            "notifications_enabled": True,
            "neg_risk": kind.neg_risk,
            "neg_risk_market_id": "",
            "neg_risk_request_id": "",
            "icon": "",
            "image": "",
            "rewards": {"rates": None, "min_size": 0, "max_spread": 0},
            "is_50_50_outcome": market.payouts == (0.5, 0.5),
            "tokens": self._tokens(market),
            "tags": [kind.tag, "All"],
        }

    def _short(self, query: Query) -> dict[str, Any]:
        market = self._of_condition(query)
        kind = market.kind
        return {
            "t": [{"t": token, "o": outcome} for token, outcome in zip(market.tokens, market.outcomes, strict=True)],
            "mos": kind.min_size,
            "mts": market.tick / UNIT,
            "mbf": 1000 if kind.fee_rate else 0,
            "tbf": 1000 if kind.fee_rate else 0,
            "nr": kind.neg_risk,
            "itode": False,
            "gst": None,
            **({"fd": {"r": kind.fee_rate, "e": 1, "to": True}} if kind.fee_rate else {}),
        }

    def _by_token(self, query: Query) -> dict[str, str]:
        market = known(self._venue, query.text("token_id"))
        return {"condition_id": market.condition, "primary_token_id": market.tokens[0], "secondary_token_id": market.tokens[1]}
