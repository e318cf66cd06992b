"""What can be traded on the simulated Deribit: families, expiries, strikes, and the grids of each instrument."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sandbox.deribit.names import DATED, date_of, date_text, option, strike_of

PERPETUAL_MS = 32_503_708_800_000
STRIKES = 20
EXPIRIES = 10
WIDE_ABOVE = 0.005  # coin options: above it the tick is five times as wide


class Coin(NamedTuple):
    spot: float
    decimals: int  # of its index price
    volatility: float
    volatility_phase: float


COINS = {
    "BTC": Coin(76_947.30, 2, 0.48, 0.0),
    "ETH": Coin(2_891.42, 2, 0.66, 1.0),
    "SOL": Coin(141.18, 4, 0.80, 2.0),
    "XRP": Coin(1.9214, 4, 0.85, 3.0),
}


class Grid(NamedTuple):
    """price decimals, units a tick, amount decimals, units a lot, typical lots"""

    decimals: int
    tick: int
    amount_decimals: int
    lot: int
    typical: int


INVERSE = {"BTC": Grid(1, 5, 0, 10, 40), "ETH": Grid(2, 5, 0, 1, 400)}
LINEAR = {"BTC": Grid(1, 5, 4, 1, 80), "ETH": Grid(2, 1, 3, 1, 300), "SOL": Grid(3, 10, 1, 1, 40), "XRP": Grid(4, 1, 0, 1, 500)}
COIN_OPTIONS = {"BTC": Grid(4, 1, 1, 1, 20), "ETH": Grid(4, 1, 0, 1, 15)}
LINEAR_OPTIONS = {"BTC": Grid(0, 5, 2, 1, 50), "XRP": Grid(4, 1, 0, 1000, 3)}


@dataclass(frozen=True)
class Listing:
    name: str
    kind: str  # future, option, option_combo
    base: str
    linear: bool  # settled in USDC; else in the coin
    period: str  # perpetual, day, week, month
    expiry_ms: int
    created_ms: int
    grid: Grid
    strike: float = 0.0
    side: str = ""  # C or P
    legs: tuple[str, ...] = ()  # of a combo: bought, sold
    quote_share: float = 1.0
    trade_share: float = 1.0
    state: str = "open"

    @property
    def currency(self) -> str:
        """As channels and REST filter: all linear instruments stand under USDC."""
        return "USDC" if self.linear else self.base

    @property
    def family(self) -> str:
        return f"{self.base}_USDC" if self.linear else self.base

    @property
    def price_index(self) -> str:
        return f"{self.base.lower()}_usdc" if self.linear else f"{self.base.lower()}_usd"

    @property
    def coin_priced(self) -> bool:
        return not self.linear and self.kind != "future"

    @property
    def trade_prefix(self) -> str:
        """Of trade_id: `123456` for BTC, `ETH-15`, `ETH_USDC-16`."""
        return "" if self.family == "BTC" else f"{self.family}-"


class BadName(ValueError):
    """No instrument can be called so."""


def expiries(now: datetime, count: int = EXPIRIES) -> list[tuple[datetime, str]]:
    """The next expiries at 08:00 UTC with their settlement period: days, Fridays, last Fridays of months."""
    first = now.replace(hour=8, minute=0, second=0, microsecond=0)
    first += timedelta(days=1) if first <= now else timedelta()
    days = [first + timedelta(days=n) for n in range(800)]
    fridays = [day for day in days if day.weekday() == 4]
    lasts = [day for day in fridays if (day + timedelta(days=7)).month != day.month]
    found = dict.fromkeys(days[:4], "day") | dict.fromkeys(fridays[:3], "week")
    for day in lasts:
        if len(found) >= count:
            break
        found[day] = "month"
    return sorted(found.items())[:count]


def step_of(spot: float, years: float) -> float:
    """A round distance between strikes, so that twenty of them span five standard deviations."""
    wanted = spot * max(0.6 * math.sqrt(years), 0.01) * 5 / (STRIKES - 1)
    power: float = 10 ** math.floor(math.log10(wanted))
    return min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / wanted)))


def strikes(spot: float, years: float, count: int = STRIKES) -> list[float]:
    step = step_of(spot, years)
    middle = round(spot / step)
    lowest = max(1, middle - count // 2)
    return [float(f"{(lowest + n) * step:.10g}") for n in range(count)]


def perpetual(base: str, created_ms: int, *, linear: bool) -> Listing:
    family, grid = (f"{base}_USDC", LINEAR[base]) if linear else (base, INVERSE[base])
    share = 12.0 if linear else 40.0
    row = Listing(f"{family}-PERPETUAL", "future", base, linear, "perpetual", PERPETUAL_MS, created_ms, grid)
    return replace(row, quote_share=share, trade_share=share * 12)


def chain(base: str, date: str, expiry_ms: int, period: str, created_ms: int, spot: float) -> Iterator[Listing]:
    """All of one expiry of a coin: the future and the options."""
    years = max(expiry_ms - created_ms, 1000) / (365 * 86_400_000)
    grid = INVERSE[base]
    yield Listing(f"{base}-{date}", "future", base, False, period, expiry_ms, created_ms, grid, quote_share=4.0, trade_share=10.0)
    for strike in strikes(spot, years):
        yield from pair(base, date, strike, expiry_ms, period, created_ms, COIN_OPTIONS[base], linear=False)


def pair(
    base: str, date: str, strike: float, expiry_ms: int, period: str, created_ms: int, grid: Grid, *, linear: bool
) -> Iterator[Listing]:
    family = f"{base}_USDC" if linear else base
    for side in "CP":
        name = option(family, date, strike, side)
        yield Listing(name, "option", base, linear, period, expiry_ms, created_ms, grid, strike, side)


def linear_options(date: str, expiry_ms: int, created_ms: int) -> Iterator[Listing]:
    """A few in USDC; XRP's strikes have a `d` in their names."""
    years = (expiry_ms - created_ms) / (365 * 86_400_000)
    for base, grid in LINEAR_OPTIONS.items():
        for strike in strikes(COINS[base].spot, years, 4):
            yield from pair(base, date, strike, expiry_ms, "month", created_ms, grid, linear=True)


