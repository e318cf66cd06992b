"""A report on paper trading as text: the return on capital-days and the capacity first, as they decide whether it is worth anything. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

_TITLES = {
    "edges": "best edge of a share, in cents",
    "lives": "lives of opportunities",
    "flagged": "pairs that look like arbitrage and are not, or not for certain",
    "costs": "costs by kind",
    "pairs": "pairs",
    "days": "days",
}
_CENT, _DAY_PART = Decimal("0.01"), Decimal("0.0001")
#: Columns of dollars, and of dollars times days.
_DOLLARS = {"edge", "realised", "fees", "bound", "dollars"}


def plain(value: Any) -> Any:
    """For JSON: amounts as the text of the decimal, moments as ISO 8601."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if hasattr(value, "isoformat") else value


def render(found: Mapping[str, Any]) -> str:
    """As `./farm paper report` prints it; the same report is the same text to the byte."""
    total = found["total"]
    a_year = total["return_a_year"]
    lines = [
        f"{found['since']:%Y-%m-%d %H:%M} to {found['until']:%Y-%m-%d %H:%M} UTC",
        f"return on capital-days: {'none yet' if a_year is None else f'{a_year:.2%} a year'}"
        f" (won {_dollars(total['realised'])} on {total['capital_days'].quantize(_DAY_PART):f} dollars times days)",
        f"capacity: {_amount(total['capacity'])} shares in {total['opportunities']} opportunities, which promised {_dollars(total['edge'])} for"
        f" {_dollars(total['capital'])}; {_amount(total['taken_shares'])} shares in {total['taken']} were taken, which promised"
        f" {_dollars(total['edge_taken'])}",
        f"settled: {total['positions_settled']} positions, won {_dollars(total['realised_settled'])}; open: {total['positions_open']},"
        f" {_dollars(total['bound'])} bound, {_amount(total['shares_unmatched'])} shares without their other leg",
    ]
    for part, title in _TITLES.items():
        lines += ["", title, *_table(found[part])]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return ["  none"]
    names = list(rows[0])
    cells = [[name.replace("_", " ") for name in names], *([_cell(name, row[name]) for name in names] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(names))]
    left = [isinstance(rows[0][name], str) for name in names]
    return ["  " + "  ".join(_padded(*cell) for cell in zip(row, widths, left, strict=True)).rstrip() for row in cells]


def _padded(text: str, width: int, left: bool) -> str:
    return text.ljust(width) if left else text.rjust(width)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in _DOLLARS:
        return _dollars(value)
    if name == "capital_days":
        return f"{value.quantize(_DAY_PART):f}"
    return _amount(value) if isinstance(value, Decimal) else str(value)


def _dollars(value: Decimal) -> str:
    return f"{value.quantize(_CENT):f} $"


def _amount(value: Decimal) -> str:
    """Without zeroes at its end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
