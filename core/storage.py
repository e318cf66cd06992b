"""How market data is kept, a table each: how much of it is one chunk, when it is compressed and when it is dropped. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.records import KINDS
from core.timetable import seconds

#: Rows come so late as a matter of course: what was missed while a farm was down for a weekend is read again. A keyed row into what is
#: compressed costs 6 to 8 times as much as one into what is not; into what was dropped it would come back alone.
LATE = timedelta(days=2)
#: Smaller chunks are too many for planner and lock table, larger ones never end.
_CHUNKS = (timedelta(hours=1), timedelta(days=366))
_NEVER = "never"


class Unfit(ValueError):
    """A value of farm.toml that cannot be used: where it stands, what it is, and what would do."""

    def __init__(self, where: str, value: object, wanted: str) -> None:
        super().__init__(where, value, wanted)
        self.where, self.value, self.wanted = where, value, wanted


@dataclass(frozen=True, slots=True)
class Kept:
    """`chunk`: rows of so much time lie together, and are compressed and dropped together. `compress_after`, `drop_after`: once so much time
    has passed since the end of a chunk; None: never."""

    chunk: timedelta
    compress_after: timedelta | None
    drop_after: timedelta | None = None


def _days(chunk: int, compress_after: int | None) -> Kept:
    return Kept(timedelta(days=chunk), None if compress_after is None else timedelta(days=compress_after))


#: What farm.toml leaves out. Nothing is dropped unless it says so; tables of few rows are not worth compressing.
KEPT: Mapping[str, Kept] = {
    "trades": _days(1, 7),
    "quotes": _days(1, 7),
    "book_deltas": _days(1, 7),
    "book_snapshots": _days(1, 7),
    "tickers": _days(7, 7),
    "book_summaries": _days(7, 7),
    "prices": _days(7, 7),
    "index_prices": _days(30, 7),
    "candles": _days(30, 30),
    "open_interest": _days(30, None),
    "funding_rates": _days(365, None),
    "settlements": _days(365, None),
    "delivery_prices": _days(365, None),
    "resolutions": _days(90, None),
    "bars_1s": _days(1, 7),
    "bars_1m": _days(30, 30),
    "bars_1h": _days(365, None),
}
#: Made of market data, which may be gone by then: not dropped.
BARS = {name: name for name in KEPT if name.startswith("bars_")}
assert set(KEPT) - set(BARS) == set(KINDS)


def read(tables: Any) -> dict[str, Kept]:
    """table -> how it is kept, of all of them; `tables` is what farm.toml says below [storage]. Raises Unfit."""
    if not isinstance(tables, dict):
        raise Unfit("storage", tables, "[storage.TABLE] tables")
    for name in tables:
        if name not in KEPT:
            raise Unfit(f"storage.{name}", name, f"one of {', '.join(KEPT)}")
    return {name: _kept(f"storage.{name}", tables.get(name, {}), default) for name, default in KEPT.items()}


def _kept(where: str, table: Any, default: Kept) -> Kept:
    if not isinstance(table, dict):
        raise Unfit(where, table, f"a table: [{where}]")
    if unknown := sorted(set(table) - {"chunk", "compress_after", "drop_after"}):
        raise Unfit(where, unknown, "only chunk, compress_after and drop_after")
    chunk = _time(f"{where}.chunk", table["chunk"]) if "chunk" in table else default.chunk
    if not _CHUNKS[0] <= chunk <= _CHUNKS[1]:
        raise Unfit(f"{where}.chunk", table["chunk"], "from '1 hour' to '366 days'")
    after, drop = (_after(f"{where}.{key}", table, key, getattr(default, key)) for key in ("compress_after", "drop_after"))
    if drop is not None and where.partition(".")[2] in BARS:
        raise Unfit(f"{where}.drop_after", table["drop_after"], f"{_NEVER!r}: bars are what is left when market data has been dropped")
    if after is not None and drop is not None and "compress_after" not in table and after >= drop:
        after = None  # said by nobody, and gone before it would be due
    if after is not None and drop is not None and after >= drop:
        raise Unfit(f"{where}.drop_after", table["drop_after"], f"more than compress_after={table['compress_after']!r}, or leave that out")
    return Kept(chunk, after, drop)


def _after(where: str, table: Mapping[str, Any], key: str, default: timedelta | None) -> timedelta | None:
    if key not in table:
        return default
    if table[key] == _NEVER:
        return None
    found = _time(where, table[key], f", or {_NEVER!r}")
    if found < LATE:
        raise Unfit(where, table[key], f"at least '{LATE.days} days', as late rows arrive until then, or {_NEVER!r}")
    return found


def _time(where: str, value: Any, more: str = "") -> timedelta:
    try:
        return timedelta(seconds=seconds(value if isinstance(value, str) else ""))
    except (ValueError, OverflowError):
        raise Unfit(where, value, f"a time such as '12 hours' or '7 days'{more}") from None