def spread(legs: tuple[Listing, Listing]) -> Listing:
    """A call spread, traded as one instrument."""
    low, high = legs
    date = low.name.split("-")[1]
    name = f"{low.base}-CS-{date}-{low.strike:.10g}_{high.strike:.10g}"
    return replace(low, name=name, kind="option_combo", strike=0.0, side="", legs=(low.name, high.name))


def universe(now: datetime) -> list[Listing]:
    """Perpetuals, futures and ten chains each of ETH and BTC, options in USDC, and a combo."""
    now_ms = int(now.timestamp() * 1000)
    rows = [perpetual(base, now_ms, linear=False) for base in ("ETH", "BTC")]
    rows += [perpetual(base, now_ms, linear=True) for base in ("ETH", "BTC", "SOL", "XRP")]
    ends = expiries(now)
    for base in ("ETH", "BTC"):
        for when, period in ends:
            rows += chain(base, date_text(when), int(when.timestamp() * 1000), period, now_ms, COINS[base].spot)
    month = next(when for when, period in ends if period == "month")
    rows += linear_options(date_text(month), int(month.timestamp() * 1000), now_ms)
    calls = [row for row in rows if row.base == "ETH" and row.side == "C" and not row.linear and date_text(month) in row.name]
    rows.append(spread((calls[8], calls[12])))
    return rows


def named(name: str, now: datetime) -> Listing:
    """An instrument made up from its name alone. Raises BadName."""
    match = DATED.match(name)
    base, _, tail = (match["family"] if match else "").partition("_")
    linear = bool(tail)
    if not match or base not in (LINEAR if linear else INVERSE):
        raise BadName(f"no instrument can be called {name}")
    now_ms = int(now.timestamp() * 1000)
    if match["date"] == "PERPETUAL":
        return perpetual(base, now_ms, linear=linear)
    try:
        expiry_ms = int(date_of(match["date"]).timestamp() * 1000)
    except ValueError as bad:
        raise BadName(f"no date in {name}") from bad
    if not match["strike"]:
        return Listing(name, "future", base, linear, "week", expiry_ms, now_ms, (LINEAR if linear else INVERSE)[base], quote_share=4.0)
    grid = (LINEAR_OPTIONS if linear else COIN_OPTIONS).get(base)
    if grid is None:
        raise BadName(f"no options on {base}")
    return Listing(name, "option", base, linear, "week", expiry_ms, now_ms, grid, strike_of(match["strike"]), match["side"])


def stored(rows: list[Listing]) -> list[dict[str, Any]]:
    return [vars(row) for row in rows]  # `asdict` copies deeply and takes tenths of a second


def restored(rows: list[dict[str, Any]]) -> list[Listing]:
    return [Listing(**{**row, "grid": Grid(*row["grid"]), "legs": tuple(row["legs"])}) for row in rows]


def utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
