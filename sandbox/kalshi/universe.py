"""What the simulated Kalshi lists at its beginning: markets that trade, some that are over, one not open yet, and combos."""

import random

from sandbox.kalshi.grids import CONTRACT
from sandbox.kalshi.listings import Event, Listing, Series, Universe
from sandbox.kalshi.times import clock_text, date_text

DAY_US = 86_400_000_000
LIVE_DAYS = 90  # older settlements stand in /historical only
MARKETS_PER_EVENT = 10
ROLLING = "KXBTC15M"  # one short market after the other
SERIES = (
    Series("KXFEDDECISION", "Fed decision", "Economics", "custom", "quadratic_with_maker_fees"),
    Series("KXBTCD", "Bitcoin price", "Crypto", "daily", exchange_index=2, source="CF Benchmarks"),
    Series("KXHIGHNY", "Highest temperature in New York", "Climate and Weather", "daily", source="NWS"),
    Series("KXPRESPERSON", "Next president", "Politics", "one-off", structure="tapered_deci_cent"),
    Series("KXNBAGAME", "Professional basketball game", "Sports", "custom", "quadratic_with_maker_fees", 1, 3, "tapered_deci_cent"),
    Series("KXINX", "S&P 500 close", "Financials", "daily", fee_multiplier=0.5, structure="deci_cent"),
    Series("KXCPIYOY", "Inflation", "Economics", "monthly", kind="scalar", source="BLS"),
    Series(ROLLING, "Bitcoin price up in the next minutes", "Crypto", "fifteen_min", exchange_index=2, source="CF Benchmarks"),
    Series("KXMVESPORTS", "Combo", "Sports", "custom", "quadratic_with_combo_maker_fees", 1, 1, "center_deci_edge_centi_cent"),
)
ORDINARY = tuple(row for row in SERIES if row.ticker not in (ROLLING, "KXMVESPORTS"))


def rules_of(series: Series, event: Event, strike: float) -> str:
    return f"If {series.title.lower()} is above {strike:g} in {event.sub_title}, then the market resolves to Yes. Source: {series.source}."


def event_of(series: Series, ticker: str, now_us: int, close_us: int) -> Event:
    exclusive = series.category in ("Economics", "Politics")
    return Event(ticker, series.ticker, f"{series.title}?", date_text(close_us), exclusive, close_us, now_us)


def market_of(
    series: Series, event: Event, code: str, strike: float, created_us: int, open_us: int, close_us: int, **more: object
) -> Listing:
    plain = {"status": "initialized", "activity": 1.0, "settle_seconds": 3, "updated_us": created_us}
    return Listing(
        name=f"{event.ticker}-{code}",
        event=event.ticker,
        series=series.ticker,
        kind=series.kind,
        sub_title=f"Above {strike:g}",
        strike=strike,
        structure=series.structure,
        exchange_index=series.exchange_index,
        created_us=created_us,
        open_us=open_us,
        close_us=close_us,
        rules=rules_of(series, event, strike),
        **{**plain, **more},  # type: ignore[arg-type]
    )


def universe(now_us: int, symbols: int, seed: int) -> Universe:
    """`symbols` markets that trade, the busiest first, and a handful in every other state."""
    made, rng = Universe({row.ticker: row for row in SERIES}), random.Random(seed)
    made.markets += _trading(made, now_us, symbols, rng)
    made.markets += _over(made, now_us)
    made.markets += _combos(made, now_us)
    made.markets.append(_unopened(made, now_us))
    return made


def _event(made: Universe, series: Series, ticker: str, now_us: int, close_us: int) -> Event:
    return made.events.setdefault(ticker, event_of(series, ticker, now_us, close_us))


