"""What can be read and exported: every kind of core.records, and the bars made of quotes and trades. Pure.

Rows of one dataset stand in the order of `key`, which begins with the instrument and goes on with the time.
"""

from dataclasses import dataclass

from core.records import KINDS, QUOTES, TRADES, Column


@dataclass(frozen=True, slots=True)
class Dataset:
    """`time`: the column that a day is cut by. `made_of`: kinds whose rows it holds, or is computed from. `received`: the column of our
    clock, where each row has one."""

    name: str
    columns: tuple[Column, ...]
    time: str
    key: tuple[str, ...]
    made_of: tuple[str, ...]
    received: str | None = "received_at"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


_BAR_COLUMNS = (
    Column("bucket", "timestamptz", "begin of the interval, venue's clock"),
    Column("instrument_id", "int4", "instruments.instrument_id"),
    Column("open", "float8", "first mid price of quotes; absent where the interval has none", nullable=True),
    Column("high", "float8", "highest mid price", nullable=True),
    Column("low", "float8", "lowest mid price", nullable=True),
    Column("close", "float8", "last mid price", nullable=True),
    Column("spread_mean", "float8", "mean of ask less bid over the quotes", nullable=True),
    Column("spread_max", "float8", "greatest ask less bid", nullable=True),
    Column("imbalance", "float8", "mean of (bid - ask) / (bid + ask) of the quantities at the top", nullable=True),
    Column("updates", "int8", "quotes"),
    Column("trades", "int8", "trades"),
    Column("volume", "float8", "traded quantity"),
    Column("buy_volume", "float8", "of it, what takers bought"),
    Column("vwap", "float8", "mean price of the trades by quantity; absent where there was none", nullable=True),
)
#: interval as users write it -> its seconds
INTERVALS = {"1s": 1, "1m": 60, "1h": 3600}
BARS = {
    f"bars_{interval}": Dataset(
        f"bars_{interval}", _BAR_COLUMNS, "bucket", ("instrument_id", "bucket"), (QUOTES.name, TRADES.name), received=None
    )
    for interval in INTERVALS
}
DATASETS = {name: Dataset(name, kind.columns, "event_at", kind.key, (name,)) for name, kind in KINDS.items()} | BARS
