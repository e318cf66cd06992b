"""What is stored of markets, for their venues to read trading terms from.

Beside its markets a venue may list what is not traded: its series, as instruments of the type `series` named like `markets.series_id`, and
changes of fees, past and to come, as instruments of the type `fee change`, named so with a number: in force from `listed_at`, of the series
in `attributes.series_ticker` or of one of its events.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor

from core.trading import Facts
from db.moments import micros, moment

_SERIES, _FEE_CHANGE = "series", "fee change"
#: Of the versions in the history of a thing the one that stood at the moment. By the key, as histories are long.
_STOOD = (
    "CROSS JOIN LATERAL (SELECT h.* FROM {history} h WHERE h.{key} = {of}.{key} AND h.valid_from <= %(at)s::timestamptz "
    "AND coalesce(h.valid_to > %(at)s::timestamptz, true) ORDER BY h.valid_from DESC LIMIT 1) v"
)
_MARKET = _STOOD.format(history="market_history", key="market_key", of="m")
_INSTRUMENT = _STOOD.format(history="instrument_history", key="instrument_id", of="i")

#: venue and the venue's name of the series
Place = tuple[str, str]
Change = tuple[int, Mapping[str, Any]]


def load(cursor: Cursor, market_keys: Sequence[int], *, at_us: int | None = None) -> dict[int, Facts]:
    """market_key -> facts, as they were known at the moment (now unless told), so that a replay reckons as was reckoned. A market that
    nobody had described by then is missing."""
    at: datetime | str = moment(at_us) or "infinity"
    cursor.execute(
        "SELECT m.market_key, m.venue, m.market_id, v.series_id, v.event_id, v.attributes, v.valid_from "
        f"FROM markets m {_MARKET} WHERE m.market_key = ANY(%(keys)s)",
        {"keys": list(market_keys), "at": at},
    )
    markets = cursor.fetchall()
    places = {(venue, series_id) for _, venue, _, series_id, *_ in markets if series_id is not None}
    asked = {"venues": sorted({venue for venue, _ in places}), "names": sorted({name for _, name in places}), "at": at}
    series, changes = _series(cursor, asked), _changes(cursor, asked)
    found = {}
    for key, venue, market_id, series_id, event_id, attributes, since in markets:
        of_series, series_us = series.get((venue, series_id), ({}, 0))
        told = changes.get((venue, series_id), ())
        found[key] = Facts(market_id, series_id, event_id, attributes or {}, of_series, told, micros(since) or 0, series_us)
    return found


def _series(cursor: Cursor, asked: Mapping[str, Any]) -> dict[Place, tuple[Mapping[str, Any], int]]:
    """-> (its attributes, since when in us)."""
    cursor.execute(
        f"SELECT i.venue, i.symbol, v.attributes, v.valid_from FROM instruments i {_INSTRUMENT} "
        "WHERE i.venue = ANY(%(venues)s) AND i.symbol = ANY(%(names)s) AND v.contract_type = %(type)s",
        {**asked, "type": _SERIES},
    )
    return {(venue, name): (attributes or {}, micros(since) or 0) for venue, name, attributes, since in cursor.fetchall()}


def _changes(cursor: Cursor, asked: Mapping[str, Any]) -> dict[Place, tuple[Change, ...]]:
    """Of the fees of a series and of its events, in the order in which they come into force."""
    cursor.execute(
        f"SELECT i.venue, v.attributes->>'series_ticker', v.listed_at, v.attributes FROM instruments i {_INSTRUMENT} "
        "WHERE i.venue = ANY(%(venues)s) AND i.symbol LIKE %(named)s AND i.contract_type = %(type)s "
        "AND v.attributes->>'series_ticker' = ANY(%(names)s) AND v.listed_at IS NOT NULL ORDER BY v.listed_at, i.symbol",
        {**asked, "type": _FEE_CHANGE, "named": f"{_FEE_CHANGE} %"},
    )
    found: dict[Place, list[Change]] = {}
    for venue, name, at, attributes in cursor.fetchall():
        found.setdefault((venue, name), []).append((micros(at) or 0, attributes))
    return {place: tuple(changes) for place, changes in found.items()}