def _trading(made: Universe, now_us: int, symbols: int, rng: random.Random) -> list[Listing]:
    rows = []
    for number in range(symbols):
        turn, place = divmod(number, MARKETS_PER_EVENT)
        series = ORDINARY[turn % len(ORDINARY)]
        close_us = now_us + DAY_US * (1 + turn // len(ORDINARY)) + turn * 3_600_000_000
        event = _event(made, series, f"{series.ticker}-{date_text(close_us)}", now_us - 5 * DAY_US, close_us)
        created_us = now_us - 4 * DAY_US - number * 1_000_003 - rng.randrange(1_000_000)
        activity = 1.0 / (1 + number) ** 0.7
        volume = int(20_000 * activity * CONTRACT * rng.uniform(0.8, 1.25))
        row = market_of(series, event, f"T{place}", 10.0 + place, created_us, created_us + 60_000_000, close_us)
        row.status, row.activity, row.base_volume = "active", activity, volume
        rows.append(row)
    return rows


def _over(made: Universe, now_us: int) -> list[Listing]:
    """Settled some days ago, and so long ago that only the archive has it."""
    rows = []
    for days in (2, 5, LIVE_DAYS + 10, LIVE_DAYS + 40):
        series = ORDINARY[days % 3]
        close_us = now_us - days * DAY_US
        event = _event(made, series, f"{series.ticker}-{date_text(close_us)}", close_us - 9 * DAY_US, close_us)
        for place in range(3):
            row = market_of(series, event, f"T{place}", 10.0 + place, close_us - 9 * DAY_US, close_us - 8 * DAY_US, close_us)
            won = place == 0
            row.status, row.result, row.value, row.activity = "finalized", "yes" if won else "no", 10_000 if won else 0, 0.0
            row.determined_us, row.settled_us, row.base_volume = close_us + 60_000_000, close_us + 3_600_000_000, 123_456
            row.updated_us = row.settled_us
            rows.append(row)
    return rows


def _combos(made: Universe, now_us: int) -> list[Listing]:
    series = made.series["KXMVESPORTS"]
    legs = [row.name for row in made.markets if row.series == "KXNBAGAME"][:2] or [row.name for row in made.markets[:2]]
    rows = []
    for place in range(4):
        close_us = now_us + (3 + place) * DAY_US
        event = _event(made, series, f"{series.ticker}-S{place:04X}", now_us - DAY_US, close_us)
        more = {"status": "active", "activity": 0.05, "provisional": True, "legs": legs}
        rows.append(market_of(series, event, f"E{place:04X}", 0.0, now_us - DAY_US, now_us - DAY_US, close_us, **more))
    return rows


def _unopened(made: Universe, now_us: int) -> Listing:
    series, close_us = made.series["KXFEDDECISION"], now_us + 60 * DAY_US
    event = _event(made, series, f"{series.ticker}-{date_text(close_us)}", now_us, close_us)
    return market_of(series, event, "H0", 0.0, now_us, now_us + 30 * DAY_US, close_us)


def rolling(made: Universe, now_us: int, seconds: float) -> list[Listing]:
    """The next short event: a market that trades, and a provisional one in which nobody does."""
    series = made.series[ROLLING]
    open_us, width_us = now_us + 1_000_000, int(seconds * 1e6)
    event = _event(made, series, f"{series.ticker}-{clock_text(open_us)}", now_us, open_us + width_us)
    names = (("00", 0.5, False), ("01", 0.0, True))
    return [
        market_of(series, event, code, 0.0, now_us, open_us, open_us + width_us, activity=activity, provisional=provisional)
        for code, activity, provisional in names
    ]


def named(made: Universe, name: str, now_us: int) -> Listing:
    """A market made up from its ticker: SERIES-EVENT-CODE of a series that is listed. Raises ValueError."""
    parts = name.split("-")
    if len(parts) != 3 or parts[0] not in made.series or not all(parts):
        raise ValueError(f"no market can be called {name}: SERIES-EVENT-CODE of one of {', '.join(made.series)}")
    series, close_us = made.series[parts[0]], now_us + DAY_US
    event = _event(made, series, f"{parts[0]}-{parts[1]}", now_us, close_us)
    return market_of(series, event, parts[2], 0.0, now_us, now_us + 1_000_000, close_us)
