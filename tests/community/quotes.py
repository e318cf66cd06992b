"""Best bids and asks as they are recorded: how far apart, which side changes, by how much. As columns, and as rows in the database."""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.records import QUOTES

RECORDED = "binance/ws_combined_2021-07-22_sushiusdt_akrousdt.jsonl.gz"
#: What becomes of a step: the time since the one before and until it arrived (µs), ids, ticks of both prices, both amounts.
Steps = dict[str, Any]
Columns = dict[str, Any]
#: In one statement.
_ROWS = 3000


def recorded_steps(captures: Path) -> list[Steps]:
    """Of each symbol of a recording (305 and 88 frames of half a minute)."""
    frames = defaultdict(list)
    with gzip.open(captures / RECORDED, "rt") as lines:
        for line in map(json.loads, lines):
            data = json.loads(line["raw"]).get("data", {})
            if data.get("e") == "bookTicker" and line["recv_ns"]:
                frames[data["s"]].append((data["T"] * 1000, line["recv_ns"] // 1000, data["u"], *(float(data[key]) for key in "bBaA")))
    return [_steps(np.array(rows), tick) for rows, tick in zip(frames.values(), (1e-3, 1e-5), strict=True)]


def _steps(rows: Any, tick: float) -> Steps:
    moved = np.diff(rows, axis=0)
    return {
        "apart": moved[:, 0].astype(int),
        "under_way": (rows[1:, 1] - rows[1:, 0]).astype(int),
        "ids": moved[:, 2].astype(int),
        "bid_ticks": np.rint(moved[:, 3] / tick),
        "ask_ticks": np.rint(moved[:, 5] / tick),
        "bid_quantity": rows[1:, 4],
        "ask_quantity": rows[1:, 6],
    }


def like_the_recorded(count: int = 400, seed: int = 5) -> list[Steps]:
    """The same without the recording, by its statistics: a quarter of the frames within a millisecond of the one before and the middle one
    20 ms after it, 46 to 58 ms under way, one side changes and each price in one of eight frames. Amounts are never seen again."""
    rng = np.random.default_rng(seed)
    bid_side = rng.random(count) < 0.5
    drawn = rng.lognormal(6, 2, (2, count)).round(0) + 1
    held = np.maximum.accumulate(np.where([bid_side, ~bid_side], np.arange(count), 0), axis=1)
    return [
        {
            "apart": np.where(rng.random(count) < 0.25, rng.integers(0, 2, count), rng.lognormal(3.4, 1.8, count).astype(int)) * 1000,
            "under_way": (46_000 + rng.gamma(2, 2_500, count)).astype(int),
            "ids": rng.lognormal(6.5, 2, count).astype(int) + 1,
            "bid_ticks": np.where(rng.random(count) < 0.13, rng.integers(-2, 3, count), 0),
            "ask_ticks": np.where(rng.random(count) < 0.13, rng.integers(-2, 3, count), 0),
            "bid_quantity": drawn[0][held[0]],
            "ask_quantity": drawn[1][held[1]],
        }
    ]


def many(steps: list[Steps], instruments: int, rows: int, *, from_us: int, seed: int = 1) -> Columns:
    """So many rows of each instrument in the order in which they arrived, made of stretches of the steps; amounts of every second pair of
    instruments count tenths, hundredths or thousandths."""
    rng, found = np.random.default_rng(seed), []
    for number in range(instruments):
        of, tick, digits = steps[number % len(steps)], 10.0 ** -(3 + 2 * (number % 2)), number // 2 % 4
        starts = rng.integers(0, len(of["apart"]) - 16, rows // 16 + 1)
        picked = {name: values[(starts[:, None] + np.arange(16)).ravel()[:rows]] for name, values in of.items()}
        event_at = from_us + np.cumsum(picked["apart"])
        found.append(
            {
                "event_at": event_at,
                "received_at": np.maximum.accumulate(event_at + np.minimum(picked["under_way"], 200_000)),
                "instrument_id": np.full(rows, number + 1),
                "update_id": 600_859_600_576 + np.cumsum(picked["ids"]),
                "bid_price": np.round((50_000 + np.cumsum(picked["bid_ticks"])) * tick, 5),
                "bid_quantity": np.round(picked["bid_quantity"] / 10**digits, digits),
                "ask_price": np.round((50_001 + np.cumsum(picked["ask_ticks"])) * tick, 5),
                "ask_quantity": np.round(picked["ask_quantity"] / 10**digits, digits),
            }
        )
    together = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    order = np.argsort(together["received_at"], kind="stable")
    return {name: values[order] for name, values in together.items()}


def load(ask: Callable[..., Any], columns: Columns) -> None:
    """Into `quotes`; what stands there already stays."""
    names = ", ".join(column.name for column in QUOTES.columns)
    for start in range(0, len(columns["event_at"]), _ROWS):
        values = [columns[column.name][start : start + _ROWS].tolist() for column in QUOTES.columns]
        ask(
            f"INSERT INTO quotes ({names}) SELECT 'epoch'::timestamptz + a * INTERVAL '1 us', 'epoch'::timestamptz + b * INTERVAL '1 us', c, d, e, f, g, h "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::bigint[], %s::float8[], %s::float8[], %s::float8[], %s::float8[]) "
            "AS r(a, b, c, d, e, f, g, h) ON CONFLICT DO NOTHING",
            values,
        )


def rows_of(columns: Columns) -> Iterator[tuple[Any, ...]]:
    """In the order of the key, times in microseconds, each key once."""
    order = np.lexsort((columns["update_id"], columns["event_at"], columns["instrument_id"]))
    return zip(*(columns[column.name][order].tolist() for column in QUOTES.columns), strict=True)


def rows_in(ask: Callable[..., Any]) -> list[tuple[Any, ...]]:
    """What the database holds, likewise."""
    found: list[tuple[Any, ...]] = ask(
        "SELECT (extract(epoch FROM event_at) * 1000000)::bigint, (extract(epoch FROM received_at) * 1000000)::bigint, instrument_id, update_id, "
        "bid_price, bid_quantity, ask_price, ask_quantity FROM quotes ORDER BY instrument_id, event_at, update_id"
    )
    return found
