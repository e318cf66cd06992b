"""What each part of the page shows of markets and of trading on paper, from the functions that answer `/api/…` too."""

from datetime import UTC, datetime, timedelta
from typing import Any

from db import queries
from ops.console import market, options, pairs, paper
from ops.console.asked import MOST_NUMBER
from ops.console.farm import Farm
from paper.report import render

#: Pairs, and those that wait for a person, that are listed.
PAIRS, WAITING = 60, 10
#: Curves of a smile: which side of a strike, and what of it. Out of the money is where volatility is made.
CURVES = (("mark", "mark_iv"), ("bid", "bid_iv"), ("ask", "ask_iv"))
Context = dict[str, Any]


def first_instrument(farm: Farm) -> int | None:
    rows = queries.rows(farm.url, "instrument_shown_first")
    return rows[0]["instrument_id"] if rows else None


def instrument(farm: Farm, about: str) -> Context | None:
    number = int(about) if about.isascii() and about.isdecimal() and len(about) < 11 else 0
    found = market.instrument(farm.knobs, number) if 0 < number <= MOST_NUMBER else None
    if found is None:
        return None
    quotes = found["quotes"][::-1]
    columns = [[row[name] for row in quotes] for name in ("bid_price", "ask_price")]
    widest = max((level["quantity"] for side in ("bids", "asks") for level in found["book"][side]), default=0) if found["book"] else 0
    chart = {"names": ["bid", "ask"], "data": [[_seconds(row["event_at"]) for row in quotes], *columns]}
    return found | {"widest": widest, "spread": _spread(found), "chart": chart}


def _spread(found: Context) -> float | None:
    quote = found["quotes"][0] if found["quotes"] else None
    return quote["ask_price"] - quote["bid_price"] if quote and quote["ask_price"] is not None and quote["bid_price"] is not None else None


def chain_key(row: Context) -> str:
    return "|".join((row["venue"], row["base_asset"], row["expires_at"].astimezone(UTC).isoformat(), row["price_unit"] or ""))


def chains(farm: Farm) -> list[Context]:
    """Each with the key of its part."""
    return [row | {"key": chain_key(row)} for row in options.chains(farm.knobs)]


def chain(farm: Farm, about: str) -> Context | None:
    try:
        venue, base, at, unit = about.split("|")
        found = options.chain(farm.knobs, venue, base, datetime.fromisoformat(at), unit or None)
    except ValueError:
        return None
    if found is None:
        return None
    strikes, middle = found["strikes"], found["underlying_price"]
    sides = [_out_of_the_money(strike, middle) for strike in strikes]
    curves = [[side[name] if side else None for side in sides] for _, name in CURVES]
    data = [[strike["strike"] for strike in strikes], *curves]
    nearest = min((strike["strike"] for strike in strikes), key=lambda one: abs(one - middle)) if middle else None
    return found | {"nearest": nearest, "chart": {"names": [name for name, _ in CURVES], "data": data}}


def _out_of_the_money(strike: Context, middle: float | None) -> Context | None:
    call, put = strike["call"], strike["put"]
    first, other = (put, call) if middle and strike["strike"] < middle else (call, put)
    found: Context | None = first if first and first["mark_iv"] is not None else other
    return found


def matched(farm: Farm, _: str) -> Context:
    found = pairs.pairs(farm.knobs, None, pairs.MOST)
    confirmed = [one for one in found if one["state"] == "confirmed"]
    waiting = [one for one in found if one["state"] in ("proposed", "suspended")]
    return {"confirmed": confirmed[:PAIRS], "count": len(confirmed), "waiting": waiting[:WAITING], "waits": len(waiting)}


def traded(farm: Farm, _: str) -> Context:
    now = datetime.now(UTC)
    found = paper.paper(farm.knobs)
    return found | {"report": render(paper.report(farm.knobs, paper.FIRST, now)), "chart": _won(found["hours"], now)}


def _won(hours: list[Context], now: datetime) -> Context | None:
    """Dollars realised so far, of the last 30 days, at the end of each hour; a flat line of two points where nothing was won yet."""
    if not hours:
        return None
    at, won = [_seconds(hours[0]["hour"])], [0.0]
    for hour in hours:
        at.append(min(_seconds(hour["hour"] + timedelta(hours=1)), _seconds(now)))
        won.append(round(won[-1] + float(hour["realised"]), 2))
    return {"names": ["realised"], "data": [[*at, _seconds(now)], [*won, won[-1]]]}


def _seconds(at: datetime) -> float:
    return round(at.timestamp(), 3)
