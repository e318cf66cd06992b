"""db.gaps: which gaps wait, what they may become, and whom a deaf shard concerns."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from core.records import TRADES
from db import gaps
from db.gaps import FILLED, FILLING, MISSING, PARTLY, UNFILLABLE, Gap

Query = Callable[..., list[tuple[Any, ...]]]
#: 2026-01-01 00:00 UTC.
MIDNIGHT_US = 1_767_225_600_000_000


@pytest.fixture
def gap(query: Query) -> Callable[..., int]:
    """A gap of ids 5 to 7 of instrument 1 in the first minute of the year, found a day ago."""
    query(
        "INSERT INTO instruments (instrument_id, venue, symbol, status, first_seen_at, updated_at) VALUES (1, 'v', 'A', 'x', now(), now())"
    )

    def make(**changed: Any) -> int:
        values = {"venue": "v", "channel": "c", "shard": "0", "instrument_id": 1, "cause": "sequence", "state": "missing"}
        values |= {"first_missing": 5, "last_missing": 7, "event_from": "2026-01-01 00:00+00", "event_to": "2026-01-01 00:01+00"}
        values |= {"found_at": "2026-01-02 00:00+00"} | changed
        columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
        return int(query(f"INSERT INTO data_gaps ({columns}) VALUES ({places}) RETURNING gap_id", tuple(values.values()))[0][0])

    return make


def waiting(connection: RawConnection, limit: int = 10) -> list[Gap]:
    with connection, connection.cursor() as cursor:
        return gaps.waiting(cursor, ids_seconds=5, shard_seconds=20, limit=limit)


def test_a_gap_that_is_over_waits_to_be_looked_after(connection: RawConnection, gap: Callable[..., int]) -> None:
    ids, shard = (
        gap(),
        gap(instrument_id=None, cause="disconnected", first_missing=None, last_missing=None, received_to="2026-01-01 00:01+00"),
    )
    minute = 60_000_000
    assert waiting(connection) == [
        Gap(ids, "v", "c", "sequence", "A", 5, 7, MIDNIGHT_US, MIDNIGHT_US + minute),
        Gap(shard, "v", "c", "disconnected", None, None, None, MIDNIGHT_US, MIDNIGHT_US + minute),
    ]
    assert [found.gap_id for found in waiting(connection, limit=1)] == [ids]


@pytest.mark.parametrize(
    "changed",
    [
        {"found_at": "now"},
        {"state": FILLING},
        {"state": UNFILLABLE},
        {"state": "open"},
        {"state": "planned"},
        {"event_to": None},
        {"instrument_id": None, "received_to": "now"},
    ],
    ids=str,
)
def test_what_does_not_wait(connection: RawConnection, gap: Callable[..., int], changed: dict[str, Any]) -> None:
    gap(**changed)
    assert waiting(connection) == []


@pytest.mark.parametrize("before", [MISSING, FILLING, FILLED, PARTLY, UNFILLABLE])
@pytest.mark.parametrize("after", [MISSING, FILLING, FILLED, PARTLY, UNFILLABLE])
def test_a_state_changes_as_it_may_and_says_why(
    connection: RawConnection, gap: Callable[..., int], query: Query, before: str, after: str
) -> None:
    number, may = gap(state=before), after in gaps.BECOMES.get(before, ())
    with connection, connection.cursor() as cursor:
        assert gaps.move(cursor, number, after, "because", rows=3) == may
    ((state, evidence),) = query("SELECT state, evidence FROM data_gaps")
    assert state == (after if may else before)
    assert [(e["state"], e["reason"], e["rows"]) for e in evidence] == ([(after, "because", 3)] if may else [])


def test_every_change_is_kept(connection: RawConnection, gap: Callable[..., int], query: Query) -> None:
    number = gap()
    with connection, connection.cursor() as cursor:
        gaps.move(cursor, number, FILLING, "it is read again", backfill=7)
        gaps.move(cursor, number, PARTLY, "价 is lacking", lacking=[["A", 5, 5]])
    ((evidence,),) = query("SELECT evidence FROM data_gaps")
    assert [(e["state"], e.get("backfill"), e.get("lacking")) for e in evidence] == [(FILLING, 7, None), (PARTLY, None, [["A", 5, 5]])]
    assert all(e["at"] for e in evidence)


@pytest.mark.parametrize("by_ids", [True, False])
def test_whom_a_deaf_shard_concerns(connection: RawConnection, query: Query, by_ids: bool) -> None:
    rows = {"BOTH": (-5, 65), "BEFORE": (-5,), "AFTER": (65,), "NEVER": (), "LONG AGO": (-90_000, 65), "GONE": (-5,), "STRANGER": ()}
    for number, (symbol, seconds) in enumerate(rows.items(), start=1):
        query(
            "INSERT INTO instruments (instrument_id, venue, symbol, status, first_seen_at, updated_at) VALUES (%s, 'v', %s, 'x', now(), now())",
            (number, symbol),
        )
        for at in seconds:
            query(
                "INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side) "
                "VALUES ('2026-01-01 00:00+00'::timestamptz + %s * INTERVAL '1 second', now(), %s, 1, 1, 1, 1)",
                (at, number),
            )
    deaf = Gap(1, "v", "c", "disconnected", None, None, None, MIDNIGHT_US, MIDNIGHT_US + 60_000_000)
    universe = [*(symbol for symbol in rows if symbol not in ("GONE", "STRANGER")), "NOT LISTED YET"]
    with connection, connection.cursor() as cursor:
        found = gaps.concerned(cursor, TRADES, deaf, MIDNIGHT_US, universe, by_ids=by_ids, lookback_hours=24)
    # BOTH stands before and behind: its own ids tell what it lost.
    assert found == sorted({*rows, "NOT LISTED YET"} - {"STRANGER"} - ({"BOTH"} if by_ids else set()))


def test_ids_lost_within_a_deaf_time_belong_to_it(connection: RawConnection, gap: Callable[..., int]) -> None:
    deaf = gap(instrument_id=None, cause="disconnected", first_missing=None, last_missing=None)
    gap()
    gap(state=FILLED, event_from="2025-12-31 23:00+00", event_to="2026-01-01 00:00:30+00")
    gap(state=FILLED, event_from=None, event_to="2026-01-01 00:00:10+00")
    gap(event_from="2026-01-01 00:02+00", event_to="2026-01-01 00:03+00")
    gap(channel="other")
    quiet = gap(cause="silent", first_missing=None, last_missing=None)
    gap(instrument_id=None)  # numbers of a whole subscription
    with connection, connection.cursor() as cursor:
        assert gaps.of_ids_within(cursor, deaf) == {MISSING: 1, FILLED: 2}
        assert gaps.of_ids_within(cursor, quiet) == {}
