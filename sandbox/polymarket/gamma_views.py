"""Markets and events as Gamma shows them: camel case, JSON inside strings, numbers as text and as numbers. Pure."""

import json
from typing import Any

from sandbox.polymarket import names
from sandbox.polymarket.books import Book
from sandbox.polymarket.lifecycle import YOUNG_MS, shown
from sandbox.polymarket.texts import closed_time, day, description, iso, iso_fraction
from sandbox.polymarket.universe import DISPUTED, PROPOSED, REPROPOSED, UNIT, Market
from sandbox.polymarket.wire import tag_rows

BASE_VOLUME, BASE_LIQUIDITY = 10_000_000.0, 400_000.0  # of the busiest market before the simulation began
UMA = {PROPOSED: "proposed", DISPUTED: "disputed", REPROPOSED: "proposed"}


def volume(market: Market) -> float:
    return BASE_VOLUME * float((1 + market.rank) ** -0.8) + market.volume


def liquidity(market: Market) -> float:
    """Gamma computes it now and then, not from the book as it is."""
    return round(BASE_LIQUIDITY * float((1 + market.rank) ** -0.5), 5) if market.trading else 0.0


def in_text(values: Any) -> str:
    """A JSON array inside a string."""
    return json.dumps(values)


def market_view(market: Market, book: Book | None, seed: int, now_ms: int, *, nested: bool = False) -> dict[str, Any]:
    """`nested`: inside an event, which it then does not repeat."""
    resolved, young = shown(market, "gamma", now_ms), now_ms - market.created_ms < YOUNG_MS
    view = _described(market, now_ms) | _traded(market, book, resolved)
    view |= {"acceptingOrders": not resolved and not young, "closed": resolved}
    if not young:
        view["clobTokenIds"] = in_text(list(market.tokens))
    if market.kind.neg_risk:
        view["negRiskMarketID"] = "0x" + names.digest(seed, "neg-risk", market.event).hex()
    if resolved:
        view |= {"umaResolutionStatus": "resolved", "closedTime": closed_time(market.closed_ms)}
        if market.scenario == "void":
            del view["umaResolutionStatus"]
    elif market.stage in UMA:
        view["umaResolutionStatus"] = UMA[market.stage]
    return view if nested else view | {"events": [event_head(market)], "tags": tag_rows(market)}


def _described(market: Market, now_ms: int) -> dict[str, Any]:
    kind = market.kind
    fees = {"feeType": kind.fee_type, "feeSchedule": {"exponent": 1, "rate": kind.fee_rate, "takerOnly": True, "rebateRate": 0.2}}
    return {
        "id": market.id,
        "question": market.title,
        "conditionId": market.condition,
        "slug": market.slug,
        "resolutionSource": "https://example.org/source" if market.place == 0 else "",
        "endDate": iso(market.end_ms),
        "startDate": iso_fraction(market.created_ms),
        "description": description(market),
        "outcomes": in_text(market.outcomes),
        "active": True,
        "createdAt": iso_fraction(market.created_ms),
        "updatedAt": iso_fraction(now_ms),
        "archived": False,
        "groupItemTitle": str(market.place + 1) if kind.markets > 1 else "",
        "questionID": market.question,
        "enableOrderBook": True,
        "orderMinSize": kind.min_size,
        "secondsDelay": 3 if kind.tag == "Sports" else 0,
        "negRisk": kind.neg_risk,
        "feesEnabled": bool(kind.fee_rate),
        **(fees if kind.fee_rate else {}),
    }


def _traded(market: Market, book: Book | None, resolved: bool) -> dict[str, Any]:
    bid, ask = (book.best_bid, book.best_ask) if book is not None else (0, UNIT)
    return {
        "outcomePrices": in_text(_outcome_prices(market, bid, ask, resolved)),
        "liquidity": str(liquidity(market)),
        "liquidityNum": liquidity(market),
        "volume": str(volume(market)),
        "volumeNum": volume(market),
        "volume24hr": market.volume,
        "orderPriceMinTickSize": market.tick / UNIT,
        "spread": (ask - bid) / UNIT,
        "lastTradePrice": market.last_trade / UNIT,
        "bestBid": bid / UNIT,
        "bestAsk": ask / UNIT,
        "umaResolutionStatuses": in_text(_statuses(market, resolved)),
    }


def _statuses(market: Market, resolved: bool) -> list[str]:
    told = ["proposed", "disputed", "proposed"] if market.disputed and market.stage != DISPUTED else []
    return [*told, "resolved"] if resolved and told else told


def _outcome_prices(market: Market, bid: int, ask: int, resolved: bool) -> list[str]:
    if resolved and market.payouts is not None:
        return [f"{payout:g}" for payout in market.payouts]
    middle = (bid + ask) / 2 / UNIT
    return [f"{middle:.5f}".rstrip("0").rstrip("."), f"{1 - middle:.5f}".rstrip("0").rstrip(".")]


def event_head(market: Market) -> dict[str, Any]:
    slug = f"{market.family}-{market.event}"
    return {
        "id": market.event_id,
        "ticker": slug,
        "slug": slug,
        "title": market.event_title,
        "description": description(market),
        "startDate": iso_fraction(market.created_ms),
        "creationDate": iso_fraction(market.created_ms),
        "endDate": iso(market.end_ms),
        "endDateIso": day(market.end_ms),
        "negRisk": market.kind.neg_risk,
    }


def event_view(markets: list[tuple[Market, Book | None]], seed: int, now_ms: int) -> dict[str, Any]:
    """An event with all its markets."""
    first = markets[0][0]
    closed = all(shown(market, "gamma", now_ms) for market, _ in markets)
    return event_head(first) | {
        "active": True,
        "closed": closed,
        "archived": False,
        "volume": sum(volume(market) for market, _ in markets),
        "liquidity": sum(liquidity(market) for market, _ in markets),
        "enableOrderBook": True,
        "markets": [market_view(market, book, seed, now_ms, nested=True) for market, book in markets],
        "tags": tag_rows(first),
        "series": [{"id": "9", "ticker": first.family, "slug": first.family, "title": first.family.title(), "recurrence": "daily"}],
    }
