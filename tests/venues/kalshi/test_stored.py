"""Recorded messages through the writer's books into the tables: levels, tops, trades, results, as the database holds them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from psycopg2.extensions import connection as RawConnection

from core.records import BOOK_CLAIMS, KINDS
from db import copy
from tasks.books import Books
from tasks.replay import take
from tests.venues.kalshi.messages import delta, lifecycle, snapshot, ticker, trade
from venues.kalshi.frames import decode

Query = Callable[..., list[tuple[Any, ...]]]


def store(connection: RawConnection, rows: dict[str, Any], numbers: dict[str, int]) -> dict[str, int]:
    stored = {}
    for kind, columns in rows.items():
        if kind not in KINDS:
            continue
        stream = copy.encode(KINDS[kind], [columns])
        with connection, connection.cursor() as cursor:
            stored[kind] = copy.copy_once(cursor, KINDS[kind], stream)
            assert copy.copy_once(cursor, KINDS[kind], stream) == 0
    return stored


def test_messages_are_stored_and_a_second_copy_changes_nothing(batch: Callable[..., Any], connection: RawConnection, query: Query) -> None:
    messages = [
        snapshot(1),
        delta(2, delta_fp="5.25"),
        delta(3, side="yes", price_dollars="0.4600", delta_fp="7.00"),
        trade(),
        lifecycle(),
        ticker(),
    ]
    numbers: dict[str, int] = {}
    rows = {
        kind: {
            **columns,
            "instrument_id": np.array([numbers.setdefault(symbol, len(numbers) + 1) for symbol in columns["symbol"]], np.int32),
        }
        for kind, columns in decode("orderbook_delta", batch(messages)).rows.items()
    }
    taken = take(Books(), "c", rows)
    assert store(connection, taken.rows, numbers) == {
        "trades": 1,
        "resolutions": 1,
        "tickers": 1,
        "book_snapshots": 3,
        "book_deltas": 2,
        "quotes": 3,
    }
    assert query("SELECT side, price, quantity FROM book_deltas ORDER BY update_id") == [(-1, 0.49, 5.25), (1, 0.46, 7.0)]
    assert query("SELECT update_id, bid_price, bid_quantity, ask_price, ask_quantity FROM quotes ORDER BY update_id") == [
        (0, 0.45, 2074.0, 0.52, 169.74),
        (1, 0.45, 2074.0, 0.49, 5.25),
        (2, 0.46, 7.0, 0.49, 5.25),
    ]
    assert query("SELECT venue_trade_id, flags, side FROM trades") == [("2d4334aa-5112-3253-ebea-4958a6ec2c97", 0, -1)]
    assert query("SELECT source, status, payout FROM resolutions") == [("kalshi", "determined", 0.0)]
    assert BOOK_CLAIMS in rows
