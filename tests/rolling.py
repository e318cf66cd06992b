"""Random quotes and trades, and what bars come to by plain SQL over raw rows: both editions are compared with it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

Columns = Mapping[str, Any]
Query = Callable[..., list[tuple[Any, ...]]]

#: A full hour, three hours ago: all hours but the last are over.
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
WIDTHS = {"bars_1s": "second", "bars_1m": "minute", "bars_1h": "hour"}
_PRICES = ("open", "high", "low", "close", "spread_mean", "spread_max", "imbalance")
NAMES = ("bucket", "instrument_id", *_PRICES, "updates", "trades", "volume", "buy_volume", "vwap")
#: Sums of doubles depend on their order, by some units in the last place.
SUMMED = {"spread_mean", "imbalance", "volume", "buy_volume", "vwap"}

PLAIN = """
WITH tops AS (
    SELECT date_trunc('{unit}', event_at, 'UTC') AS bucket, *, bid_price <> 0 AND ask_price <> 0 AS whole, (bid_price + ask_price) / 2 AS mid FROM quotes
), firsts AS (
    SELECT DISTINCT ON (instrument_id, bucket) instrument_id, bucket, mid AS open FROM tops WHERE whole
    ORDER BY instrument_id, bucket, event_at, update_id
), lasts AS (
    SELECT DISTINCT ON (instrument_id, bucket) instrument_id, bucket, mid AS close FROM tops WHERE whole
    ORDER BY instrument_id, bucket, event_at DESC, update_id DESC
), whole AS (
    SELECT instrument_id, bucket, max(mid) AS high, min(mid) AS low, avg(ask_price - bid_price) AS spread_mean, max(ask_price - bid_price) AS spread_max
    FROM tops WHERE whole GROUP BY 1, 2
), quoted AS (
    SELECT instrument_id, bucket, count(*) AS updates,
           avg((bid_quantity - ask_quantity) / (bid_quantity + ask_quantity)) FILTER (WHERE bid_quantity + ask_quantity > 0) AS imbalance
    FROM tops GROUP BY 1, 2
), traded AS (
    SELECT instrument_id, date_trunc('{unit}', event_at, 'UTC') AS bucket, count(*) AS trades, sum(quantity) AS volume,
           sum(CASE WHEN side = 1 THEN quantity ELSE 0 END) AS buy_volume, sum(price * quantity) / sum(quantity) AS vwap
    FROM trades GROUP BY 1, 2
)
SELECT bucket, instrument_id, open, high, low, close, spread_mean, spread_max, imbalance, coalesce(updates, 0), coalesce(trades, 0),
       coalesce(volume, 0), coalesce(buy_volume, 0), vwap
FROM quoted LEFT JOIN whole USING (instrument_id, bucket) LEFT JOIN firsts USING (instrument_id, bucket) LEFT JOIN lasts USING (instrument_id, bucket)
FULL JOIN traded USING (instrument_id, bucket)
ORDER BY instrument_id, bucket
"""


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def us(seconds: Any) -> Any:
    return int(START.timestamp()) * 1_000_000 + (np.asarray(seconds) * 1e6).astype(np.int64)


def market(random: np.random.Generator, rows: int, seconds: float, *, since: float = 0.0, first: int = 0) -> dict[str, dict[str, Any]]:
    """Quotes and trades of three instruments from START + since on, in no order, with many rows of one millisecond, empty sides, and seconds in
    which there is only one of the two. `first`: number of the first row."""
    tables: dict[str, dict[str, Any]] = {}
    for name in ("quotes", "trades"):
        # Some seconds are busy and most are empty.
        moments = since + np.floor(random.random(rows) ** 3 * seconds * 1000) / 1000
        tables[name] = {
            "event_at": us(moments),
            "received_at": us(moments),
            "instrument_id": random.integers(1, 4, rows).astype(np.int32),
        }
    numbers, prices = random.permutation(rows) + first, np.round(random.normal(100, 3, (2, rows)), 2)
    sizes = np.round(random.exponential(1, (3, rows)), 3)
    empty = random.random((2, rows)) < 0.1
    tables["quotes"] |= {
        "update_id": numbers,
        "bid_price": np.where(empty[0], 0.0, prices.min(0)),
        "bid_quantity": np.where(empty[0], 0.0, sizes[0]),
        "ask_price": np.where(empty[1], 0.0, prices.max(0) + 0.01),
        "ask_quantity": np.where(empty[1], 0.0, sizes[1]),
    }
    tables["trades"] |= {
        "trade_id": numbers,
        "price": prices[0],
        "quantity": sizes[2] + 0.001,
        "side": random.choice(np.array([1, -1], np.int16), rows),
    }
    return tables


def part(tables: Mapping[str, Columns], picked: Any) -> dict[str, dict[str, Any]]:
    return {name: {column: values[picked] for column, values in columns.items()} for name, columns in tables.items()}


def compare(query: Query, until: Mapping[str, datetime] | None = None) -> int:
    """Assert that bars of every width are what plain SQL says of all rows, before a moment where one is given; returns how many there are."""
    count = 0
    for bars, unit in WIDTHS.items():
        end = (until or {}).get(bars, datetime.max.replace(tzinfo=UTC))
        expected = [row for row in query(PLAIN.format(unit=unit)) if row[0] < end]
        found = query(f"SELECT {', '.join(NAMES)} FROM {bars} WHERE bucket < %s ORDER BY instrument_id, bucket", (end,))
        assert [row[:2] for row in found] == [row[:2] for row in expected], bars
        for place, name in enumerate(NAMES):
            ours, plain = [row[place] for row in found], [row[place] for row in expected]
            if name in SUMMED:
                np.testing.assert_allclose(np.array(ours, float), np.array(plain, float), 1e-11, 1e-12, err_msg=f"{bars}.{name}")
            else:
                assert ours == plain, f"{bars}.{name}"
        count += len(found)
    return count
