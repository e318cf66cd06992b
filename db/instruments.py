"""Symbols to the farm's numbers, and the history of what the venue says about each."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from psycopg2.extensions import connection as RawConnection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from core.records import Instrument
from db import versions
from db.moments import moment

INSTRUMENTS = versions.Described(
    "instruments",
    "instrument_history",
    "instrument_id",
    "symbol",
    {
        "status": "text",
        "base_asset": "text",
        "quote_asset": "text",
        "contract_type": "text",
        "tick_size": "text",
        "lot_size": "text",
        "listed_at": "timestamptz",
        "expires_at": "timestamptz",
        "attributes": "jsonb",
        "amount_unit": "text",
        "price_unit": "text",
    },
)


class TooManyInstruments(Exception):
    """Frames name more instruments than a venue can have; the bound is WRITER_MAX_INSTRUMENTS."""


class InstrumentIds:
    """symbol -> instrument_id of one venue, from memory; a symbol never seen is registered on a connection of its own.

    Such an instrument has the status `unknown` until metadata describes it.
    """

    def __init__(self, venue: str, connection: RawConnection, max_instruments: int) -> None:
        self._venue = venue
        self._connection = connection
        self._max = max_instruments
        self._ids: dict[str, int] = {}

    def array(self, symbols: Sequence[str]) -> Any:
        """int32 array, one id a symbol."""
        try:
            return np.fromiter(map(self._ids.__getitem__, symbols), np.int32, len(symbols))
        except KeyError:
            self._learn({symbol for symbol in symbols if symbol not in self._ids})
            return np.fromiter(map(self._ids.__getitem__, symbols), np.int32, len(symbols))

    def known(self, symbols: Sequence[str]) -> dict[str, int]:
        """symbol -> id of those that are registered; nothing is registered by asking."""
        if unseen := [symbol for symbol in symbols if symbol not in self._ids]:
            with self._connection, self._connection.cursor() as cursor:
                self._ids.update(_find(cursor, self._venue, unseen))
        return {symbol: self._ids[symbol] for symbol in symbols if symbol in self._ids}

    def _learn(self, symbols: set[str]) -> None:
        if len(self._ids) + len(symbols) > self._max:
            raise TooManyInstruments(f"{self._venue} would have more than {self._max} instruments; WRITER_MAX_INSTRUMENTS raises the bound")
        with self._connection, self._connection.cursor() as cursor:
            self._ids.update(_register(cursor, self._venue, symbols))


def _register(cursor: Cursor, venue: str, symbols: Iterable[str]) -> dict[str, int]:
    wanted = sorted(symbols)
    execute_values(
        cursor,
        "INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES %s ON CONFLICT (venue, symbol) DO NOTHING",
        [(venue, symbol) for symbol in wanted],
        template="(%s, %s, 'unknown', now(), now())",
    )
    return _find(cursor, venue, wanted)


def _find(cursor: Cursor, venue: str, symbols: Sequence[str]) -> dict[str, int]:
    cursor.execute("SELECT symbol, instrument_id FROM instruments WHERE venue = %s AND symbol = ANY(%s)", (venue, list(symbols)))
    return dict(cursor.fetchall())


def describe(cursor: Cursor, venue: str, listed: Sequence[Instrument], *, complete: bool, at_us: int, provisional: bool = False) -> int:
    """Take over what the venue says; returns how many instruments changed. Each change closes one row of history and opens the next.

    Only a complete list may say that an instrument is gone (status `gone`); a partial one never closes anything, and a provisional one
    changes nothing that has been described.
    """
    _register(cursor, venue, {instrument.symbol for instrument in listed})
    versions.stage(cursor, INSTRUMENTS, [_row(instrument) for instrument in listed])
    if provisional:
        cursor.execute(
            "DELETE FROM described_instruments d USING instruments i WHERE i.venue = %s AND i.symbol = d.symbol AND i.status <> 'unknown'",
            (venue,),
        )
    if complete:
        names = ", ".join(list(INSTRUMENTS.columns)[1:])
        cursor.execute(
            f"INSERT INTO described_instruments SELECT symbol, 'gone', {names} FROM instruments i "
            "WHERE venue = %s AND status NOT IN ('gone', 'unknown') "
            "AND NOT EXISTS (SELECT FROM described_instruments d WHERE d.symbol = i.symbol)",
            (venue,),
        )
    return versions.take_over(cursor, INSTRUMENTS, venue, at_us, always="i.status = 'unknown'")


def _row(i: Instrument) -> tuple[Any, ...]:
    attributes = json.dumps(i.attributes, ensure_ascii=False, sort_keys=True) if i.attributes is not None else None
    return (
        i.symbol,
        i.status,
        i.base_asset,
        i.quote_asset,
        i.contract_type,
        i.tick_size,
        i.lot_size,
        moment(i.listed_at_us),
        moment(i.expires_at_us),
        attributes,
        i.amount_unit,
        i.price_unit,
    )


def unrecorded(cursor: Cursor, venue: str, recorded: Sequence[str], *, limit: int) -> list[str]:
    """Symbols that are listed, have not expired, share a base asset with the recorded ones and are none of them. In no order: a round
    that ends early leaves out others than the one before."""
    cursor.execute(
        "SELECT symbol FROM instruments WHERE venue = %s AND status NOT IN ('gone', 'unknown') AND coalesce(expires_at > now(), true) "
        "AND base_asset IN (SELECT base_asset FROM instruments WHERE venue = %s AND symbol = ANY(%s)) AND symbol <> ALL(%s) "
        "ORDER BY random() LIMIT %s",
        (venue, venue, list(recorded), list(recorded), limit),
    )
    return [symbol for (symbol,) in cursor.fetchall()]


def unknown(cursor: Cursor, venue: str, *, limit: int) -> list[str]:
    """Symbols that only frames have named; any of them, so that those that no list will ever name do not stand before the others."""
    cursor.execute("SELECT symbol FROM instruments WHERE venue = %s AND status = 'unknown' ORDER BY random() LIMIT %s", (venue, limit))
    return [row[0] for row in cursor.fetchall()]


def last_of_sequence(cursor: Cursor, table: str, column: str, venue: str, lookback_hours: float) -> list[tuple[int, int, int]]:
    """(instrument_id, last id, its event_at in us) of every instrument of the venue with a row within the lookback."""
    cursor.execute(
        f"SELECT i.instrument_id, t.{column}, (extract(epoch FROM t.event_at) * 1000000)::int8 FROM instruments i CROSS JOIN LATERAL ("
        f"  SELECT {column}, event_at FROM {table} WHERE instrument_id = i.instrument_id AND event_at > now() - %s * INTERVAL '1 hour' "
        f"  ORDER BY event_at DESC, {column} DESC LIMIT 1) t WHERE i.venue = %s",
        (lookback_hours, venue),
    )
    return cursor.fetchall()
