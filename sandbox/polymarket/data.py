"""The Data API, version 2: public trades, resolutions, open interest, prices; an envelope and cursors around all of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sandbox.polymarket.gamma_views import volume
from sandbox.polymarket.lifecycle import shown
from sandbox.polymarket.queries import Query, Refused, data_error, opened, sealed
from sandbox.polymarket.universe import DISPUTED, OPEN, PROPOSED, REPROPOSED, RESOLVED, Market

if TYPE_CHECKING:
    from sandbox.polymarket.venue import Polymarket

MOST_TRADES, MOST_IDS, MOST_POINTS = 1000, 20, 10_000
UNSET = "69"  # what the oracle's price is before there is one
SPANS = {"1h": 3600, "6h": 21_600, "1d": 86_400, "1w": 604_800, "1m": 2_592_000, "all": 0, "max": 0}
LEAST_BUCKETS = {"1w": 300, "1m": 600, "all": 600, "max": 600}


def refused(message: str) -> Refused:
    return data_error(400, "BAD_REQUEST", message)


def envelope(rows: list[Any], cursor: str | None = None) -> dict[str, Any]:
    return {"data": rows, "pagination": {"has_more": cursor is not None, "next_cursor": cursor}}


class Data:
    def __init__(self, venue: "Polymarket") -> None:
        self._venue = venue
        self.routes: dict[str, Callable[[Query], Any]] = {
            "/v2/trades": self._trades,
            "/v2/resolutions": self._resolutions,
            "/v2/oi": self._open_interest,
            "/v2/prices-history": self._prices,
            "/v2/live-volume": self._live_volume,
            "/v2/holders": lambda _: envelope([]),
            "/v2/status": lambda _: {"data": {"trades": {"latest_block_timestamp": self._now_ms // 1000}}},
        }

    @property
    def _now_ms(self) -> int:
        return self._venue.clock.now_us() // 1000

    def _ids(self, query: Query, name: str) -> list[str]:
        found = query.many(name)
        if len(found) > MOST_IDS:
            raise refused(f"{name}: at most {MOST_IDS}")
        return found

    def _trades(self, query: Query) -> dict[str, Any]:
        if "offset" in query:
            raise refused("offset is not supported: use cursor")
        if ("start" in query or "end" in query) and "user" not in query:
            raise refused("start and end need user")
        conditions = sorted(self._ids(query, "condition"))
        filters = [conditions, query.text("side"), query.text("event_id"), query.text("user")]
        state = opened(query.text("cursor"), refused) if query.text("cursor") else None
        if state is not None and state["filters"] != filters:
            state = None  # other filters in mid-walk begin anew, without a word
        # the cursor fixes the size of the pages
        limit = state["limit"] if state else max(query.whole("limit", 100, MOST_TRADES), 1)
        rows = self._venue.tape.newest(
            self._symbols(conditions, query.text("event_id")),
            limit + 1,
            before=state["before"] if state else 0,
            until_s=self._now_ms // 1000,
            side={"BUY": 0, "SELL": 1}.get(query.text("side").upper()),
        )
        page = rows[:limit]
        if query.text("user"):
            page = page[[("0x" + bytes(row["wallet"]).hex()) == query.text("user").lower() for row in page]]
        cursor = sealed({"before": int(page[-1]["sequence"]), "limit": limit, "filters": filters}) if len(rows) > limit else None
        if len(page) and self._venue.faults.first("endless_pages", host="data"):
            cursor = query.text("cursor") or sealed({"before": int(page[-1]["sequence"]), "limit": limit, "filters": filters})
        return envelope([self._trade(row) for row in page], cursor)

    def _symbols(self, conditions: list[str], event_id: str) -> list[int] | None:
        if conditions or event_id:
            found = [self._venue.conditions[one] for one in conditions if one in self._venue.conditions]
            found += [market for markets in self._venue.events.values() for market in markets if market.event_id == event_id]
            return [2 * market.number + token for market in found for token in (0, 1)]
        return None

    def _trade(self, row: np.void) -> dict[str, Any]:
        market, token = self._venue.markets[int(row["symbol"]) // 2], int(row["symbol"]) % 2
        return {
            "proxy_wallet": "0x" + bytes(row["wallet"]).hex(),
            "side": "SELL" if row["buyer_maker"] else "BUY",
            "token_id": market.tokens[token],
            "condition_id": market.condition,
            "size": float(row["quantity"]),
            "price": float(row["price"]),
            "timestamp": int(row["chain_s"]),
            "title": market.title,
            "slug": market.slug,
            "icon": "",
            "event_slug": f"{market.family}-{market.event}",
            "outcome": market.outcomes[token],
            "outcome_index": token,
            "name": "",
            "pseudonym": "",
            "transaction_hash": "0x" + bytes(row["transaction"]).hex(),
        }

    # --- resolutions

    def _resolutions(self, query: Query) -> dict[str, Any]:
        conditions, questions = self._ids(query, "condition_id"), self._ids(query, "question_id")
        if not conditions and not questions and not query.text("event_id"):
            raise refused("condition_id, question_id or event_id is required")
        found = [self._venue.conditions[one] for one in conditions if one in self._venue.conditions]
        found += [market for market in self._venue.markets if market.question in questions] if questions else []
        found += [market for markets in self._venue.events.values() for market in markets if market.event_id == query.text("event_id")]
        return envelope([self._resolution(market) for market in found])

    def _resolution(self, market: Market) -> dict[str, Any]:
        done = shown(market, "data", self._now_ms)
        stage = market.stage if market.stage != RESOLVED or done else REPROPOSED if market.disputed else PROPOSED
        status = {OPEN: "posed", PROPOSED: "proposed", DISPUTED: "disputed", REPROPOSED: "reproposed", RESOLVED: "resolved"}[stage]
        payouts = market.payouts if done else None
        proposed = stage not in (OPEN, DISPUTED)
        return {
            "condition_id": market.condition,
            "question_id": market.question,
            "event_id": market.event_id,
            "status": status,
            "payouts": None if payouts is None else [f"{payout:g}" for payout in payouts],
            "price": UNSET if payouts is None else f"{payouts[0]:g}",
            "proposed_price": self._proposed_price(market) if proposed else UNSET,
            "was_disputed": market.disputed,
            "expected_settlement_time": None,
            "resolved_at": market.closed_ms // 1000 if done else None,
            "resolution_source": "uma",
            "reporter": "0x" + bytes(20).hex(),
        }

    def _proposed_price(self, market: Market) -> str:
        return {"fifty": "0.5", "void": "0"}.get(market.scenario, str(1 - (market.proposed or 0)))

    # --- figures

    def _open_interest(self, query: Query) -> dict[str, Any]:
        conditions = self._ids(query, "condition_id")
        chosen = [self._venue.conditions[one] for one in conditions if one in self._venue.conditions]
        rows: list[dict[str, Any]] = [{"condition_id": market.condition, "value": round(volume(market) / 10, 6)} for market in chosen]
        if not conditions or "GLOBAL" in conditions:
            total = sum(volume(market) for market in self._venue.markets) / 10
            rows.append({"condition_id": "GLOBAL", "value": round(total, 6)})
        return envelope(rows)

    def _live_volume(self, query: Query) -> dict[str, Any]:
        return envelope(
            [{"condition_id": one.condition, "value": one.volume} for one in self._venue.markets if one.event_id == query.text("event_id")]
        )

    def _prices(self, query: Query) -> dict[str, Any]:
        token, interval = query.text("token_id"), query.text("interval", "1d")
        if token not in self._venue.index:
            raise refused("token_id is unknown")
        if interval not in SPANS:
            raise refused("interval is unknown")
        now_s = self._now_ms // 1000
        bucket = max(query.whole("bucket_seconds", 60, 86_400), LEAST_BUCKETS.get(interval, 60))
        start_s = query.whole("start", now_s - (SPANS[interval] or now_s), now_s)
        points = self._venue.tape.points(self._venue.index[token], start_s, query.whole("end", now_s, now_s), bucket)
        return envelope([{"timestamp": second, "price": price, "resolution_seconds": bucket} for second, price in points[:MOST_POINTS]])
