"""Instrument names: `ETH-26DEC26-3000-C`, `XRP_USDC-30JUN26-0d62-C`, `ETH-PERPETUAL`, and what follows from them. Pure."""

import re
from datetime import UTC, datetime

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DATED = re.compile(
    r"^(?P<family>[A-Z0-9]+(?:_USDC)?)-(?P<date>\d{1,2}[A-Z]{3}\d{2}|PERPETUAL)(?:-(?P<strike>\d+(?:d\d+)?)-(?P<side>[CP]))?$"
)


def date_text(when: datetime) -> str:
    return f"{when.day}{MONTHS[when.month - 1]}{when.year % 100:02d}"


def date_of(text: str) -> datetime:
    """08:00 UTC of the day a name says. Raises ValueError."""
    day, month, year = text[:-5], text[-5:-2], text[-2:]
    if month not in MONTHS:
        raise ValueError(f"no month {month}")
    return datetime(2000 + int(year), MONTHS.index(month) + 1, int(day), 8, tzinfo=UTC)


def strike_text(strike: float) -> str:
    """`d` in lower case stands for the decimal point."""
    return f"{strike:.10g}".replace(".", "d")


def strike_of(text: str) -> float:
    return float(text.replace("d", "."))


def option(family: str, date: str, strike: float, side: str) -> str:
    return f"{family}-{date}-{strike_text(strike)}-{side}"
