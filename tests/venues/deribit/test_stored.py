"""Recorded frames into the tables: each absence, each flag and each level as the database holds it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from psycopg2.extensions import connection as RawConnection

from core.records import KINDS
from db import copy
from venues.deribit.frames import decode

Query = Callable[..., list[tuple[Any, ...]]]


def test_recorded_frames_are_stored_and_a_second_copy_changes_nothing(
    recorded: Callable[[str], list[bytes]], batch: Callable[..., Any], connection: RawConnection, query: Query
) -> None:
    numbers: dict[str, int] = {}
    stored = {}
    for channel in ("quote", "ticker", "trades", "book"):
        for kind, columns in decode(channel, batch(recorded("deribit"))).rows.items():
            ids = np.array([numbers.setdefault(symbol, len(numbers) + 1) for symbol in columns["symbol"]], np.int32)
            stream = copy.encode(KINDS[kind], [{**columns, "instrument_id": ids}])
            with connection, connection.cursor() as cursor:
                stored[kind] = copy.copy_once(cursor, KINDS[kind], stream)
                assert copy.copy_once(cursor, KINDS[kind], stream) == 0
    assert stored == {"quotes": 3, "tickers": 72, "trades": 6, "book_snapshots": 65, "book_deltas": 40}
    assert query("SELECT trade_id, side, flags, implied_volatility FROM trades WHERE flags <> 0 ORDER BY 1") == [
        (40781986, -1, 1, None),
        (40782080, 1, 1, None),
    ]
    (strike,) = [number for symbol, number in numbers.items() if symbol == "MATIC_USDC-9MAR24-1d02-C"]
    assert query(
        "SELECT mark_price, mark_iv, bid_iv, delta, last_price, funding_rate FROM tickers WHERE instrument_id = %s", (strike,)
    ) == [(0.139, 209.64, None, 0.7869, None, None)]
    assert query("SELECT count(*) FROM book_snapshots WHERE price = 0 AND quantity = 0") == [(1,)]
