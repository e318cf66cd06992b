"""db.witnesses: comparisons counted by the hour."""

from collections.abc import Callable
from typing import Any

from psycopg2.extensions import connection as RawConnection

from db import witnesses
from db.witnesses import BOOK, HOUR_US, Witnessed

Query = Callable[..., list[tuple[Any, ...]]]
#: 2026-01-01 00:00 UTC
MIDNIGHT_US = 1_767_225_600_000_000
COLUMNS = "looks, agreed, disagreed, extract(epoch FROM agreed_at - hour), extract(epoch FROM disagreed_at - hour), detail"


def look(number: int, at_us: int, agrees: bool | None, detail: str | None = None) -> Witnessed:
    return Witnessed("v", "books", number, BOOK, MIDNIGHT_US + at_us, agrees, detail)


def counted(connection: RawConnection, *looks: Witnessed) -> None:
    with connection, connection.cursor() as cursor:
        witnesses.count(cursor, looks)


def test_looks_are_counted_by_instrument_and_hour(connection: RawConnection, query: Query) -> None:
    counted(connection, look(1, 5, True), look(1, 7_000_000, True), look(2, 9, None), look(1, HOUR_US, False, "0.4 is 0.5"))
    counted(connection, look(1, 3_000_000, None), look(1, HOUR_US + 2_000_000, False), look(1, HOUR_US + 1_000_000, True))
    counted(connection)
    assert query(f"SELECT instrument_id, {COLUMNS} FROM witnesses ORDER BY instrument_id, hour") == [
        (1, 3, 2, 0, 7, None, None),
        (1, 3, 1, 2, 1, 2, "0.4 is 0.5"),
        (2, 1, 0, 0, None, None, None),
    ]
