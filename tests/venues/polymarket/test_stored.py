"""Recorded frames and replies into the tables: each absence, each level and each market as the database holds it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from psycopg2.extensions import connection as RawConnection

from core.records import KINDS
from core.venue import Decoded, Reply
from db import copy, instruments, markets
from tests.venues.polymarket.recorded import BOOKS, MARKETS
from tests.venues.polymarket.test_recorded_replies import NOW_US, as_page, document
from venues.polymarket import rest
from venues.polymarket.frames import decode
from venues.polymarket.listings import parse_markets

Query = Callable[..., list[tuple[Any, ...]]]


def store(connection: RawConnection, found: Decoded, numbers: dict[str, int]) -> dict[str, int]:
    stored = {}
    for kind, columns in found.rows.items():
        if kind in KINDS:
            ids = np.array([numbers.setdefault(symbol, len(numbers) + 1) for symbol in columns["symbol"]], np.int32)
            stream = copy.encode(KINDS[kind], [{**columns, "instrument_id": ids}])
            with connection, connection.cursor() as cursor:
                stored[kind] = copy.copy_once(cursor, KINDS[kind], stream)
                assert copy.copy_once(cursor, KINDS[kind], stream) == 0, "a second copy changes nothing"
    return stored


def test_recorded_frames_are_stored(recorded: Any, batch: Any, connection: RawConnection, query: Query) -> None:
    numbers: dict[str, int] = {}
    decoded = decode("market", batch(recorded("polymarket")))
    assert store(connection, decoded, numbers) == {"book_snapshots": 805, "book_deltas": 37, "trades": 10, "resolutions": 2}
    assert query("SELECT count(*), count(previous_id) FROM book_deltas") == [(37, 0)]
    assert query("SELECT price, quantity, side, venue_trade_id FROM trades WHERE quantity = 216.216215") == [
        (0.925, 216.216215, 1, "0x05cc387abf197675a7c70f63f590f2caefd35533b1b088c80a76e7dcd7685a18")
    ]
    assert query("SELECT source, status, payout FROM resolutions ORDER BY payout") == [
        ("market channel", "resolved", 0.0),
        ("market channel", "resolved", 1.0),
    ]


def test_recorded_books_are_stored(captures: Path, connection: RawConnection, query: Query) -> None:
    bodies = [document(captures, name) for name in BOOKS]
    reply = Reply("books", {}, json.dumps(bodies).encode(), NOW_US)
    numbers: dict[str, int] = {}
    assert store(connection, rest.parse_books(reply), numbers) == {"book_snapshots": sum(row[2] + row[3] for row in BOOKS.values())}
    # Two markets were recorded on both days; a price is one of a token and an instant.
    assert store(connection, rest.parse_prices(reply), numbers) == {"prices": 28}
    assert query("SELECT count(*) FROM prices WHERE bid_price < ask_price AND last_price > 0") == [(28,)]


def test_recorded_markets_are_stored_and_a_second_look_changes_nothing(captures: Path, connection: RawConnection, query: Query) -> None:
    bodies = [document(captures, name)[0] for name in MARKETS if "2026-07-06" in name]
    decoded = parse_markets(as_page(bodies))
    for turn in range(2):
        with connection, connection.cursor() as cursor:
            changed = markets.describe(cursor, "polymarket", decoded.markets, at_us=NOW_US + turn)
            tokens = instruments.describe(cursor, "polymarket", decoded.instruments, complete=decoded.complete, at_us=NOW_US + turn)
        assert (changed, tokens) == ((21, 42) if turn == 0 else (0, 0))
    assert query("SELECT count(*), count(DISTINCT rules_sha256) FROM markets") == [(21, 13)]
    symbol, market_id, outcome = query("SELECT symbol, attributes->>'market_id', attributes->>'outcome' FROM instruments ORDER BY symbol")[
        0
    ]
    assert query("SELECT outcomes FROM markets WHERE market_id = %s", (market_id,))[0][0].count([symbol, outcome]) == 1
    assert max(len(row[0]) for row in query("SELECT symbol FROM instruments")) == 78
