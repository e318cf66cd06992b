"""Price grids and fixed-point text. Prices count ten-thousandths of a dollar, contracts hundredths; every double is one division."""

from functools import cache
from typing import NamedTuple

DOLLAR = 10_000
CONTRACT = 100


class Band(NamedTuple):
    start: int
    end: int
    step: int


#: price_level_structure -> bands (documents of 2026-04; the combos' own since 2026-08)
STRUCTURES = {
    "linear_cent": (Band(0, DOLLAR, 100),),
    "deci_cent": (Band(0, DOLLAR, 10),),
    "tapered_deci_cent": (Band(0, 1000, 10), Band(1000, 9000, 100), Band(9000, DOLLAR, 10)),
    "center_deci_edge_centi_cent": (Band(0, 100, 1), Band(100, 9900, 10), Band(9900, DOLLAR, 1)),
}
#: The text of each price, as answers and frames show it.
DOLLARS = tuple(f"{price // DOLLAR}.{price % DOLLAR:04d}" for price in range(DOLLAR + 1))


@cache
def prices(structure: str) -> tuple[int, ...]:
    """Valid prices, ascending, without 0 and 1."""
    found = {price for band in STRUCTURES[structure] for price in range(band.start, band.end + 1, band.step)}
    return tuple(sorted(found - {0, DOLLAR}))


def ranges(structure: str) -> list[dict[str, str]]:
    return [{"start": DOLLARS[band.start], "end": DOLLARS[band.end], "step": DOLLARS[band.step]} for band in STRUCTURES[structure]]


def contracts(count: int) -> str:
    """1250 -> "12.50", -5 -> "-0.05"."""
    sign, size = ("-", -count) if count < 0 else ("", count)
    return f"{sign}{size // CONTRACT}.{size % CONTRACT:02d}"
