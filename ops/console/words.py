"""How the page says figures: filters of its templates. A value that is not known is a dash."""

from datetime import UTC, datetime
from decimal import Decimal

DASH = "–"
#: (unit, its seconds, the one below, its seconds)
_UNITS: tuple[tuple[str, int, str, int], ...] = (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1))
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def count(value: float | None) -> str:
    """Thousands apart; below ten with a decimal where there is one."""
    if value is None:
        return DASH
    return f"{value:,.1f}" if 0 < value < 10 and value != int(value) else f"{value:,.0f}"


def size(value: float | None) -> str:
    if value is None:
        return DASH
    for unit in _SIZES:
        if abs(value) < 1000 or unit == _SIZES[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or abs(value) >= 100 else f"{value:.1f} {unit}"


def lasted(seconds: float | None) -> str:
    """A length of time in its two largest units at most."""
    if seconds is None:
        return DASH
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    for unit, per, below, each in _UNITS:
        if seconds >= 2 * per or (seconds >= per and unit != "d"):
            whole, rest = divmod(seconds, per)
            return f"{whole:.0f} {unit}" if whole >= 10 or rest < each else f"{whole:.0f} {unit} {rest // each:.0f} {below}"
    return f"{seconds:.0f} s"


def every(seconds: float) -> str:
    for unit, per in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= per and seconds % per == 0:
            return f"{seconds / per:.0f} {unit}"
    return f"{seconds:g} s"


def price(value: float | Decimal | None) -> str:
    """As the venue writes it: without a power of ten, and no zeroes at its end."""
    if value is None:
        return DASH
    whole, _, part = format(Decimal(repr(value)) if isinstance(value, float) else value, ",f").partition(".")
    part = part.rstrip("0")
    return (f"{whole}.{part}" if part else whole).replace(",", "\u2009")


def fixed(value: float | Decimal | None, places: int) -> str:
    return DASH if value is None else f"{value:,.{places}f}"


def dollars(value: Decimal | float | None) -> str:
    return DASH if value is None else f"{'−' if value < 0 else ''}${abs(value):,.2f}"


def cents(value: Decimal | float | None) -> str:
    """Of a share, in cents, its sign always shown."""
    return DASH if value is None else f"{'−' if value < 0 else '+'}{abs(float(value)) * 100:.2f}¢"


def clock(at: datetime | None) -> str:
    return DASH if at is None else f"{at.astimezone(UTC):%H:%M:%S}"


def day(at: datetime | None) -> str:
    return DASH if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def short(text: object, most: int) -> str:
    """A long name by its two ends."""
    word = str(text)
    return word if len(word) <= most else f"{word[: most * 2 // 3]}…{word[-(most // 3) :]}"


FILTERS = {one.__name__: one for one in (count, size, lasted, every, price, fixed, dollars, cents, clock, day, short)}
